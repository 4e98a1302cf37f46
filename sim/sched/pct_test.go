package sched_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/sim/sched"
)

// turnovers counts how often another task goes on than the one before.
func turnovers(order string) int {
	n := 0
	for i := 1; i < len(order); i++ {
		if order[i] != order[i-1] {
			n++
		}
	}
	return n
}

func TestPCT_ChangesItsMindDepthMinusOneTimes(t *testing.T) {
	for depth := 1; depth <= 4; depth++ {
		most, seen := 0, map[int]bool{}
		for seed := range uint64(300) {
			order, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.PCT, Seed: seed, Depth: depth, Steps: 30}}, 3, 10)
			// Three tasks that never wait: two turnovers are their ends, each change
			// makes at most two more, there and back.
			n := turnovers(order)
			most, seen[n] = max(most, n), true
			if bound := 2 + 2*(depth-1); n > bound {
				t.Fatalf("depth %d, seed %d: %d turnovers, at most %d: %s", depth, seed, n, bound, order)
			}
		}
		if most < 2+depth-1 || len(seen) < depth {
			t.Errorf("depth %d: at most %d turnovers in 300 seeds, of %d kinds", depth, most, len(seen))
		}
	}
}

func TestPCT_ChangePointsLieWithinItsSteps(t *testing.T) {
	last := map[int]int{} // steps → the latest step at which the first task lost its turn before its end
	for _, steps := range []int{10, 40} {
		for seed := range uint64(200) {
			order, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.PCT, Seed: seed, Depth: 2, Steps: steps}}, 2, 50)
			if n := len(order) - len(strings.TrimLeft(order, order[:1])); n < 50 {
				last[steps] = max(last[steps], n)
			}
		}
	}
	if last[10] == 0 || last[10] > 11 || last[40] <= 11 || last[40] > 41 {
		t.Errorf("the latest changes were after %v steps", last)
	}
}

// trap is a bug of depth 3: one task must open, then the other use, then the
// first close before the second has put back what it used.
func trap(strategy sched.Strategy) bool {
	s := sched.New(sched.Options{Strategy: strategy})
	defer s.Close()
	own := s.NewOwner("p")
	opened, used, caught := false, false, false
	part := func(name string, before int, do ...func()) {
		s.Go(own.Context(), own, name, func(ctx context.Context) {
			for range before {
				if s.Yield(ctx) != nil {
					return
				}
			}
			for _, f := range do {
				f()
				if s.Yield(ctx) != nil {
					return
				}
			}
			for range before {
				if s.Yield(ctx) != nil {
					return
				}
			}
		})
	}
	part("opens and closes", 3, func() { opened = true }, func() {
		caught = caught || used
		opened = false
	})
	part("uses", 3, func() { used = opened }, func() { used = false })
	if err := s.Run(nil); !errors.Is(err, sched.ErrIdle) {
		return false
	}
	return caught
}

func TestPCT_FindsADeepBugAsOftenAsItPromises(t *testing.T) {
	const tries, tasks, steps = 20_000, 2, 18
	found := 0
	for seed := range uint64(tries) {
		if trap(sched.Strategy{Kind: sched.PCT, Seed: seed, Depth: 3, Steps: steps}) {
			found++
		}
	}
	// The bound of the method: 1 in n·k^(d-1).
	if promised := float64(tries) / (tasks * steps * steps); float64(found) < promised || found == 0 {
		t.Errorf("found %d times in %d runs, promised %.2f", found, tries, promised)
	}
}

func TestPCT_IsOneOrderOfOneSeed(t *testing.T) {
	var first []string
	for range 2 {
		var all []string
		for seed := range uint64(50) {
			order, _ := chatter(t, sched.Options{Strategy: sched.Strategy{Kind: sched.PCT, Seed: seed, Depth: 3, Steps: 60}}, 5, 12)
			all = append(all, order)
		}
		if first != nil && !slices.Equal(first, all) {
			t.Fatal("the same seeds make other orders")
		}
		first = all
	}
	slices.Sort(first)
	if n := len(slices.Compact(first)); n < 45 {
		t.Errorf("50 seeds make %d orders", n)
	}
}
