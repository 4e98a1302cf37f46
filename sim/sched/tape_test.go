package sched_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/sim/sched"
)

func TestReplay_SaysWhereTheTapeDoesNotFit(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Turns, sched.Random, sched.PCT} {
		own := sched.Strategy{Kind: kind, Seed: 9, Depth: 3, Steps: 40}
		_, recorded := chatter(t, sched.Options{Strategy: own, Record: true}, 4, 10)
		replay := own
		replay.Kind, replay.Then, replay.Tape = sched.Replay, kind, recorded.Tape()
		if _, s := chatter(t, sched.Options{Strategy: replay}, 4, 10); s.Misfit() != nil || s.Unplayed() != 0 {
			t.Errorf("%s: the same tasks: %v, %d left", kind, s.Misfit(), s.Unplayed())
		}
		_, s := chatter(t, sched.Options{Strategy: replay}, 3, 10) // one task less
		if m := s.Misfit(); m == nil || m.Step != 1 || m.Place != 0 || m.Ready != 3 || !strings.Contains(m.String(), "between 4 tasks, and 3 can run") {
			t.Errorf("%s: another number of tasks: %v", kind, m)
		}
	}
}

func TestReplay_GoesOnAsTheStrategyThatMadeTheTape(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Turns, sched.Random, sched.PCT} {
		own := sched.Strategy{Kind: kind, Seed: 9, Depth: 3, Steps: 40}
		want, recorded := chatter(t, sched.Options{Strategy: own, Record: true}, 4, 10)
		replay := own
		replay.Kind, replay.Then, replay.Tape = sched.Replay, kind, recorded.Tape()[:7]
		got, s := chatter(t, sched.Options{Strategy: replay}, 4, 10)
		if got != want || s.Misfit() == nil || s.Misfit().Place != 7 || !strings.Contains(s.Misfit().String(), "the tape ends after 7 choices") {
			t.Errorf("%s: half a tape makes %s, the whole run is %s; %v", kind, got, want, s.Misfit())
		}
	}
}

func TestLast_EndsARunAfterAStep(t *testing.T) {
	for _, kind := range []sched.Kind{sched.Fifo, sched.Random} {
		for _, last := range []uint64{1, 2, 13, 32} {
			s := sched.New(sched.Options{Strategy: sched.Strategy{Kind: kind}, Last: last})
			t.Cleanup(s.Close)
			own := s.NewOwner("p")
			for range 3 {
				s.Go(own.Context(), own, "t", func(ctx context.Context) {
					for range 20 {
						if s.Yield(ctx) != nil {
							return
						}
					}
				})
			}
			if err := s.Run(nil); !errors.Is(err, sched.ErrStopped) || s.Steps() != last {
				t.Errorf("%s: asked to stop after %d: %v after %d", kind, last, err, s.Steps())
			}
		}
	}
}
