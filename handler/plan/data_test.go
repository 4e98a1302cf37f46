package plan_test

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// oneStarts: before the outcome and after the commit only the lead starts the
// app, after an abort only its old master, where it ran.
func oneStarts(r row) (bad says) {
	r.each(func(n string, _ int, s plan.Step) {
		if s.Verb != plan.Start && s.Verb != plan.Grant && s.Verb != plan.Script && !announces(plan.Started)(s) {
			return
		}
		switch {
		case r.op.Kind == app.Destroy && s.In != app.Aborted:
			bad.add("%s: %s in a destroy", n, key(s))
		case s.In == app.Preparing:
			bad.add("%s: %s while the app runs", n, key(s))
		case s.In == app.Aborted && (n != r.op.Old.Master || s.Flag != plan.OldRelease):
			bad.add("%s: %s is not the old master with the old release", n, key(s))
		case s.In != app.Aborted && n != r.op.Lead:
			bad.add("%s: %s is not for it", n, key(s))
		case s.In != app.Aborted && r.op.Kind == app.Deploy && s.Flag == plan.OldRelease:
			bad.add("%s: %s is not the new release", n, key(s))
		}
	})
	return bad
}

// runsInTheEnd: after either outcome somebody starts what must run.
func runsInTheEnd(r row) (bad says) {
	starts := func(node string, state app.State) bool {
		return len(r.find(func(n string, s plan.Step) bool { return n == node && s.In == state && s.Verb == plan.Start })) == 1
	}
	if r.op.Kind != app.Destroy && !starts(r.op.Lead, app.Committed) {
		bad.add("nobody starts what was committed")
	}
	if r.op.Old.Master != "" && !starts(r.op.Old.Master, app.Aborted) {
		bad.add("nobody starts what ran before")
	}
	return bad
}

// stopsFirst: where the old master is there, the app has stopped on it before
// the new one takes the right to run, and before the data is snapshotted.
func stopsFirst(r row) (bad says) {
	old := r.op.Old.Master
	if old == "" || old == r.away() {
		return nil
	}
	o := ways(r)[0]
	stops := o.find(func(n string, s plan.Step) bool { return n == old && s.Verb == plan.Stop && s.In == app.Switching })
	if len(stops) != 1 {
		return says{"the old master does not stop once"}
	}
	for _, s := range o.find(func(_ string, s plan.Step) bool {
		return s.Verb == plan.Start || s.Verb == plan.Script || s.Verb == plan.Restore || s.Verb == plan.Commit || announces(plan.Started)(s)
	}) {
		if !o.follows(stops[0], s) {
			bad.add("%s: %s may come before the old master's stop", s.node, key(o.at(s)))
		}
	}
	return bad
}

// firstThings are steps that want another one before them in their row.
var firstThings = []struct {
	then, first plan.Verb
	in          []app.State
}{
	{plan.Stop, plan.Revoke, nil},
	{plan.Kill, plan.Revoke, nil},
	{plan.Snapshot, plan.Stop, nil},
	{plan.Send, plan.Snapshot, nil},
	{plan.Healthy, plan.Start, nil},
	{plan.Script, plan.Announce, []app.State{app.Switching}},
	{plan.Restore, plan.Kill, []app.State{app.Aborted}},
	{plan.Retire, plan.Kill, []app.State{app.Aborted}},
	{plan.Discard, plan.Kill, []app.State{app.Aborted}},
	{plan.Build, plan.Inspect, []app.State{app.Preparing}},
	{plan.Inspect, plan.Checkout, nil},
}

func firstThingsFirst(r row) (bad says) {
	r.each(func(n string, i int, s plan.Step) {
		for _, c := range firstThings {
			if s.Verb == c.then && (c.in == nil || slices.Contains(c.in, s.In)) && !r.before(n, i, verb(c.first)) {
				bad.add("%s: %s without %s before it", n, key(s), c.first)
			}
		}
		if s.Verb == plan.Commit && r.op.Kind != app.Destroy && !r.before(n, i, verb(plan.Healthy)) {
			bad.add("%s: commit of an app that nobody has seen healthy", n)
		}
	})
	return bad
}

// leasesFirst: a start or a script has its lease from the same row, and a
// lease that was taken away is not used.
func leasesFirst(r row) (bad says) {
	for _, n := range r.nodes() {
		held, in := "", app.State("")
		for _, s := range r.plans[n] {
			if s.In != in {
				held, in = "", s.In
			}
			switch {
			case s.Verb == plan.Grant:
				held = s.Flag
			case announces(plan.Started)(s):
				held = "any"
			case s.Verb == plan.Revoke || s.Verb == plan.Stop || s.Verb == plan.Kill:
				held = ""
			case s.Verb == plan.Script && held == "", s.Verb == plan.Start && held != "any" && held != s.Flag:
				bad.add("%s: %s without a lease", n, key(s))
			}
		}
	}
	return bad
}

// rollbackIsKept: where the data of the old release is about to change in
// place, it was snapshotted and the ack names the copies before that.
func rollbackIsKept(r row) (bad says) {
	r.each(func(n string, i int, s plan.Step) {
		if n != r.op.Old.Master || s.In != app.Switching || r.op.Kind == app.Destroy {
			return
		}
		if s.Verb != plan.Restore && s.Verb != plan.Script && s.Verb != plan.Start {
			return
		}
		if !r.before(n, i, verb(plan.Snapshot)) || !r.before(n, i, announces(plan.Transferred)) {
			bad.add("%s: %s before the rollback point is in the ack", n, key(s))
		}
		if len(r.find(func(m string, c plan.Step) bool {
			return m == n && c.In == app.Aborted && c.Verb == plan.Restore && c.Set == plan.Old
		})) != 1 {
			bad.add("%s: %s and no way back", n, key(s))
		}
	})
	return bad
}

// nothingGoesEarly: before the commit no volume of the old release goes, and
// an abort takes away only what the operation made.
func nothingGoesEarly(r row) (bad says) {
	r.each(func(n string, _ int, s plan.Step) {
		switch s.Verb {
		case plan.Retire:
			if early(s) || s.In == app.Aborted && s.Set != plan.Made {
				bad.add("%s: %s", n, key(s))
			}
		case plan.SetAside:
			if s.In != app.Preparing || n != r.op.Lead || n == r.op.Old.Master && s.Set != plan.Added {
				bad.add("%s: %s", n, key(s))
			}
		case plan.Remove, plan.Tidy:
			if n == r.op.Old.Master && s.In != app.Committed {
				bad.add("%s: %s where the old release is", n, key(s))
			}
		case plan.Discard:
			if early(s) || s.In == app.Aborted && s.Flag != plan.NewRelease {
				bad.add("%s: %s", n, key(s))
			}
		case plan.Deregister, plan.Register:
			if s.In != app.Committed {
				bad.add("%s: %s before the commit", n, key(s))
			}
		}
	})
	return bad
}

// nothingStays: after the commit the old master has nothing of the old release
// and a former slave no checkout of it.
func nothingStays(r row) (bad says) {
	if r.op.Kind == app.Migrate {
		return nil
	}
	has := func(node string, v plan.Verb) bool {
		return len(r.find(func(n string, s plan.Step) bool { return n == node && s.In == app.Committed && s.Verb == v })) > 0
	}
	for _, n := range r.nodes() {
		for _, v := range []plan.Verb{plan.Deregister, plan.Remove, plan.Retire} {
			if n == r.op.Old.Master && n != r.op.New.Master && !has(n, v) {
				bad.add("%s does not %s", n, v)
			}
		}
		if (n == r.op.Old.Master || n == r.op.Old.Slave) && !has(n, plan.Discard) {
			bad.add("%s keeps the old checkout", n)
		}
	}
	return bad
}

// wholeOrNothing: what is restored before the outcome was verified first, and
// each set that a new master starts with comes from somewhere.
func wholeOrNothing(r row) (bad says) {
	restored := ""
	r.each(func(n string, i int, s plan.Step) {
		if s.Verb != plan.Restore || s.In == app.Aborted {
			return
		}
		restored = n
		seen := slices.ContainsFunc(r.plans[n][:i], func(c plan.Step) bool { return c.Verb == plan.Verify && c.Set == s.Set })
		if !seen || !early(s) {
			bad.add("%s: %s of copies that nobody has verified", n, key(s))
		}
	})
	if want := moves(r) || r.op.Failover() || r.op.Kind == app.Migrate; want && restored != r.op.Lead {
		bad.add("the lead starts without the data")
	}
	return bad
}

// arrowsAreMade: one node switches, the lead commits, one node closes each
// outcome and is the one that others see as the closer.
func arrowsAreMade(r row) (bad says) {
	for _, c := range []struct {
		verb plan.Verb
		in   app.State
	}{{plan.Switch, app.Preparing}, {plan.Commit, app.Switching}, {plan.Close, app.Committed}, {plan.Close, app.Aborted}} {
		o := r.op
		o.State = c.in
		who := r.find(func(n string, s plan.Step) bool {
			return s.Verb == c.verb && s.In == c.in && (c.verb != plan.Commit || n == r.op.Lead) && (c.verb != plan.Close || n == r.closer(o))
		})
		if len(who) != 1 {
			bad.add("%s in %s: %q", c.verb, c.in, who)
		}
	}
	all := r.find(func(n string, s plan.Step) bool {
		return s.Verb == plan.Switch || s.Verb == plan.Commit || s.Verb == plan.Close || s.Verb == plan.Abort && n != r.away()
	})
	if len(all) != 4 {
		bad.add("%q, want one switch, one commit and one close for each outcome", all)
	}
	return bad
}

// inPlace: the rows come in the order of the states, and only what may fail is
// marked so.
func inPlace(r row) (bad says) {
	may := []plan.Verb{plan.Checkout, plan.Pull, plan.Build, plan.Replicate}
	for _, n := range r.nodes() {
		last := 0
		for _, s := range r.plans[n] {
			at := slices.Index(plan.States(), s.In)
			if at < last {
				bad.add("%s: %s is out of order", n, key(s))
			}
			last = max(at, last)
			if s.Flag == plan.BestEffort && (s.In != app.Committed || !slices.Contains(may, s.Verb)) {
				bad.add("%s: %s may not fail", n, key(s))
			}
		}
	}
	return bad
}

// clearedFirst: where another node could have started the app, the old master
// starts after an abort only when that one is cleared.
func clearedFirst(r row) (bad says) {
	if !moves(r) && !r.op.Failover() {
		return nil
	}
	r.each(func(n string, i int, s plan.Step) {
		waits := func(c plan.Step) bool { return c.Verb == plan.Await && c.Flag == plan.Cleared && c.Node == r.op.Lead }
		if s.In == app.Aborted && (s.Verb == plan.Grant || s.Verb == plan.Start) && !r.before(n, i, waits) {
			bad.add("%s: %s while the new master may run", n, key(s))
		}
	})
	return bad
}
