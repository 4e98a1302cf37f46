package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func real(o sim.Options) *sim.Cluster {
	n := 0
	memo := &inspect.Memo{}
	o.Program = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			n++
			return handler.New(execute.DefaultConfig(node), w, fmt.Sprint(node, n), memo).Run(ctx)
		}
	}
	o.GuardProgram = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error { return handler.Guard(ctx, w, app.DefaultTimes()) }
	}
	return sim.New(o)
}

var realFiles = port.Files{"docker-compose.yml": []byte(`services:
  web:
    build: .
    restart: unless-stopped
    volumes: ["data:/data"]
    networks: [default]
volumes:
  data: {driver: "anybox/buttervolume:latest"}
`), "Dockerfile": []byte("FROM scratch\n")}

func deploy(t testing.TB, c *sim.Cluster, p app.Placement, ok bool) {
	id, err := c.Ask("a", app.Request{Kind: app.Deploy, App: site(), New: p})
	if err != nil {
		t.Fatal(err)
	}
	_ = id
	if err := c.Run(func() bool { return c.Quiet() || c.Now() > 2000*time.Hour }); err != nil {
		t.Fatalf("%v\n%s", err, lines(c))
	}
}

func TestSmoke(t *testing.T) {
	c := real(sim.Options{Trace: true})
	defer c.Close()
	c.Push(repo, "main", realFiles, sim.Behaviour{})
	if err := c.RunFor(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	stop := c.Writer(site().Name(), time.Second)
	_ = stop
	deploy(t, c, app.Placement{Master: "a", Slave: "b"}, true)
	fmt.Println("first", c.Now(), c.Steps())
	c.RunFor(30 * time.Second)
	deploy(t, c, app.Placement{Master: "b", Slave: "c"}, true)
	fmt.Println("move", c.Now(), c.Steps())
	c.RunFor(30 * time.Second)
	fmt.Println("acked", len(c.Acked(site().Name())), "refused", c.Refused(site().Name()))
	for _, e := range c.Trace() {
		if e.Call != "Warden.Touch" && e.Call != "Guard.List" && e.Call != "Presence.Join" && e.Call != "KV.Wait" {
			fmt.Println(e)
		}
	}
	kv, _ := c.KV()
	for _, p := range kv {
		fmt.Println(p.Key, string(p.Value))
	}
	for _, o := range c.Observe() {
		fmt.Printf("%s ct=%v vol=%d snaps=%d sch=%v leases=%v svc=%v co=%v routes=%v\n", o.Node, o.Containers, len(o.Volumes), len(o.Snapshots), o.Schedules, o.Leases, o.Services, o.Checkouts, o.Routes)
	}
}

func BenchmarkDeploys(b *testing.B) {
	c := real(sim.Options{})
	defer c.Close()
	c.Push(repo, "main", realFiles, sim.Behaviour{})
	if err := c.RunFor(10 * time.Second); err != nil {
		b.Fatal(err)
	}
	ps := []app.Placement{{Master: "a", Slave: "b"}, {Master: "b", Slave: "c"}}
	b.ResetTimer()
	for i := range b.N {
		deploy(b, c, ps[i%2], true)
	}
	b.ReportMetric(float64(c.Steps())/float64(b.N), "steps/op")
	b.ReportMetric(c.Now().Seconds()/float64(b.N), "sim-s/op")
}
