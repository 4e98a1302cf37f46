package sim_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestWrite_ReachesTheMastersVolume(t *testing.T) {
	name, volume := site().Name(), site().Volume("data")
	c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		if _, err := c.Write(name); !errors.Is(err, sim.ErrUnrouted) {
			t.Errorf("before any route: %v", err)
		}
		up(ctx, t, c, "a", w, 1, sim.Behaviour{})
		route(ctx, t, c, "a")
		for range 3 {
			_, err := c.Write(name)
			must(t, err)
		}
	})
	if got := content(c, "a", volume); got != "1 2 3" {
		t.Errorf("the volume holds %s", got)
	}
	acks := c.Acked(name)
	edges := []string{}
	for _, a := range acks {
		edges = append(edges, a.Edge)
		if a.Node != "a" || !slices.Equal(a.Volumes, []string{volume}) {
			t.Errorf("acknowledged %+v", a)
		}
	}
	slices.Sort(edges)
	if !slices.Equal(edges, []string{"a", "b", "c"}) || c.Refused(name) != 1 {
		t.Errorf("edges %q, refused %d", edges, c.Refused(name))
	}
}

func TestWrite_FollowsWhatTheEdgeHasPublished(t *testing.T) {
	name := site().Name()
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		up(ctx, t, c, "a", w, 1, sim.Behaviour{})
		route(ctx, t, c, "a")
		c.Put("maintenance/"+name, []byte("op"))
		_, err := w.Edge.Publish(ctx)
		must(t, err)
		if _, err := c.WriteAt("a", name); !errors.Is(err, sim.ErrMaintenance) {
			t.Errorf("the edge that has published maintenance: %v", err)
		}
		_, err = c.WriteAt("b", name) // it has not yet
		must(t, err)
		c.Cut(sim.HTTP, "b", "a")
		if _, err := c.WriteAt("b", name); !errors.Is(err, sim.ErrUnreachable) {
			t.Errorf("over a cut link: %v", err)
		}
	})
}

func TestWrite_NeedsAHealthyContainer(t *testing.T) {
	for _, how := range []sim.Behaviour{{NeverHealthy: true}, {Exits: true}, {Health: time.Hour}} {
		shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
			up(ctx, t, c, "a", w, 1, how)
			route(ctx, t, c, "a")
			if _, err := c.Write(site().Name()); !errors.Is(err, sim.ErrUnreachable) {
				t.Errorf("%+v: %v", how, err)
			}
		})
	}
}

func TestWrite_IntoAReplacedVolumeIsLost(t *testing.T) {
	name, volume := site().Name(), site().Volume("data")
	c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		up(ctx, t, c, "a", w, 1, sim.Behaviour{})
		route(ctx, t, c, "a")
		s, err := w.Snapshots.Take(ctx, volume)
		must(t, err)
		must(t, w.Volumes.Restore(ctx, s.Name, volume))
		_, err = c.Write(name) // the container still writes into the old one
		must(t, err)
	})
	if got := content(c, "a", volume); got != "" {
		t.Errorf("the new volume holds %q", got)
	}
}

func TestWriter_StopsWhenToldTo(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	stop := c.Writer("nobody", time.Second)
	must(t, c.RunFor(10*time.Second+time.Millisecond))
	stop()
	must(t, c.RunFor(time.Minute))
	if c.Refused("nobody") != 10 {
		t.Errorf("%d writes in 10 seconds", c.Refused("nobody"))
	}
}

func TestAsk_WakesEveryNodeByAnEvent(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	got := map[string]string{}
	for _, node := range c.Nodes() {
		c.Go(node, "listener", func(ctx context.Context, w port.World) {
			events, _, err := w.Events.Recent(ctx, 0, time.Minute)
			if err == nil && len(events) == 1 {
				got[node] = events[0].Name + " " + string(events[0].Payload)
			}
		})
	}
	id, err := c.Ask("b", app.Request{Kind: app.Deploy, App: site(), New: app.Placement{Master: "a"}})
	must(t, err)
	must(t, c.RunFor(time.Second))
	for _, node := range c.Nodes() {
		if got[node] != `deploy {"ref":"`+id+`"}` {
			t.Errorf("%s got %q", node, got[node])
		}
	}
	if c.Quiet() || !strings.Contains(string(c.Get("request/"+id).Value), `"kind":"deploy"`) {
		t.Errorf("request is %s, quiet %t", c.Get("request/"+id).Value, c.Quiet())
	}
	if _, err := c.Post(app.Request{ID: id, Kind: app.Destroy, App: site()}); !errors.Is(err, port.ErrRefused) {
		t.Errorf("the same id again: %v", err)
	}
}

func TestGossip_LosesRepeatsAndDelays(t *testing.T) {
	arrived := func(g sim.Gossiping, within time.Duration) int {
		c := sim.New(sim.Options{Nodes: []string{"a", "b"}})
		t.Cleanup(c.Close)
		c.Gossip(g)
		c.Fire("a", "deploy", nil)
		must(t, c.RunFor(within))
		n := 0
		c.Shell("b", "count", func(ctx context.Context, w port.World) {
			events, _, err := w.Events.Recent(ctx, 99, 0)
			must(t, err)
			n = len(events)
		})
		must(t, c.RunFor(time.Second))
		return n
	}
	for _, x := range []struct {
		says   string
		g      sim.Gossiping
		within time.Duration
		want   int
	}{
		{"plain", sim.Gossiping{}, time.Second, 1},
		{"lost", sim.Gossiping{Lose: 100}, time.Hour, 0},
		{"repeated", sim.Gossiping{Repeat: 100}, time.Second, 2},
		{"late", sim.Gossiping{Delay: 100, Most: 24 * time.Hour}, time.Minute, 0},
		{"late, later", sim.Gossiping{Delay: 100, Most: time.Minute}, 2 * time.Minute, 1},
	} {
		if got := arrived(x.g, x.within); got != x.want {
			t.Errorf("%s: %d events", x.says, got)
		}
	}
}

func TestForget_SendsIndexesBackwards(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.Put("app/x", []byte("1"))
		backup, _ := c.KV()
		for range 5 {
			c.Put("app/y", []byte(time.Duration(c.Steps()).String()))
			must(t, w.Clock.Sleep(ctx, time.Second))
		}
		_, index, err := w.KV.List(ctx, "app/")
		must(t, err)
		c.Forget(backup...)
		next, err := w.KV.Wait(ctx, "app/", index, time.Minute)
		pairs, _, _ := w.KV.List(ctx, "")
		if err != nil || next != 0 || len(pairs) != 1 || pairs[0].Key != "app/x" {
			t.Errorf("index %d, %v, pairs %+v", next, err, pairs)
		}
	})
}
