package witness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim"
)

// seen runs body with the world of a simulated node whose calls are written
// down, and returns what was written.
func seen(t *testing.T, c witness.Config, body func(ctx context.Context, cluster *sim.Cluster, w port.World)) string {
	t.Helper()
	var out bytes.Buffer
	cluster := sim.New(sim.Options{})
	defer cluster.Close()
	done := false
	cluster.Shell("a", "test", func(ctx context.Context, w port.World) {
		c.Node, c.Clock = "a", w.Clock
		if c.Log == nil {
			c.Log = slog.New(slog.DiscardHandler)
		}
		body(ctx, cluster, witness.New(&out, c).World(w))
		done = true
	})
	if err := cluster.Run(func() bool { return done }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func read(t *testing.T, text string) witness.Recording {
	t.Helper()
	r, err := witness.Read("test", strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// call calls a method with nothing in its arguments.
func call(ctx context.Context, m reflect.Value) {
	in := make([]reflect.Value, m.Type().NumIn())
	for i := range in {
		in[i] = reflect.Zero(m.Type().In(i))
		switch m.Type().In(i) {
		case reflect.TypeFor[context.Context]():
			in[i] = reflect.ValueOf(ctx)
		case reflect.TypeFor[func(context.Context)]():
			in[i] = reflect.ValueOf(func(context.Context) {})
		}
	}
	m.Call(in)
}

func TestWitness_WritesEveryCall(t *testing.T) {
	text := seen(t, witness.Config{}, func(ctx context.Context, _ *sim.Cluster, w port.World) {
		ports := reflect.ValueOf(w)
		for i := range ports.NumField() {
			if p := ports.Field(i); p.Kind() == reflect.Interface {
				for j := range p.NumMethod() {
					call(ctx, p.Method(j))
				}
			}
		}
	})
	var names []string
	for _, c := range read(t, text).Calls {
		names = append(names, c.Call)
		if !c.Back() || c.End < c.Start || c.Node != "a" {
			t.Errorf("%+v", c)
		}
	}
	for _, m := range porttest.Methods() {
		silent := m == "Clock.Now" || m == "Clock.Boot" // they are the times of the lines
		if slices.Contains(names, m) == silent {
			t.Errorf("%s is written: %v", m, !silent)
		}
	}
}

func TestWitness_NamesTheTask(t *testing.T) {
	text := seen(t, witness.Config{}, func(ctx context.Context, _ *sim.Cluster, w port.World) {
		w.Tasks.Go(ctx, "poll", func(ctx context.Context) { _, _ = w.Volumes.List(ctx) })
		_ = w.Clock.Sleep(ctx, time.Second)
	})
	for _, c := range read(t, text).Calls {
		if want := map[string]string{"Volumes.List": "poll"}[c.Call]; c.Task != want {
			t.Errorf("%s by the task %q, want %q", c.Call, c.Task, want)
		}
	}
}

func TestWitness_ShowsACallThatDoesNotComeBack(t *testing.T) {
	text := seen(t, witness.Config{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", "v")
		c.DriverStalls("a", true)
		w.Tasks.Go(ctx, "stuck", func(ctx context.Context) { _, _ = w.Snapshots.Take(ctx, "v") })
		_ = w.Clock.Sleep(ctx, time.Minute)
	})
	all := read(t, text).Calls
	i := slices.IndexFunc(all, func(c witness.Call) bool { return c.Call == "Snapshots.Take" })
	if i < 0 || all[i].Back() || string(all[i].Args[0]) != `"v"` {
		t.Errorf("calls are %+v", all)
	}
}

// The values of one key, as transactions and reads have them.
func TestWitness_WritesAValueOfTheKVOnce(t *testing.T) {
	long, binary := strings.Repeat("a long value ", 100), []byte{0xff, 0, 1}
	text := seen(t, witness.Config{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		put := func(value []byte) {
			_, _ = w.KV.Apply(ctx, port.Txn{Name: "test", Ops: []port.Op{{Verb: port.Put, Key: "k/1", Value: value}}})
		}
		put([]byte(long))
		for range 5 {
			_, _ = w.KV.Get(ctx, "k/1")
			_, _, _ = w.KV.List(ctx, "k/")
		}
		c.Put("k/1", binary)
		_, _ = w.KV.Get(ctx, "k/1")
		put(nil)
		_, _, _ = w.KV.List(ctx, "k/")
		_, _ = w.KV.Get(ctx, "none")
	})
	if n := strings.Count(text, long); n != 1 {
		t.Errorf("the value is there %d times", n)
	}
	var values []string
	for _, c := range read(t, text).Calls {
		var p witness.Pair
		var l witness.List
		switch c.Call {
		case "KV.Get":
			check(t, json.Unmarshal(c.Answer, &p))
			l.Pairs = []witness.Pair{p}
		case "KV.List":
			check(t, json.Unmarshal(c.Answer, &l))
		}
		for _, p := range l.Pairs {
			if p.Value == nil {
				values = append(values, "missing")
				continue
			}
			values = append(values, string(*p.Value))
		}
	}
	want := append(slices.Repeat([]string{long}, 10), string(binary), "", "missing")
	if !slices.Equal(values, want) {
		t.Errorf("read %q", values)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWitness_WritesNoSecrets(t *testing.T) {
	const secret = "hunter2"
	text := seen(t, witness.Config{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		files := port.Files{".env": []byte("PASSWORD=" + secret)}
		c.SetCheckout("a", "dir", files, sim.Behaviour{})
		_, _ = w.Checkouts.Read(ctx, "dir")
		_ = w.Checkouts.Write(ctx, "dir", files)
		body := json.RawMessage(`{"ID":"id","Name":"name","Check":{"Header":{"Authorization":["` + secret + `"]}}}`)
		_ = w.Checks.Register(ctx, "name", nil, body)
		_ = w.Checks.Deregister(ctx, "name", body)
	})
	if strings.Contains(text, secret) || !strings.Contains(text, witness.Sum([]byte("PASSWORD="+secret)).SHA256) {
		t.Errorf("it was written:\n%s", text)
	}
}

func TestWitness_KeepsWhatAnErrorIs(t *testing.T) {
	text := seen(t, witness.Config{}, func(ctx context.Context, _ *sim.Cluster, w port.World) {
		_, err := w.Checkouts.Read(ctx, "nowhere")
		if !errors.Is(err, port.ErrNotFound) {
			t.Errorf("the error became %v", err)
		}
	})
	f := read(t, text).Calls[0].Error
	if f == nil || !slices.Equal(f.Is, []string{"ErrNotFound"}) || !strings.Contains(f.Text, "nowhere") {
		t.Errorf("it is %+v", f)
	}
}

func TestWitness_EndsAtItsLimit(t *testing.T) {
	var log bytes.Buffer
	text := seen(t, witness.Config{Limit: 2000, Used: 500, Log: slog.New(slog.NewTextHandler(&log, nil))}, func(ctx context.Context, _ *sim.Cluster, w port.World) {
		for i := range 100 {
			if _, err := w.KV.Get(ctx, fmt.Sprint("key", i)); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n := len(read(t, text).Calls); len(text) > 1500 || len(text) < 1300 || n == 0 {
		t.Errorf("%d bytes, %d calls", len(text), n)
	}
	if n := strings.Count(log.String(), "recording ends"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWitness_ThatCannotWriteStopsNothing(t *testing.T) {
	var log bytes.Buffer
	c := sim.New(sim.Options{})
	defer c.Close()
	done := false
	c.Shell("a", "test", func(ctx context.Context, w port.World) {
		w = witness.New(full{}, witness.Config{Clock: w.Clock, Log: slog.New(slog.NewTextHandler(&log, nil))}).World(w)
		for range 3 {
			if _, err := w.KV.Get(ctx, "k"); err != nil {
				t.Error(err)
			}
		}
		done = true
	})
	check(t, c.Run(func() bool { return done }))
	if n := strings.Count(log.String(), "recording ends"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
}

const header = `{"witness":1,"node":"a","boot":1,"wall":"2026-01-01T00:00:00Z"}` + "\n"

func TestRead_RefusesWhatIsNoRecording(t *testing.T) {
	line := `{"node":"a","n":1,"call":"Stack.Up","start":2,"args":[{}]}` + "\n"
	for _, c := range []struct{ says, text, want string }{
		{"nothing", "", "no line with"},
		{"a call first", line, "does not begin with"},
		{"another format", strings.Replace(header, `"witness":1`, `"witness":9`, 1), "format 9"},
		{"something else", header + `{"a":1}` + "\n", "neither a call"},
		{"a begin twice", header + line + line, "begins twice"},
		{"an answer to another call", header + line + `{"node":"a","n":1,"call":"Stack.Stop","end":3}` + "\n", "begins as Stack.Up and ends as Stack.Stop"},
		{"a line that was cut in the middle", header + `{"node":"a","n":` + "\n" + line, "the line before"},
		{"a value that no line has", header + `{"node":"a","n":1,"call":"KV.Get","start":1,"end":2,"answer":{"key":"k","modify":3}}` + "\n", "has the value of k"},
	} {
		if _, err := witness.Read("x", strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.says, err)
		}
	}
	for says, text := range map[string]string{"at the end": header + line + `{"node":"a","n":2,`, "before another start": header + `{"node` + "\n" + header + line} {
		if r, err := witness.Read("x", strings.NewReader(text)); err != nil || len(r.Calls) != 1 {
			t.Errorf("a line that was cut %s: %v, %+v", says, err, r)
		}
	}
}

func TestNote_IsReadAgain(t *testing.T) {
	var out bytes.Buffer
	n, err := witness.NewNote(&out, witness.Header{Wall: time.Unix(0, 0).UTC(), Kernel: "k"})
	check(t, err)
	value := witness.Value("v")
	all := []witness.Happening{
		{World: witness.Push, Start: 1, End: 2, Repo: "r", Branch: "b", Commit: "c", Files: map[string]string{"f": "text"}},
		{World: witness.Put, Start: 3, End: 4, Key: "k", Value: &value}, {World: witness.Fault, Start: 5, End: 6, Node: "a", Call: "KV.*"},
	}
	for _, h := range all {
		check(t, n.Happens(h))
	}
	if r := read(t, out.String()); !reflect.DeepEqual(r.World, all) || r.Headers[0].Kernel != "k" {
		t.Errorf("read %+v", r)
	}
	if _, err := witness.NewNote(full{}, witness.Header{}); err == nil {
		t.Error("a full disk is no error")
	}
}

func BenchmarkWitness(b *testing.B) {
	c := sim.New(sim.Options{Instant: 1 << 62})
	defer c.Close()
	c.Put("k", make([]byte, 500))
	done := false
	c.Shell("a", "bench", func(ctx context.Context, w port.World) {
		w = witness.New(io.Discard, witness.Config{Clock: w.Clock, Limit: 1 << 60, Log: slog.New(slog.DiscardHandler)}).World(w)
		for b.Loop() {
			_, _ = w.KV.Get(ctx, "k")
		}
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		b.Fatal(err)
	}
}
