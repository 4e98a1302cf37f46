package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

func put(key string) port.Txn {
	return port.Txn{Name: "commit", Ops: []port.Op{{Verb: port.CAS, Key: key, Value: []byte("x")}}}
}

// outcome is what a fault made of one write by node a's handler.
type outcome struct {
	err     error
	took    time.Duration
	there   bool // the write, when the call ended
	later   bool // the write, ten minutes after
	alive   bool // the handler, after a second
	powered bool
	fired   int
}

func struck(t *testing.T, f sim.Fault) outcome {
	t.Helper()
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	a := c.Inject(f)
	var o outcome
	done := false
	c.Go("a", "write", func(ctx context.Context, w port.World) {
		_, o.err = w.KV.Apply(ctx, put("k"))
		o.took, o.there, done = c.Now(), c.Get("k").Modify > 0, true
	})
	must(t, c.Run(func() bool { return done }))
	must(t, c.RunFor(time.Second))
	o.alive, o.powered = c.Alive("a", sim.Handler), c.Powered("a")
	must(t, c.RunFor(10*time.Minute))
	o.later, o.fired = c.Get("k").Modify > 0, a.Fired
	return o
}

func TestFault_EveryPhaseOfAWrite(t *testing.T) {
	call := app.DefaultTimes().CallTimeout
	for _, x := range []struct {
		phase                        sim.Phase
		err                          error
		took                         time.Duration
		there, later, alive, powered bool
	}{
		{sim.ErrorBefore, port.ErrUnknown, 0, false, false, true, true},
		{sim.Lost, port.ErrUnknown, 0, true, true, true, true},
		{sim.Hang, port.ErrUnknown, call, false, false, true, true},
		{sim.Slow, nil, time.Second, true, true, true, true},
		{sim.CrashBefore, sim.ErrDead, 0, false, false, false, true},
		{sim.CrashAfter, sim.ErrDead, 0, true, true, false, true},
		{sim.PowerBefore, sim.ErrDead, 0, false, false, false, false},
		{sim.PowerAfter, sim.ErrDead, 0, true, true, false, false},
		{sim.Late, port.ErrUnknown, 0, false, true, true, true},
		{sim.Half, port.ErrUnknown, 0, false, false, true, true},
	} {
		f := sim.Fault{Node: "a", Call: "KV.Apply:commit", Phase: x.phase}
		if x.phase == sim.Slow {
			f.For = time.Second
		}
		o := struck(t, f)
		if !errors.Is(o.err, x.err) || o.took != x.took || o.there != x.there || o.later != x.later || o.alive != x.alive || o.powered != x.powered || o.fired != 1 {
			t.Errorf("%s: %+v", x.phase, o)
		}
	}
}

func TestFault_Address(t *testing.T) {
	for _, x := range []struct {
		f    sim.Fault
		want string // which of five writes of a fail
	}{
		{sim.Fault{Call: "KV.Apply:commit"}, "1"},
		{sim.Fault{Call: "KV.Apply", Nth: 3}, "3"},
		{sim.Fault{Node: "a", Call: "KV.Apply:commit", Nth: 2, Times: 2}, "2 3"},
		{sim.Fault{Call: "KV.Apply:commit", Nth: 4, Times: -1}, "4 5"},
		{sim.Fault{Call: "KV.Apply:commit", Arg: "k5"}, "5"},
		{sim.Fault{Node: "b", Call: "KV.Apply:commit"}, ""},
		{sim.Fault{Process: sim.Guard, Call: "KV.Apply:commit"}, ""},
		{sim.Fault{Call: "KV.Get"}, ""},
	} {
		x.f.Phase = sim.ErrorBefore
		c := sim.New(sim.Options{})
		t.Cleanup(c.Close)
		armed := c.Inject(x.f)
		var failed []string
		c.Go("a", "writes", func(ctx context.Context, w port.World) {
			for i := range 5 {
				if _, err := w.KV.Apply(ctx, put(fmt.Sprint("k", i+1))); err != nil {
					failed = append(failed, fmt.Sprint(i+1))
				}
			}
		})
		must(t, c.RunFor(time.Minute))
		if got := fmt.Sprint(failed); got != "["+x.want+"]" || armed.Fired != len(failed) || len(armed.At) != armed.Fired {
			t.Errorf("%v: failed %s, fired %d", x.f, got, armed.Fired)
		}
	}
}

func TestFault_CrashRestartsUnlessForGood(t *testing.T) {
	for _, x := range []struct {
		phase sim.Phase
		down  time.Duration
		after time.Duration
		alive bool
	}{
		{sim.CrashBefore, 0, 5 * time.Second, true}, {sim.CrashAfter, time.Minute, 5 * time.Second, false},
		{sim.CrashAfter, time.Minute, 2 * time.Minute, true}, {sim.CrashBefore, -1, time.Hour, false},
		{sim.PowerBefore, 0, 10 * time.Minute, true}, {sim.PowerAfter, -1, time.Hour, false},
	} {
		c := sim.New(sim.Options{})
		t.Cleanup(c.Close)
		c.Inject(sim.Fault{Node: "a", Call: "Volumes.List", Phase: x.phase, Down: x.down})
		c.Go("a", "list", func(ctx context.Context, w port.World) { _, _ = w.Volumes.List(ctx) })
		must(t, c.RunFor(x.after))
		if c.Alive("a", sim.Handler) != x.alive {
			t.Errorf("%s down %v: alive %t after %v", x.phase, x.down, !x.alive, x.after)
		}
	}
}

func TestFault_HookFreezesTheCaller(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Inject(sim.Fault{Node: "a", Call: "KV.Get", Phase: sim.Hook, Do: func(c *sim.Cluster) {
		c.Freeze("a", sim.Handler)
		c.At(c.Now()+time.Hour, "thaw", func() { c.Thaw("a", sim.Handler) })
	}})
	var at time.Duration
	c.Go("a", "read", func(ctx context.Context, w port.World) {
		_, err := w.KV.Get(ctx, "k")
		must(t, err)
		at = c.Now()
	})
	must(t, c.RunFor(2*time.Hour))
	if at != time.Hour {
		t.Errorf("the call went on at %v", at)
	}
}

func TestFault_LateStartIsStoppedByTheLease(t *testing.T) {
	for _, leased := range []bool{false, true} {
		c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
			s := prepared(ctx, t, c, "a", w, 1, sim.Behaviour{})
			must(t, w.Guard.Grant(ctx, app.Lease{Project: s.Project, Seq: 1}))
			c.Inject(sim.Fault{Process: sim.Shell, Call: "Stack.Up", Phase: sim.Late, For: 20 * time.Second})
			if err := w.Stack.Up(ctx, s); !errors.Is(err, port.ErrUnknown) {
				t.Errorf("up: %v", err)
			}
			if !leased {
				must(t, w.Guard.Release(ctx, s.Project, 1))
			}
			must(t, w.Clock.Sleep(ctx, time.Minute))
		})
		if got := len(c.Running(site().Project())) == 1; got != leased {
			t.Errorf("lease there %t: runs %t", leased, got)
		}
	}
}

func TestFault_HalfASend(t *testing.T) {
	c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", "v", numbers(1, 4)...)
		s, err := w.Snapshots.Take(ctx, "v")
		must(t, err)
		c.Inject(sim.Fault{Process: sim.Shell, Call: "Snapshots.Send", Phase: sim.Half})
		if err := w.Snapshots.Send(ctx, s.Name, c.Address("b")); err == nil {
			t.Error("no error")
		}
	})
	if got := snaps(c, "b"); !slices.Equal(got, []string{"1 2 complete=false host="}) {
		t.Errorf("b has %q", got)
	}
}

func TestSites_ListWhatALearningRunCalls(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Go("b", "calls", func(ctx context.Context, w port.World) {
		_, _ = w.KV.Get(ctx, "x")
		_, _ = w.KV.Get(ctx, "y")
		_, _ = w.KV.Apply(ctx, put("z"))
	})
	must(t, c.RunFor(time.Second))
	want := []sim.Site{{Node: "b", Call: "KV.Get", Calls: 2}, {Node: "b", Call: "KV.Apply:commit", Calls: 1}}
	if got := c.Sites(); !slices.Equal(got, want) {
		t.Errorf("sites %+v", got)
	}
}

// busy is a program that does a little of everything, with faults around it.
func busy(t *testing.T, o sim.Options) *sim.Cluster {
	t.Helper()
	o.Program = func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			w.Tasks.Go(ctx, "presence", func(ctx context.Context) {
				for w.Clock.Sleep(ctx, 3*time.Second) == nil {
					_ = w.Presence.Join(ctx, app.Member{Name: node})
				}
			})
			for i := 0; ctx.Err() == nil; i++ {
				p, err := w.KV.Get(ctx, "counter")
				if err == nil {
					_, err = w.KV.Apply(ctx, port.Txn{Name: "count", Ops: []port.Op{{Verb: port.CAS, Key: "counter", Value: fmt.Append(nil, node, i), Index: p.Modify}}})
				}
				w.Log.Info("counted", "i", i, "err", err)
				if w.Clock.Sleep(ctx, time.Second) != nil {
					break
				}
			}
			return ctx.Err()
		}
	}
	c := sim.New(o)
	t.Cleanup(c.Close)
	c.Gossip(sim.Gossiping{Lose: 20, Repeat: 20, Delay: 50})
	c.Inject(sim.Fault{Call: "KV.Apply:count", Nth: 7, Phase: sim.CrashAfter})
	c.Inject(sim.Fault{Node: "b", Call: "KV.Get", Nth: 20, Phase: sim.PowerBefore, Down: 10 * time.Second})
	c.Inject(sim.Fault{Node: "c", Call: "KV.Apply:count", Nth: 5, Phase: sim.Late})
	must(t, c.RunFor(5*time.Minute))
	return c
}

func TestCluster_OneSeedIsOneRun(t *testing.T) {
	hashes := map[uint64]bool{}
	for seed := range uint64(8) {
		o := sim.Options{Seed: seed, Strategy: sched.Strategy{Kind: sched.Random, Seed: seed}}
		first, second := busy(t, o), busy(t, o)
		o.Trace = true
		traced, again := busy(t, o), busy(t, o)
		if first.Hash() != second.Hash() || first.Hash() != traced.Hash() || first.Steps() != second.Steps() {
			t.Errorf("seed %d: hashes %x %x %x", seed, first.Hash(), second.Hash(), traced.Hash())
		}
		if lines(traced) != lines(again) || len(traced.Trace()) < 1000 {
			t.Errorf("seed %d: %d and %d lines differ", seed, len(traced.Trace()), len(again.Trace()))
		}
		hashes[first.Hash()] = true
	}
	if len(hashes) != 8 {
		t.Errorf("8 seeds make %d runs", len(hashes))
	}
}

func TestCluster_ReplaysItsTape(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Turns, sched.Random, sched.PCT} {
		o := sim.Options{Seed: 3, Strategy: sched.Strategy{Kind: kind, Seed: 5, Depth: 3}, Record: true}
		c := busy(t, o)
		o.Strategy = sched.Strategy{Kind: sched.Replay, Tape: c.Tape()}
		if again := busy(t, o); again.Hash() != c.Hash() {
			t.Errorf("%s: replay of %d choices has another hash", kind, len(c.Tape()))
		}
	}
}

func TestCluster_RefusesARealDeadline(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Go("a", "impatient", func(ctx context.Context, w port.World) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		_, _ = w.KV.Get(ctx, "k")
	})
	if err := c.RunFor(time.Second); err == nil {
		t.Error("the run went on")
	}
}

func TestCluster_StopsAtABrokenInvariant(t *testing.T) {
	broken := errors.New("broken")
	c := sim.New(sim.Options{OnStep: func(c *sim.Cluster) {
		if c.Get("k").Modify > 0 {
			c.Fail(broken)
		}
	}})
	t.Cleanup(c.Close)
	c.At(time.Minute, "operator", func() { c.Put("k", nil) })
	if err := c.RunFor(time.Hour); err != broken || c.Now() != time.Minute {
		t.Errorf("%v at %v", err, c.Now())
	}
}
