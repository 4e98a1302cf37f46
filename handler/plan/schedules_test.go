package plan_test

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// lines is what is scheduled on a node for an app's volumes, as one of the
// flags of a schedule step.
func lines(p app.Placement, node string) string {
	switch p.Role(node) {
	case app.Master:
		return plan.AsMaster
	case app.Slave:
		return plan.AsSlave
	}
	return plan.Off
}

// schedules plays the schedule steps of one app, from what its placement has
// on node. Lines of dropped volumes are not the app's any more.
func schedules(p app.Placement, node string, steps []plan.Step, mine func(plan.Set) bool) string {
	now := lines(p, node)
	for _, s := range steps {
		if s.Verb != plan.Schedule || s.Set == plan.Dropped || !mine(s.Set) {
			continue
		}
		if now = s.Flag; s.Flag == plan.NoPurge && lines(p, node) == plan.AsSlave {
			now = plan.Off // a slave only purges
		}
	}
	return now
}

func own(s plan.Set) bool   { return s != plan.Peer }
func peers(s plan.Set) bool { return s == plan.Peer }
func beforeEnd(n []plan.Step) []plan.Step {
	return slices.DeleteFunc(slices.Clone(n), func(s plan.Step) bool { return !early(s) })
}

// scheduledAsPlaced: after the commit each node's schedule is that of its new
// role, so one node replicates; after an abort, from whatever step, that of
// its old role.
func scheduledAsPlaced(r row) (bad says) {
	target := r.op.New
	if r.op.Kind == app.Migrate {
		target = r.op.Old
	}
	for _, n := range r.nodes() {
		steps := beforeEnd(r.plans[n])
		committed, aborted := plan.In(r.plans[n], app.Committed), plan.In(r.plans[n], app.Aborted)
		for k := range len(steps) + 1 {
			for _, c := range []struct {
				what       string
				from, want app.Placement
				row        []plan.Step
				mine       func(plan.Set) bool
			}{
				{"commit", r.op.Old, target, committed, own},
				{"commit, of the source", r.op.PeerAt, r.op.PeerAt, committed, peers},
				{"abort", r.op.Old, r.op.Old, aborted, own},
				{"abort, of the source", r.op.PeerAt, r.op.PeerAt, aborted, peers},
			} {
				if c.what[0] == 'c' && k < len(steps) && n != r.away() {
					continue
				}
				got, want := schedules(c.from, n, slices.Concat(steps[:k], c.row), c.mine), lines(c.want, n)
				if got != want {
					bad.add("%s has %s after the %s (step %d), want %s", n, got, c.what, k, want)
				}
			}
		}
	}
	return bad
}

// nothingIsPurged: no purge runs where copies are sent from or received, and
// nothing at all is scheduled from the final snapshot to the outcome.
func nothingIsPurged(r row) (bad says) {
	r.each(func(n string, i int, s plan.Step) {
		if !early(s) {
			return
		}
		past := r.plans[n][:i]
		mine := schedules(r.op.Old, n, past, own)
		source := schedules(r.op.PeerAt, n, past, peers)
		purges := func(flag string) bool { return flag == plan.AsMaster || flag == plan.AsSlave }
		switch s.Verb {
		case plan.Await, plan.Precopy, plan.Lend, plan.Send, plan.Verify, plan.Restore:
			here := purges(source) || purges(mine) && s.Set != plan.Peer && s.Flag != plan.Sourced
			if here && s.Flag != plan.Edge {
				bad.add("%s: a purge may run in %s", n, key(s))
			}
		case plan.Snapshot, plan.Start, plan.Script:
			if mine != plan.Off {
				bad.add("%s: %s is scheduled during %s", n, mine, key(s))
			}
		}
	})
	return bad
}
