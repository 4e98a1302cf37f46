package sched_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// chatter runs n tasks that each make steps words, and returns the words in
// the order they were said.
func chatter(t *testing.T, o sched.Options, n, steps int) (string, *sched.Scheduler) {
	t.Helper()
	s := sched.New(o)
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	var said strings.Builder
	for i := range n {
		s.Go(own.Context(), own, fmt.Sprint(i), func(ctx context.Context) {
			for range steps {
				fmt.Fprintf(&said, "%d", i)
				if s.Yield(ctx) != nil {
					return
				}
			}
		})
	}
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		t.Fatalf("run ended with %v", err)
	}
	return said.String(), s
}

func TestStrategy_OneSeedIsOneOrder(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Random, sched.PCT} {
		orders := map[string]bool{}
		for seed := range uint64(20) {
			o := sched.Options{Strategy: sched.Strategy{Kind: kind, Seed: seed, Depth: 3, Steps: 40}}
			a, _ := chatter(t, o, 4, 10)
			if b, _ := chatter(t, o, 4, 10); a != b {
				t.Errorf("%s seed %d: %s, then %s", kind, seed, a, b)
			}
			orders[a] = true
		}
		if kind != sched.Fifo && len(orders) < 15 {
			t.Errorf("%s: 20 seeds make %d orders", kind, len(orders))
		}
	}
}

func TestFifo_GoesOnUntilItWaits(t *testing.T) {
	if got, _ := chatter(t, sched.Options{}, 3, 4); got != "000011112222" {
		t.Errorf("order %s", got)
	}
	if got, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.Turns}}, 3, 3); got != "012012012" {
		t.Errorf("turns make %s", got)
	}
}

func TestPCT_RunsTheHighestUntilAChange(t *testing.T) {
	got, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.PCT, Seed: 3, Depth: 1}}, 3, 3)
	if len(got) != 9 || strings.Count(got, got[:1]) != 3 || got[:3] != strings.Repeat(got[:1], 3) {
		t.Errorf("without a change point the order is %s", got)
	}
}

func TestReplay_RepeatsARun(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Turns, sched.Random, sched.PCT} {
		want, s := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: kind, Seed: 9, Depth: 3, Steps: 40}, Record: true}, 4, 10)
		got, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.Replay, Tape: s.Tape()}}, 4, 10)
		if got != want || len(s.Tape()) == 0 {
			t.Errorf("%s: replay of %d choices is %s, was %s", kind, len(s.Tape()), got, want)
		}
	}
}

func TestSleep_JumpsToTheNextWaking(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	var said []string
	for _, d := range []time.Duration{3 * time.Hour, time.Second, 2 * time.Minute} {
		s.Go(own.Context(), own, "sleeper", func(ctx context.Context) {
			if err := s.Sleep(ctx, d); err == nil {
				said = append(said, fmt.Sprintf("%v at %v", d, s.Now()))
			}
		})
	}
	s.At(nil, time.Minute, "event", func() { said = append(said, "event") })
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		t.Fatalf("run ended with %v", err)
	}
	want := []string{"1s at 1s", "event", "2m0s at 2m0s", "3h0m0s at 3h0m0s"}
	if !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
}

func TestPark_EndsWithItsContextAtOnce(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	ctx, cancel := context.WithCancel(own.Context())
	var got error
	var at time.Duration
	s.Go(ctx, own, "waiter", func(ctx context.Context) { got, at = s.Park(ctx, time.Hour), s.Now() })
	s.Go(own.Context(), own, "canceller", func(ctx context.Context) {
		if s.Sleep(ctx, time.Second) == nil {
			cancel()
		}
	})
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) || !errors.Is(got, context.Canceled) || at != time.Second {
		t.Errorf("park returned %v at %v, run %v", got, at, err)
	}
}

func TestWake_BeforeTheDeadline(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	var at time.Duration
	waiter := s.Go(own.Context(), own, "waiter", func(ctx context.Context) {
		if s.Park(ctx, sched.Never) == nil {
			at = s.Now()
		}
	})
	s.At(nil, time.Minute, "wake", func() { s.Wake(waiter) })
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) || at != time.Minute {
		t.Errorf("woken at %v, run %v", at, err)
	}
}

func TestKill_UnwindsTasksAndDropsEvents(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own, other := s.NewOwner("p"), s.NewOwner("q")
	var said []string
	s.Go(own.Context(), own, "victim", func(ctx context.Context) {
		defer func() { said = append(said, "defer: "+s.Yield(ctx).Error()) }()
		err := s.Park(ctx, sched.Never)
		said = append(said, err.Error(), fmt.Sprint(ctx.Err()))
	})
	s.At(own, 2*time.Second, "its event", func() { said = append(said, "its event") })
	s.Go(other.Context(), other, "other", func(ctx context.Context) {
		_ = s.Sleep(ctx, time.Second)
		s.Kill(own)
		_ = s.Sleep(ctx, 5*time.Second)
		said = append(said, "other lives")
	})
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		t.Fatalf("run ended with %v", err)
	}
	dead := sched.ErrDead.Error()
	if want := []string{dead, "context canceled", "defer: " + dead, "other lives"}; !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
	if s.Go(own.Context(), own, "too late", func(context.Context) {}) != nil || own.Tasks() != 0 {
		t.Errorf("a dead owner has %d tasks", own.Tasks())
	}
}

func TestKill_OfItself(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	var after error
	s.Go(own.Context(), own, "suicide", func(ctx context.Context) {
		s.Kill(own)
		after = s.Yield(ctx)
	})
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) || after != sched.ErrDead {
		t.Errorf("next call returned %v, run %v", after, err)
	}
}

func TestKill_ReportsATaskThatNeverEnds(t *testing.T) {
	s := sched.New(sched.Options{DeadCalls: 50})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	s.Go(own.Context(), own, "stubborn", func(ctx context.Context) {
		for {
			_ = s.Yield(ctx)
		}
	})
	s.At(nil, 0, "kill", func() { s.Kill(own) })
	var undead *sched.Undead
	if err := s.Run(nil); !errors.As(err, &undead) || undead.Task != "stubborn" {
		t.Errorf("run ended with %v", err)
	}
}

func TestFreeze_HoldsWhatIsDue(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	var ticks []time.Duration
	s.Go(own.Context(), own, "ticker", func(ctx context.Context) {
		for range 4 {
			if s.Sleep(ctx, time.Second) != nil {
				return
			}
			ticks = append(ticks, s.Now())
		}
	})
	s.At(nil, 1500*time.Millisecond, "freeze", func() { s.Freeze(own) })
	s.At(nil, 10*time.Second, "thaw", func() { s.Thaw(own) })
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		t.Fatalf("run ended with %v", err)
	}
	if want := []time.Duration{time.Second, 10 * time.Second, 11 * time.Second, 12 * time.Second}; !slices.Equal(ticks, want) {
		t.Errorf("ticks at %v", ticks)
	}
}

func TestRun_ReportsPanicsAndLivelocks(t *testing.T) {
	s := sched.New(sched.Options{})
	t.Cleanup(s.Close)
	own := s.NewOwner("p")
	s.Go(own.Context(), own, "bad", func(context.Context) { panic("oh no") })
	var p *sched.Panic
	if err := s.Run(nil); !errors.As(err, &p) || p.Task != "bad" || p.Value != "oh no" || !strings.Contains(p.Stack, "sched_test.go") {
		t.Errorf("run ended with %v", err)
	}
	l := sched.New(sched.Options{Instant: 1000})
	t.Cleanup(l.Close)
	own = l.NewOwner("p")
	l.Go(own.Context(), own, "busy", func(ctx context.Context) {
		for l.Yield(ctx) == nil {
		}
	})
	var lock *sched.Livelock
	if err := l.Run(nil); !errors.As(err, &lock) || lock.Task != "busy" {
		t.Errorf("run ended with %v", err)
	}
}

func TestClose_EndsEveryCoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	s := sched.New(sched.Options{})
	own := s.NewOwner("p")
	for range 10 {
		s.Go(own.Context(), own, "waiter", func(ctx context.Context) { _ = s.Park(ctx, sched.Never) })
	}
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		t.Fatalf("run ended with %v", err)
	}
	s.Close()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func BenchmarkYield(b *testing.B) {
	for _, n := range []int{1, 2, 16} {
		b.Run(fmt.Sprint(n, " tasks"), func(b *testing.B) {
			s := sched.New(sched.Options{Instant: 1 << 62})
			defer s.Close()
			own := s.NewOwner("p")
			for range n {
				s.Go(own.Context(), own, "t", func(ctx context.Context) {
					for s.Yield(ctx) == nil {
					}
				})
			}
			end := uint64(b.N)
			_ = s.Run(func() bool { return s.Steps() >= end })
		})
	}
}

func BenchmarkSleep(b *testing.B) {
	s := sched.New(sched.Options{})
	defer s.Close()
	own := s.NewOwner("p")
	for i := range 16 {
		s.Go(own.Context(), own, "t", func(ctx context.Context) {
			for s.Sleep(ctx, time.Duration(i+1)*time.Second) == nil {
			}
		})
	}
	end := uint64(b.N)
	_ = s.Run(func() bool { return s.Steps() >= end })
}

func BenchmarkGo(b *testing.B) {
	s := sched.New(sched.Options{Instant: 1 << 62})
	defer s.Close()
	own := s.NewOwner("p")
	s.Go(own.Context(), own, "parent", func(ctx context.Context) {
		for range b.N {
			s.Go(ctx, own, "child", func(context.Context) {})
			if s.Yield(ctx) != nil {
				return
			}
		}
	})
	_ = s.Run(nil)
}
