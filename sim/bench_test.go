package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// rounds measures f, called b.N times in one task of node a.
func rounds(b *testing.B, c *sim.Cluster, f func(ctx context.Context, w port.World, i int) error) {
	b.Helper()
	b.ReportAllocs()
	defer c.Close()
	var err error
	done := false
	c.Go("a", "bench", func(ctx context.Context, w port.World) {
		for i := 0; i < b.N && err == nil; i++ {
			err = f(ctx, w, i)
		}
		done = true
	})
	b.ResetTimer()
	if end := c.Run(func() bool { return done }); end != nil || err != nil {
		b.Fatal(end, err)
	}
}

func BenchmarkKV_Get(b *testing.B) {
	c := sim.New(sim.Options{Instant: 1 << 62})
	for i := range 100 {
		c.Put(fmt.Sprintf("app/%03d", i), make([]byte, 500))
	}
	rounds(b, c, func(ctx context.Context, w port.World, _ int) error {
		_, err := w.KV.Get(ctx, "app/042")
		return err
	})
}

func BenchmarkKV_Apply(b *testing.B) {
	c := sim.New(sim.Options{Instant: 1 << 62})
	values := [][]byte{make([]byte, 500), append(make([]byte, 500), 1)}
	c.Put("operation/x", values[1])
	rounds(b, c, func(ctx context.Context, w port.World, i int) error {
		_, err := w.KV.Apply(ctx, port.Txn{Name: "ack", Ops: []port.Op{
			{Verb: port.Check, Key: "operation/x", Index: 1}, {Verb: port.Put, Key: "ack/x/1/a", Value: values[i%2]},
		}})
		return err
	})
}

func BenchmarkData_SnapshotAndSend(b *testing.B) {
	c := sim.New(sim.Options{Timing: sim.Timing{Snapshot: time.Millisecond, Send: time.Millisecond}})
	c.SetVolume("a", "v", numbers(1, 1000)...)
	rounds(b, c, func(ctx context.Context, w port.World, _ int) error {
		s, err := w.Snapshots.Take(ctx, "v")
		if err != nil {
			return err
		}
		if err := w.Snapshots.Send(ctx, s.Name, c.Address("b")); err != nil {
			return err
		}
		return w.Snapshots.Remove(ctx, s.Name)
	})
}

// idle is three nodes that do what they do when nothing happens: presence
// every beat, the guard's look every second.
func idle(o sim.Options) *sim.Cluster {
	times := app.DefaultTimes()
	o.Program = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			w.Tasks.Go(ctx, "watch", func(ctx context.Context) {
				for index := uint64(0); ctx.Err() == nil; {
					next, err := w.KV.Wait(ctx, "operation/", index, times.Poll)
					if err != nil {
						return
					}
					index = next
				}
			})
			for w.Clock.Sleep(ctx, times.Beat) == nil {
				if err := w.Presence.Join(ctx, app.Member{Name: node}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	o.GuardProgram = func(string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			for w.Clock.Sleep(ctx, times.GuardPoll) == nil {
				if err := w.Warden.Touch(ctx); err != nil {
					return err
				}
				if _, err := w.Guard.List(ctx); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return sim.New(o)
}

func BenchmarkIdle_SimulatedSeconds(b *testing.B) {
	c := idle(sim.Options{})
	defer c.Close()
	if err := c.RunFor(time.Duration(b.N) * time.Second); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(c.Steps())/float64(b.N), "steps/simulated-s")
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		c := idle(sim.Options{})
		if err := c.RunFor(time.Second); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
