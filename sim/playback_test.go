package sim_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim"
)

// tape is what the handlers of a simulated cluster write down, and what
// happens besides.
type tape struct {
	t     *testing.T
	c     *sim.Cluster
	ticks time.Duration // makes every look at the clock another nanosecond
	files map[string]*bytes.Buffer
	off   map[string]bool
	note  *witness.Note
}

// ticking is a clock of which no two looks are the same.
type ticking struct {
	port.Clock
	t *tape
}

func (k ticking) Boot() time.Duration { k.t.ticks++; return k.Clock.Boot() + k.t.ticks }

func (k ticking) Now() time.Time { return k.Clock.Now().Add(k.t.ticks) }

// alive writes for a process until it dies.
type alive struct {
	ctx context.Context
	out *bytes.Buffer
}

func (a alive) Write(line []byte) (int, error) {
	if a.ctx.Err() != nil {
		return len(line), nil
	}
	return a.out.Write(line)
}

// record is a cluster of the production handler whose calls are written down.
func record(t *testing.T, o sim.Options) *tape {
	t.Helper()
	r := &tape{t: t, files: map[string]*bytes.Buffer{}, off: map[string]bool{}}
	times, memo := app.DefaultTimes(), &inspect.Memo{}
	o.Nodes, o.Trace = []string{"a", "b", "c", "d"}, true
	o.Program = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			if r.files[node] == nil {
				r.files[node] = &bytes.Buffer{}
			}
			seen := witness.New(alive{ctx, r.files[node]}, witness.Config{Node: node, Version: "test", Clock: ticking{w.Clock, r}, Log: slog.New(slog.DiscardHandler)}).World(w)
			return handler.New(execute.DefaultConfig(node), seen, fmt.Sprintf("%d-%d", w.Clock.Now().UnixNano(), w.Clock.Boot()), memo).Run(ctx)
		}
	}
	o.GuardProgram = func(string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error { return handler.Guard(ctx, w, times) }
	}
	r.files["world"] = &bytes.Buffer{}
	o.OnStep = func(*sim.Cluster) { r.power() }
	r.c = sim.New(o)
	t.Cleanup(r.c.Close)
	note, err := witness.NewNote(r.files["world"], witness.Header{Wall: epoch})
	must(t, err)
	r.note = note
	return r
}

var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// happens writes down what no handler did.
func (r *tape) happens(h witness.Happening) {
	r.ticks++
	h.Start = r.c.Now() + r.ticks
	r.ticks++
	h.End = r.c.Now() + r.ticks
	must(r.t, r.note.Happens(h))
}

// power notes who has lost it or has it again.
func (r *tape) power() {
	if r.c == nil {
		return
	}
	for _, node := range r.c.Nodes() {
		if off := !r.c.Powered(node); off != r.off[node] {
			r.off[node] = off
			kind := map[bool]string{true: witness.PowerOff, false: witness.PowerOn}[off]
			r.happens(witness.Happening{World: kind, Node: node})
		}
	}
}

// asks lets one request come to its end.
func (r *tape) asks(q app.Request) {
	r.t.Helper()
	_, err := r.c.Ask("a", q)
	must(r.t, err)
	if err := r.c.Run(func() bool { return r.c.Quiet() || r.c.Now() > 2*time.Hour }); err != nil {
		r.t.Fatalf("%v\n%s", err, lines(r.c))
	}
	must(r.t, r.c.RunFor(2*time.Minute))
}

func (r *tape) deploys(master, slave string) {
	r.t.Helper()
	r.asks(app.Request{Kind: app.Deploy, App: site(), New: app.Placement{Master: master, Slave: slave}})
}

// recordings reads what was written.
func (r *tape) recordings() []witness.Recording {
	r.t.Helper()
	var all []witness.Recording
	for name, data := range r.files {
		one, err := witness.Read(name, bytes.NewReader(data.Bytes()))
		must(r.t, err)
		all = append(all, one)
	}
	return all
}

// replayed plays everything back, which must show no difference.
func replayed(t *testing.T, all []witness.Recording) sim.PlaybackResult {
	t.Helper()
	result, err := sim.Playback(all...)
	must(t, err)
	for _, d := range result.Differences {
		t.Error(d)
	}
	return result
}

// pushes makes a new commit of the site.
func (r *tape) pushes(release string) {
	files := port.Files{"docker-compose.yml": []byte(`services:
  web:
    build: .
    restart: unless-stopped
    environment: {RELEASE: "` + release + `"}
    healthcheck: {test: [CMD, "true"]}
    volumes: ["data:/data", "cache:/cache"]
volumes:
  data: {driver: anybox/buttervolume}
  cache: {}
`), "Dockerfile": []byte("FROM scratch\n"), "update.sh": []byte("true\n")}
	commit := r.c.Push(repo, "main", files, sim.Behaviour{})
	r.happens(witness.Happening{World: witness.Push, Repo: repo, Branch: "main", Commit: commit})
}

// The moves of one application, one after the other.
var moves = [][2]string{{"a", "b"}, {"a", "b"}, {"b", "a"}, {"c", "d"}, {"c", ""}, {"a", "c"}, {"b", "c"}}

func TestPlayback_OfSimulatedNodesShowsNoDifference(t *testing.T) {
	r := record(t, sim.Options{Seed: 1})
	for i, m := range moves {
		r.pushes(fmt.Sprint(i))
		r.deploys(m[0], m[1])
	}
	r.asks(app.Request{Kind: app.Destroy, App: site()})
	result := replayed(t, r.recordings())
	if result.Compared < 1000 || result.Excused > 100 {
		t.Errorf("of %d calls %d were compared, %d excused", result.Calls, result.Compared, result.Excused)
	}
	result.Differences = nil
	t.Logf("%+v", result)
}

func TestPlayback_OfSimulatedFaultsShowsNoDifference(t *testing.T) {
	for _, f := range []sim.Fault{
		{Node: "a", Call: "Snapshots.Send", Phase: sim.Half},
		{Node: "a", Call: "Snapshots.Send", Phase: sim.Lost},
		{Node: "b", Call: "Volumes.Restore", Phase: sim.Late},
		{Node: "b", Call: "Stack.Up", Phase: sim.CrashAfter},
		{Node: "b", Call: "Stack.Up", Phase: sim.PowerAfter},
		{Node: "b", Call: "KV.Apply:commit", Phase: sim.Lost},
		{Node: "b", Call: "KV.Apply:commit", Phase: sim.Late},
		{Node: "a", Call: "Stack.Stop", Phase: sim.Late},
		{Node: "a", Call: "KV.Apply:switching", Phase: sim.CrashAfter},
		{Node: "b", Call: "Images.Build", Phase: sim.ErrorBefore},
		{Node: "b", Call: "Source.Checkout", Phase: sim.Hang},
	} {
		t.Run(strings.ReplaceAll(f.String(), " ", "_"), func(t *testing.T) {
			r := record(t, sim.Options{Seed: 2})
			r.pushes("1")
			r.deploys("a", "b")
			armed := r.c.Inject(f)
			r.pushes("2")
			r.deploys("b", "a")
			if armed.Fired == 0 {
				t.Fatal("the fault did not strike")
			}
			r.c.Disarm()
			r.deploys("b", "c")
			result := replayed(t, r.recordings())
			result.Differences = nil
			t.Logf("%+v", result)
		})
	}
}

// recorded are the runs of real nodes: folders of their recordings.
const recorded = "../fixtures/recordings"

func unpacked(t *testing.T, folder string) (all []witness.Recording) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recorded, folder, "*.jsonl.gz"))
	must(t, err)
	for _, name := range files {
		f, err := os.Open(name)
		must(t, err)
		in, err := gzip.NewReader(f)
		must(t, err)
		r, err := witness.Read(name, in)
		must(t, err)
		must(t, f.Close())
		all = append(all, r)
	}
	return all
}

// What real nodes answered the fakes answer too.
func TestPlayback_OfRealNodesShowsNoDifference(t *testing.T) {
	folders, err := os.ReadDir(recorded)
	must(t, err)
	if len(folders) < 3 {
		t.Fatalf("only %d recordings in %s", len(folders), recorded)
	}
	for _, f := range folders {
		t.Run(f.Name(), func(t *testing.T) {
			result := replayed(t, unpacked(t, f.Name()))
			if result.Compared < 500 || result.Between+result.Excused > result.Compared/10 {
				t.Errorf("of %d calls %d were compared, %d excused, %d seen half done", result.Calls, result.Compared, result.Excused, result.Between)
			}
		})
	}
}
