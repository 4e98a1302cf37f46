package explore

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
)

// Options say what to explore.
type Options struct {
	Rows   []string // patterns of transitions; none: every row of one move
	Faults int      // at once: 1, 2, 3; 0: each transition without any
	Lines  []string // exactly these faults instead, as the words after "fault"
	Seed   uint64   // of the order of combinations; the first of random scenarios

	Random uint64 // so many random scenarios instead
	// Source makes the random scenario of a seed, and says in words how it was
	// drawn.
	Source func(seed uint64) (text []byte, knobs string)

	For     time.Duration // begin no more plans after that; 0: no limit
	Plans   uint64        // at most so many; 0: all
	StopAt  int           // end at so many violations; 0: never
	Workers int           // 0: one per core

	Edit recette.Edit // of every agent: a mistake to be found
	// Found is called with each violation, in the order of plans. What it
	// returns is kept as where the evidence is.
	Found func(Violation) (evidence string, err error)
	// Progress is called now and then with what was played so far.
	Progress func(plans uint64, violations int)
}

// Setting is how every plan is played, but for what makes it fast. Random
// scenarios are not strict: the checks of that moment know what faults at calls
// excuse, and not what goes wrong by other commands.
func Setting() recette.Setting { return recette.Setting{Strict: true, Seed: 1} }

// Run plays plans until all are played, a limit is reached or ctx ends, and
// reports what was covered. The error is that nothing could be played, or that
// ctx ended: the report is true of what was played until then. Violations are
// no error.
func Run(ctx context.Context, o Options) (Report, error) {
	began := time.Now()
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	set := Setting()
	set.Mute, set.Memo, set.Edit, set.Strict = true, &inspect.Memo{}, o.Edit, o.Random == 0
	subjects, err := learned(ctx, o, set)
	if err != nil {
		return Report{}, err
	}
	next, size := o.plans(subjects)
	if o.Plans > 0 {
		size = min(size, o.Plans)
	}
	book := newBook(o, subjects)
	err = book.keep(dispatch(ctx, o, set, next, size, began))
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("explore: %w", context.Cause(ctx))
	}
	report := book.close(size)
	report.WallSeconds = seconds(time.Since(began))
	report.Interrupted = ctx.Err() != nil
	return report, err
}

// plans are those that o asks for: the ith, and how many there are.
func (o Options) plans(subjects []subject) (next func(uint64) plan, size uint64) {
	switch {
	case o.Random > 0:
		return o.random, o.Random
	case len(o.Lines) > 0:
		return func(i uint64) plan {
			x := subjects[i]
			return plan{number: i, transition: int(i), name: x.Name, text: x.Text(o.Lines...), replay: replay(x.Name, o.Lines)}
		}, uint64(len(subjects))
	}
	s := newSpace(subjects, o.Faults, o.Seed)
	return s.plan, s.size()
}

// random is the plan of the ith seed.
func (o Options) random(i uint64) plan {
	seed := o.Seed + i
	text, knobs := o.Source(seed)
	return plan{number: i, transition: -1, name: fmt.Sprintf("random %d", seed), knobs: knobs, text: text,
		replay: fmt.Sprintf("bin/sim explore --random 1 --seed %d", seed)}
}

// learned lists the transitions of o with what can strike them, in order.
func learned(ctx context.Context, o Options, set recette.Setting) ([]subject, error) {
	if o.Random > 0 {
		if o.Source == nil {
			return nil, fmt.Errorf("explore: nobody draws random scenarios")
		}
		return nil, nil
	}
	all, err := Transitions(o.Rows)
	if err != nil {
		return nil, err
	}
	subjects := make([]subject, len(all))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range o.Workers {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				// What fails here fails in the first plan of the transition too.
				calls, _ := Learn(ctx, all[i], set)
				subjects[i] = newSubject(all[i], calls, o.Faults)
			}
		})
	}
	wait.Wait()
	return subjects, context.Cause(ctx)
}

// dispatch lets the workers play plans in order and sends on what became of
// them, in any order.
func dispatch(ctx context.Context, o Options, set recette.Setting, next func(uint64) plan, size uint64, began time.Time) (<-chan played, func()) {
	out, enough := make(chan played, 4*o.Workers), make(chan struct{})
	var at atomic.Uint64
	var wait sync.WaitGroup
	for range o.Workers {
		wait.Go(func() {
			for {
				select {
				case <-enough:
					return
				case <-ctx.Done():
					return
				default:
				}
				if o.For > 0 && time.Since(began) > o.For {
					return
				}
				i := at.Add(1) - 1
				if i >= size {
					return
				}
				select {
				case out <- play(next(i), set):
				case <-enough:
					return
				}
			}
		})
	}
	go func() {
		wait.Wait()
		close(out)
	}()
	return out, sync.OnceFunc(func() { close(enough) })
}
