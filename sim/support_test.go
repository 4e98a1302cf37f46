package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// site is the application of these tests.
func site() app.App { return app.App{Repo: repo, Branch: "main"} }

// stackOf is the site's release of one operation.
func stackOf(seq uint64) app.Stack {
	a := site()
	id := fmt.Sprintf("operation-%d", seq)
	return app.Stack{Name: a.Name(), Project: a.Project(), Dir: app.Checkout(a.Name(), id), Seq: seq, ID: id}
}

// canonical is the compose file of a release: a web service with a volume of
// Buttervolume and one of Docker's own.
func canonical(s app.Stack) []byte {
	return fmt.Appendf(nil, `services:
  web:
    image: %[1]s-web:%[2]s
    build: {context: .}
    restart: unless-stopped
    healthcheck: {test: [CMD, "true"]}
    labels:
      %[3]s: %[4]s
      %[5]s: "%[6]d"
    volumes:
      - {type: volume, source: data, target: /data}
      - cache:/cache
      - {type: bind, source: %[7]s/%[1]s.%[6]d, target: /lease, read_only: true, bind: {create_host_path: false}}
volumes:
  data: {name: %[1]s_data, driver: "anybox/buttervolume:latest"}
  cache: {name: %[1]s_cache}
`, s.Project, s.ID, app.LabelApp, s.Name, app.LabelSeq, s.Seq, app.LeaseRoot)
}

// prepared lays and builds release seq on node.
func prepared(ctx context.Context, t *testing.T, c *sim.Cluster, node string, w port.World, seq uint64, how sim.Behaviour) app.Stack {
	t.Helper()
	s := stackOf(seq)
	c.SetCheckout(node, s.Dir, port.Files{"docker-compose.yml": []byte("services: {}\n"), "update.sh": []byte("true\n")}, how)
	if err := w.Checkouts.Write(ctx, s.Dir, port.Files{app.CanonicalFile: canonical(s)}); err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := w.Images.Pull(ctx, s); err != nil {
		t.Fatalf("pull: %v", err)
	}
	images, err := w.Images.Build(ctx, s)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	s.Images = images
	return s
}

// up runs release seq on node and waits until it is healthy.
func up(ctx context.Context, t *testing.T, c *sim.Cluster, node string, w port.World, seq uint64, how sim.Behaviour) app.Stack {
	t.Helper()
	s := prepared(ctx, t, c, node, w, seq, how)
	if err := w.Guard.Grant(ctx, app.Lease{Project: s.Project, Seq: seq}); err != nil {
		t.Fatalf("grant: %v", err)
	}
	if err := w.Stack.Up(ctx, s); err != nil {
		t.Fatalf("up: %v", err)
	}
	if err := w.Clock.Sleep(ctx, sim.DefaultTiming().Health); err != nil {
		t.Fatalf("sleep: %v", err)
	}
	return s
}

// route makes every edge send the site's requests to master.
func route(ctx context.Context, t *testing.T, c *sim.Cluster, master string) {
	t.Helper()
	value, err := json.Marshal(app.Record{RepoURL: repo, Branch: "main", Master: master})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	c.Put("app/"+site().Name(), value)
	for _, node := range c.Nodes() {
		if _, err := c.World(node).Edge.Publish(ctx); err != nil {
			t.Fatalf("publish at %s: %v", node, err)
		}
	}
}

// shell runs body in a shell of node a to its end.
func shell(t *testing.T, o sim.Options, body func(ctx context.Context, c *sim.Cluster, w port.World)) *sim.Cluster {
	t.Helper()
	c := sim.New(o)
	t.Cleanup(c.Close)
	done := false
	c.Shell("a", "test", func(ctx context.Context, w port.World) {
		body(ctx, c, w)
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		t.Fatalf("run: %v\n%s", err, lines(c))
	}
	return c
}

func lines(c *sim.Cluster) string {
	var b strings.Builder
	for _, e := range c.Trace() {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

// content is what is in a volume of node: numbers and marks.
func content(c *sim.Cluster, node, volume string) string {
	for _, v := range c.ObserveNode(node).Volumes {
		if v.Name == volume {
			return words(v.Records)
		}
	}
	return "no volume"
}

func words(records []sim.Record) string {
	var all []string
	for _, r := range records {
		if r.Number > 0 {
			all = append(all, fmt.Sprint(r.Number))
			continue
		}
		all = append(all, r.Mark)
	}
	return strings.Join(all, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
