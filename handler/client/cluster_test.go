package client_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

const (
	repo = "https://git.example.com/team/shop"
	name = "shop_main.45d3e"
)

const compose = `services:
  web:
    image: registry.example.com/shop:1
    volumes: ["data:/data"]
volumes:
  data:
    driver: anybox/buttervolume
`

// newCluster is three nodes that run the production handler and guard.
func newCluster(t *testing.T) *sim.Cluster {
	t.Helper()
	memo := &inspect.Memo{}
	return cluster(t, func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			incarnation := fmt.Sprint(w.Clock.Now().UnixNano())
			return handler.New(execute.DefaultConfig(node), w, incarnation, memo).Run(ctx)
		}
	})
}

// cluster is three nodes; with no program nobody begins a request.
func cluster(t *testing.T, program sim.Program) *sim.Cluster {
	t.Helper()
	c := sim.New(sim.Options{Seed: 1, Program: program, GuardProgram: func(string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error { return handler.Guard(ctx, w, app.DefaultTimes()) }
	}})
	t.Cleanup(c.Close)
	c.Push(repo, "main", port.Files{"docker-compose.yml": []byte(compose)}, sim.Behaviour{})
	run(t, c, 10*time.Second)
	return c
}

func run(t *testing.T, c *sim.Cluster, d time.Duration) {
	t.Helper()
	if err := c.RunFor(d); err != nil {
		t.Fatal(err)
	}
}

// at lets somebody at node a use a client, and returns when f has.
func at(t *testing.T, c *sim.Cluster, f func(ctx context.Context, c *client.Client)) {
	t.Helper()
	done := false
	c.Shell("a", "client", func(ctx context.Context, w port.World) {
		f(ctx, of(w))
		done = true
	})
	limit := c.Now() + 3*time.Hour
	if err := c.Run(func() bool { return done || c.Now() > limit }); err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatal("the client has not returned after 3 hours")
	}
}

func of(w port.World) *client.Client {
	return &client.Client{KV: w.KV, Events: w.Events, Members: w.Members, Clock: w.Clock, Times: app.DefaultTimes(), Steps: steps}
}

func steps(o app.Operation, node string) []string {
	var all []string
	for _, s := range plan.For(o, node) {
		all = append(all, string(s.In)+" "+s.String())
	}
	return all
}

// ask submits a payload and follows it to its end.
func ask(t *testing.T, c *sim.Cluster, kind app.Kind, payload string) (end client.End, told []client.Progress) {
	t.Helper()
	at(t, c, func(ctx context.Context, cl *client.Client) {
		sent, err := cl.Submit(ctx, kind, []byte(payload))
		if err == nil {
			end, err = cl.Follow(ctx, sent.ID, func(p client.Progress) { told = append(told, p) })
		}
		if err != nil {
			t.Errorf("%s %s: %v", kind, payload, err)
		}
	})
	return end, told
}

func deploy(master, slave string) string {
	return fmt.Sprintf(`{"repo": %q, "branch": "main", "master": %q, "slave": %q}`, repo, master, slave)
}

func words(told []client.Progress, w client.Word) []client.Progress {
	return slices.DeleteFunc(slices.Clone(told), func(p client.Progress) bool { return p.Word != w })
}

// keys lists the keys below prefix.
func keys(c *sim.Cluster, prefix string) (found []string) {
	pairs, _ := c.KV()
	for _, p := range pairs {
		if len(p.Key) > len(prefix) && p.Key[:len(prefix)] == prefix {
			found = append(found, p.Key)
		}
	}
	return found
}
