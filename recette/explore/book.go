package explore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/recette"
)

// book keeps what became of plans, in their order, whoever played them first.
type book struct {
	o        Options
	subjects []subject
	report   Report
	early    map[uint64]played // those whose turn has not come
	turn     uint64
	sim      time.Duration
}

func newBook(o Options, subjects []subject) *book {
	b := &book{o: o, subjects: subjects, early: map[uint64]played{}}
	b.report.Violations, b.report.NotFired, b.report.Transitions = []Violation{}, []string{}, []Covered{}
	b.report.Phases = map[string]int{}
	for _, x := range subjects {
		c := Covered{Transition: x.Name, Faults: len(x.faults), Space: x.ways, Phases: map[string]int{}}
		for _, call := range x.calls {
			c.Calls += call.Times
			c.Alike += call.Alike()
		}
		for p := range x.phases {
			c.Phases[string(p)] = 0
		}
		b.report.Transitions = append(b.report.Transitions, c)
	}
	return b
}

// keep takes what comes until nothing more does or it is enough.
func (b *book) keep(results <-chan played, enough func()) error {
	defer func() {
		enough()
		for range results { // those under way
			continue
		}
	}()
	for p := range results {
		b.early[p.number] = p
		for {
			p, there := b.early[b.turn]
			if !there {
				break
			}
			delete(b.early, b.turn)
			b.turn++
			if err := b.note(p); err != nil {
				return err
			}
			if b.o.StopAt > 0 && len(b.report.Violations) >= b.o.StopAt {
				return nil
			}
		}
	}
	return nil
}

// note enters one plan.
func (b *book) note(p played) error {
	if errors.Is(p.err, recette.ErrUsage) { // it says nothing of the cluster
		return fmt.Errorf("%s: %w", p.replay, p.err)
	}
	r := &b.report
	r.Plans++
	r.Fired += p.strikes()
	b.sim += p.simulated
	if p.again {
		r.Twice++
	}
	if p.transition >= 0 {
		b.cover(p)
	}
	if b.o.Progress != nil && r.Plans%64 == 0 {
		b.o.Progress(r.Plans, len(r.Violations))
	}
	if p.err == nil {
		return nil
	}
	if errors.Is(p.err, recette.ErrNondeterminism) {
		r.Nondeterministic++
	}
	v := Violation{Transition: p.name, Plan: string(p.text), Strict: p.transition >= 0, Kind: recette.KindOf(p.err), Reason: p.err.Error(), Err: p.err, Knobs: p.knobs, Replay: p.replay}
	var err error
	if b.o.Found != nil {
		v.Evidence, err = b.o.Found(v)
	}
	r.Violations = append(r.Violations, v)
	return err
}

// cover counts the plan for its transition.
func (b *book) cover(p played) {
	r, c := &b.report, &b.report.Transitions[p.transition]
	if p.err == nil && len(p.struck) > 0 && p.strikes() == 0 {
		r.NotFired = append(r.NotFired, p.replay)
		r.vacuous = cmp.Or(r.vacuous, p.vacuous)
	}
	c.Plans++
	c.Fired += p.strikes()
	if len(p.faults) > 0 && p.strikes() == len(p.faults) {
		c.Whole++
	}
	for i, f := range p.faults {
		if i < len(p.struck) && p.struck[i] {
			c.Phases[string(f.Phase)]++
			r.Phases[string(f.Phase)]++
		}
	}
}

// close completes the report. size is how many plans there are.
func (b *book) close(size uint64) Report {
	r := b.report
	r.Of, r.SimSeconds = size, seconds(b.sim)
	var tried, space float64
	for i := range r.Transitions {
		c := &r.Transitions[i]
		if c.Space > 0 {
			n := float64(max(c.Plans, 1) - 1) // but the one without a fault
			c.Share = n / float64(c.Space)
			tried, space = tried+n, space+float64(c.Space)
		}
		for phase, n := range c.Phases {
			if n == 0 {
				c.Unfired = append(c.Unfired, phase)
			}
		}
		slices.Sort(c.Unfired)
	}
	if space > 0 {
		r.Share = tried / space
	}
	// A run that cannot be repeated says nothing else: it comes first.
	worst := []recette.Kind{recette.Nondeterminism, recette.Safety, recette.Liveness, recette.Panicked}
	slices.SortStableFunc(r.Violations, func(x, y Violation) int {
		return slices.Index(worst, x.Kind) - slices.Index(worst, y.Kind)
	})
	return r
}
