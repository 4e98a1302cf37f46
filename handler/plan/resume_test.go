package plan_test

import (
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// restart is one way in which a handler comes back.
type restart struct {
	node  string
	state app.State
	lead  bool
	said  plan.Said
}

func restarts(r row) (all []restart) {
	for _, n := range r.nodes() {
		for _, state := range append(plan.States(), app.Done) {
			for _, said := range []plan.Said{{}, {Transferred: true}, {Holding: true}, {Transferred: true, Holding: true}} {
				all = append(all, restart{n, state, n == r.op.Lead, said})
			}
		}
	}
	return all
}

// resumesByTheTable is the protocol's table of what a restarted handler does.
func resumesByTheTable(r row) (bad says) {
	for _, c := range restarts(r) {
		steps := r.plans[c.node]
		left := r.resume(steps, c.state, c.lead, c.said)
		want := wanted(steps, c)
		for _, state := range append(plan.States(), app.Done) {
			if got := plan.In(left, state); !slices.Equal(got, want[state]) {
				bad.add("%s, restarted in %s, %+v: in %s %q is left, want %q", c.node, c.state, c.said, state, got, want[state])
			}
		}
	}
	return bad
}

// wanted is the table again, from the other end: by state what is left.
func wanted(steps []plan.Step, c restart) map[app.State][]plan.Step {
	whole := func(s app.State) []plan.Step { return plan.In(steps, s) }
	stop := func(s app.State) []plan.Step { return []plan.Step{{In: s, Verb: plan.Abort, Flag: plan.Restarted}} }
	left := map[app.State][]plan.Step{}
	switch c.state {
	case app.Done:
		return left
	case app.Committed, app.Aborted:
		left[c.state] = whole(c.state)
		return left
	}
	left[app.Committed], left[app.Aborted] = whole(app.Committed), whole(app.Aborted)
	left[app.Switching] = whole(app.Switching)
	sends := slices.ContainsFunc(steps, verb(plan.Send))
	if c.state == app.Preparing {
		left[app.Preparing] = whole(app.Preparing)
		switch {
		case c.lead:
			left[app.Preparing], left[app.Switching] = stop(app.Preparing), stop(app.Switching)
		case sends:
			left[app.Preparing] = append([]plan.Step{
				{In: app.Preparing, Verb: plan.Grant, Flag: plan.OldRelease},
				{In: app.Preparing, Verb: plan.Start, Flag: plan.OldRelease},
			}, left[app.Preparing]...)
		}
		return left
	}
	row := left[app.Switching]
	switch {
	case c.lead && !c.said.Holding, !c.lead && sends && !c.said.Transferred:
		left[app.Switching] = stop(app.Switching)
	case c.lead && len(row) > 1 && row[len(row)-2].Verb == plan.Healthy:
		left[app.Switching] = last(row, 2)
	case c.lead, sends:
		left[app.Switching] = last(row, 1)
	}
	return left
}

func last(row []plan.Step, n int) []plan.Step { return row[max(0, len(row)-n):] }

// nothingIsRepeated: before the outcome a restarted handler takes no snapshot
// that counts, sends, restores, runs no script and takes no right to run, but
// for an old master that had not come to switching.
func nothingIsRepeated(r row) (bad says) {
	once := []plan.Verb{plan.Switch, plan.Snapshot, plan.Send, plan.Restore, plan.Script, plan.Healthy, plan.Commit}
	for _, c := range restarts(r) {
		for _, s := range r.resume(r.plans[c.node], c.state, c.lead, c.said) {
			if !early(s) || !c.lead && c.state == app.Preparing {
				continue
			}
			again := slices.Contains(once, s.Verb) || announces(plan.Started)(s)
			ends := s.Verb == plan.Healthy || s.Verb == plan.Commit
			if again && (!ends || !c.said.Holding || c.state != app.Switching) {
				bad.add("%s, restarted in %s, %+v: %s again", c.node, c.state, c.said, key(s))
			}
		}
	}
	return bad
}

func TestFinishes_And_Closer_OfABeginning(t *testing.T) {
	for _, r := range rows() {
		if got := plan.Finishes(r.op); len(got) != 0 {
			t.Errorf("%s: while it prepares the closer waits for %v", r.name, got)
		}
		if got := plan.Closer(r.op); got != r.op.Lead {
			t.Errorf("%s: while it prepares %s closes", r.name, got)
		}
	}
}

func TestFor_AnUnknownKindHasNoPlan(t *testing.T) {
	o := plan.Moves()[0].Operation()
	o.Kind = "dance"
	if steps := plan.For(o, "a"); steps != nil {
		t.Errorf("got %v", steps)
	}
}
