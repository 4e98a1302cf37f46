package proxy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/proxy"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
	"github.com/mlfmonde/cluster/sim"
)

// listed is a KV as real Consul answers for a prefix without keys, with the
// index of everything, and that counts the listings.
type listed struct {
	port.KV
	all   func() uint64
	count *int
}

func (k listed) Wait(ctx context.Context, prefix string, index uint64, most time.Duration) (uint64, error) {
	pairs, _, err := k.KV.List(ctx, prefix)
	if err == nil && len(pairs) == 0 {
		return k.all(), nil
	}
	return k.KV.Wait(ctx, prefix, index, most)
}

func (k listed) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	*k.count++
	return k.KV.List(ctx, prefix)
}

func following(t *testing.T, f func(ctx context.Context, c *sim.Cluster, kv listed)) {
	t.Helper()
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	done := false
	c.Shell("a", "edge", func(ctx context.Context, w port.World) {
		all := func() uint64 { _, index := c.KV(); return index }
		f(ctx, c, listed{KV: w.KV, all: all, count: new(int)})
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		t.Fatal(err)
	}
}

func TestFollower_KeepsThePromisesOfAnEdge(t *testing.T) {
	porttest.Each(t, porttest.EdgeClauses(), func(_ porttest.T, body func(context.Context, porttest.EdgeEnv)) {
		following(t, func(ctx context.Context, _ *sim.Cluster, kv listed) {
			body(ctx, porttest.EdgeEnv{Edge: proxy.New(kv), KV: kv})
		})
	})
}

func TestFollower_HasSeenTheNewestChangeOfWhatTheProxiesFollow(t *testing.T) {
	following(t, func(ctx context.Context, c *sim.Cluster, kv listed) {
		edge := proxy.New(kv)
		publish := func() uint64 {
			p, err := edge.Publish(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return p.Index
		}
		if got := publish(); got != 0 {
			t.Errorf("an empty KV is seen up to %d", got)
		}
		for _, key := range []string{"app/x", "maintenance/x", "swarm/x", "app/y", "app/x"} {
			c.Put(key, []byte(time.Duration(c.Get(key).Modify+1).String()))
			if got, want := publish(), c.Get(key).Modify; got != want {
				t.Errorf("after %s: seen up to %d, want %d", key, got, want)
			}
		}
		before := publish()
		c.Delete("app/x")
		if got := publish(); got != before {
			t.Errorf("a deletion moved it from %d to %d", before, got)
		}
	})
}

// A node tells in the KV how far it has published. If that moved what it has
// published, it would tell for ever.
func TestFollower_IsNotMovedByWhatItLeadsTo(t *testing.T) {
	following(t, func(ctx context.Context, c *sim.Cluster, kv listed) {
		edge := proxy.New(kv)
		c.Put("app/x", []byte("1"))
		first, err := edge.Publish(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Put("node/a", []byte("published"))
		if again, err := edge.Publish(ctx); err != nil || !again.Same(first) {
			t.Errorf("seen %+v, then %+v, %v", first, again, err)
		}
	})
}

func TestFollower_FetchesValuesOnlyWhenTheyMoved(t *testing.T) {
	following(t, func(ctx context.Context, c *sim.Cluster, kv listed) {
		for _, key := range []string{"app/x", "maintenance/x", "swarm/x"} {
			c.Put(key, []byte("1"))
		}
		edge := proxy.New(kv)
		for range 5 {
			if _, err := edge.Publish(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if *kv.count != 3 {
			t.Errorf("%d listings, want one for each prefix", *kv.count)
		}
	})
}

func TestFollower_WithoutConsulHasPublishedNothing(t *testing.T) {
	following(t, func(ctx context.Context, c *sim.Cluster, kv listed) {
		c.ConsulAway(true)
		if _, err := proxy.New(kv).Publish(ctx); !errors.Is(err, port.ErrUnknown) {
			t.Errorf("got %v", err)
		}
	})
}
