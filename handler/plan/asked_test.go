package plan_test

import (
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// must lists what node lacks among the steps that match each of want.
func (r row) must(node string, in app.State, want ...plan.Step) (bad says) {
	for _, w := range want {
		w.In = in
		n := 0
		for _, s := range r.plans[node] {
			if s == w {
				n++
			}
		}
		if n != 1 {
			bad.add("%s: %s is there %d times", node, key(w), n)
		}
	}
	return bad
}

func do(v plan.Verb) plan.Step               { return plan.Step{Verb: v} }
func say(flag string) plan.Step              { return plan.Step{Verb: plan.Announce, Flag: flag} }
func data(v plan.Verb, s plan.Set) plan.Step { return plan.Step{Verb: v, Set: s} }
func which(v plan.Verb, f string) plan.Step  { return plan.Step{Verb: v, Flag: f} }

func best(v plan.Verb, s plan.Set, node string) plan.Step {
	return plan.Step{Verb: v, Set: s, Node: node, Flag: plan.BestEffort}
}

// allIsAsAsked: after the commit of a deploy the new master and the new slave
// have everything that their roles want, whatever was there before.
func allIsAsAsked(r row) (bad says) {
	o := r.op
	if o.Kind == app.Migrate && o.Old.Slave != "" {
		return r.must(o.Lead, app.Committed, best(plan.Replicate, plan.Old, o.Old.Slave))
	}
	if o.Kind != app.Deploy {
		return nil
	}
	bad = append(bad, r.must(o.Lead, app.Committed, schedule(plan.New, plan.AsMaster), do(plan.Register), which(plan.Grant, plan.NewRelease))...)
	if o.Old.Master == o.New.Master {
		bad = append(bad, r.must(o.Lead, app.Committed, data(plan.Retire, plan.Dropped))...)
	}
	if o.New.Slave == "" {
		return bad
	}
	bad = append(bad, r.must(o.New.Slave, app.Committed, schedule(plan.New, plan.AsSlave),
		best(plan.Checkout, plan.None, ""), best(plan.Pull, plan.None, ""), best(plan.Build, plan.None, ""))...)
	if o.New.Slave != o.Old.Master { // that one has what it transferred, or is away
		bad = append(bad, r.must(o.Lead, app.Committed, best(plan.Replicate, plan.New, o.New.Slave))...)
	}
	return bad
}

// nothingIsLeft: after an abort nothing that the operation made stays where it
// would have run.
func nothingIsLeft(r row) (bad says) {
	if r.op.Kind == app.Destroy {
		return nil
	}
	if r.op.Kind == app.Migrate {
		return r.must(r.op.Lead, app.Aborted, data(plan.Retire, plan.Made))
	}
	bad = r.must(r.op.Lead, app.Aborted, data(plan.Retire, plan.Made), which(plan.Discard, plan.NewRelease), which(plan.Revoke, plan.NewRelease), which(plan.Kill, plan.NewRelease))
	if r.op.Old.Master != r.op.New.Master {
		bad = append(bad, r.must(r.op.Lead, app.Aborted, do(plan.Remove))...)
	}
	return bad
}

// cleanPlace: a new master starts from what this operation brings, not from
// what an earlier stay left.
func cleanPlace(r row) (bad says) {
	o := r.op
	switch {
	case o.Kind != app.Deploy:
		return nil
	case o.Old.Master == "":
		return r.must(o.Lead, app.Preparing, do(plan.Tidy), data(plan.Claim, plan.New))
	case o.Old.Master == o.New.Master:
		return r.must(o.Lead, app.Preparing, data(plan.SetAside, plan.Added), schedule(plan.Old, plan.NoPurge))
	}
	return r.must(o.Lead, app.Preparing, do(plan.Tidy), data(plan.SetAside, plan.New), schedule(plan.Old, plan.Off))
}

// usersGoFirst: an app that runs is stopped only when no edge sends users to it
// any more.
func usersGoFirst(r row) (bad says) {
	old := r.op.Old.Master
	if old == "" || old == r.away() {
		return nil
	}
	edge := which(plan.Await, plan.Edge)
	bad = r.must(old, app.Switching, edge)
	edge.In = app.Switching
	r.each(func(n string, i int, s plan.Step) {
		ends := s.In == app.Switching && (s.Verb == plan.Revoke || s.Verb == plan.Stop)
		if n == old && ends && !r.before(n, i, func(c plan.Step) bool { return c == edge }) {
			bad.add("%s: %s while users are sent to it", n, key(s))
		}
	})
	return bad
}

// comesBackQuietly: a master that somebody said is off, and that comes back,
// stops before it does anything else, and aborts a failover that can still be.
func comesBackQuietly(r row) (bad says) {
	n := r.away()
	if n == "" {
		return nil
	}
	if r.op.Failover() {
		bad = r.must(n, app.Preparing, which(plan.Abort, "the old master is back"))
	}
	for _, in := range []app.State{app.Switching, app.Committed} {
		bad = append(bad, r.must(n, in, which(plan.Revoke, plan.OldRelease), do(plan.Stop))...)
		for i, s := range plan.In(r.plans[n], in) {
			if i > 1 && (s.Verb == plan.Revoke || s.Verb == plan.Stop) {
				bad.add("%s: %s comes late", n, key(s))
			}
		}
	}
	return bad
}

// scriptsRun: the app's own scripts run once each, where the app starts, in
// the order of the protocol, and only when they are asked for.
func scriptsRun(r row) (bad says) {
	var want []string
	if r.op.Kind == app.Migrate {
		want = append(want, "post_migrate.sh")
	}
	if r.op.Flags.Update {
		want = append(want, "update.sh")
	}
	var got []string
	r.each(func(_ string, _ int, s plan.Step) {
		if s.Verb == plan.Script {
			got = append(got, s.Flag)
		}
	})
	if !slices.Equal(got, want) {
		bad.add("scripts %q, want %q", got, want)
	}
	return bad
}

// allIsSaid: what the other side, the history or a later incarnation has to
// know is in an ack, also where nobody waits for it; and each master watches
// the other for the next arrow.
func allIsSaid(r row) (bad says) {
	o, old := r.op, r.op.Old.Master
	if o.Kind == app.Deploy {
		bad = append(bad, r.must(o.Lead, app.Preparing, say(plan.Prepared))...)
		if old != o.New.Master {
			bad = append(bad, r.must(o.Lead, app.Aborted, say(plan.Cleared))...)
		}
	}
	if o.Kind == app.Migrate {
		bad = append(bad, r.must(o.PeerAt.Master, app.Preparing, say(plan.Sourced))...)
	}
	if old != "" && old != r.away() {
		bad = append(bad, r.must(old, app.Switching, say(plan.Transferred))...)
	}
	if moves(r) {
		bad = append(bad, r.must(old, app.Preparing, say(plan.Precopied))...)
		bad = append(bad, r.must(o.Lead, app.Preparing, plan.Step{Verb: plan.Await, Node: old, Flag: plan.Switched})...)
		bad = append(bad, r.must(old, app.Switching, plan.Step{Verb: plan.Await, Node: o.Lead, Flag: plan.Outcome})...)
	}
	return bad
}

func asked() []property {
	return []property{
		{"after the commit the new master and the new slave have all that was asked", allIsAsAsked, []mutant{
			{chain, "not registered", drop("c", "committed register")},
			{chain, "no first replica", drop("c", "committed replicate new best-effort → d")},
			{chain, "no code on the slave", drop("d", "committed checkout best-effort")},
			{again, "dropped volumes stay", drop("a", "committed retire dropped")},
			{again, "a slave that stays knows only the old volumes", drop("b", "committed schedule new slave")},
			{"migrate_a_to_b-a", "no new replica", drop("b", "committed replicate old best-effort → a")},
		}},
		{"after an abort nothing of the operation is left", nothingIsLeft, []mutant{
			{chain, "volumes", drop("c", "aborted retire made")},
			{chain, "containers", drop("c", "aborted remove")},
			{again, "added volumes", drop("a", "aborted retire made")},
			{"migrate_a_to_b", "half-received copies", drop("b", "aborted retire made")},
			{"none_to_a", "a checkout", drop("a", "aborted discard new")},
		}},
		{"a new master starts from what the operation brings", cleanPlace, []mutant{
			{chain, "stale volumes", drop("c", "preparing set-aside new")},
			{chain, "stale containers", drop("c", "preparing tidy")},
			{again, "a stale volume of an added name", drop("a", "preparing set-aside added")},
			{"none_to_a-b", "somebody's volumes", drop("a", "preparing claim new")},
		}},
		{"users are sent elsewhere before the app stops", usersGoFirst, []mutant{
			{chain, "not", drop("a", "switching await maintenance published")},
			{again, "after it", move("a", "switching stop", "switching await maintenance published")},
			{chain, "after the lease has gone", move("a", "switching revoke old", "switching await maintenance published")},
		}},
		{"a master that was away stops before anything else", comesBackQuietly, []mutant{
			{over, "goes on in preparing", drop("a", "preparing abort the old master is back")},
			{over, "goes on in switching", drop("a", "switching stop")},
			{over, "goes on after the commit", drop("a", "committed stop")},
			{"destroy_a-b_forced_by_b", "goes on after the commit", drop("a", "committed revoke old")},
			{"destroy_a-b_forced_by_b", "stops late", move("a", "committed deregister", "committed stop")},
		}},
		{"scripts run once each, post_migrate.sh before update.sh", scriptsRun, []mutant{
			{chain + "+update", "not", drop("c", "switching script update.sh")},
			{"migrate_a_to_b+update", "in the wrong order", move("b", "switching script update.sh", "switching script post_migrate.sh")},
			{chain, "not asked for", put("c", "switching start new", plan.Step{Verb: plan.Script, Flag: "update.sh"})},
		}},
		{"what others, the history or a later incarnation must know is said", allIsSaid, []mutant{
			{again, "what was prepared", drop("a", "preparing announce prepared")},
			{chain, "that the app has stopped", drop("a", "switching announce transferred")},
			{"none_to_a", "that nothing runs", drop("a", "aborted announce cleared")},
			{"migrate_a_to_a", "which copies of the source", drop("a", "preparing announce sourced")},
			{chain, "a silent old master is not noticed", drop("c", "preparing await switching ← a")},
		}},
	}
}

// spare are steps that could be missing and no property would say so, with the
// reason.
var spare = map[string]string{
	"committed schedule dropped off": "the lines of the new set replace all others of the app",
	"committed schedule old off":     "on an old master that becomes the slave: its new lines replace the old ones",
	"aborted schedule old master":    "on a master that was away: its lines are there unless it lost them",
	"preparing schedule old nopurge": "on a migrate's target: its schedule goes before the snapshot that counts, the purge could only cost a replica its parent",
}

// TestProperties_NoticeAMissingStep takes each step of each row out in turn:
// some property says so, without a look at what the planner would have said.
func TestProperties_NoticeAMissingStep(t *testing.T) {
	tell := slices.DeleteFunc(properties(), func(p property) bool {
		return p.says == "planning twice gives the same" || p.says == "renaming the nodes commutes with planning"
	})
	slices.Reverse(tell) // those that look at the order of everything are slow
	missed := map[string]bool{}
	for _, r := range rows() {
		whole := r.plans
		for _, n := range r.nodes() {
			for i, s := range whole[n] {
				if r.op.Flags.Update && s.Verb != plan.Script {
					continue // as without the update
				}
				r.plans = map[string][]plan.Step{}
				for m, steps := range whole {
					r.plans[m] = steps
				}
				r.plans[n] = slices.Concat(whole[n][:i], whole[n][i+1:])
				if slices.ContainsFunc(tell, func(p property) bool { return len(p.holds(r)) > 0 }) {
					continue
				}
				if missed[key(s)] = true; spare[key(s)] == "" {
					t.Errorf("%s: %s without %q is not noticed", r.name, n, key(s))
				}
			}
		}
	}
	for what := range spare {
		if !missed[what] {
			t.Errorf("a missing %q is always noticed: it is not spare", what)
		}
	}
}
