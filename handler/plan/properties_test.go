package plan_test

import (
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// property holds for the set of plans of every row, and is shown to fail for
// each of its mutants.
type property struct {
	says    string
	holds   func(row) says
	mutants []mutant
}

// mutant is a row with one mistake in it.
type mutant struct {
	row, says string
	make      change
}

const chain, swap, again, over = "a-b_to_c-d", "a-b_to_b-a", "a-b_to_a-b", "a-b_to_b-a_failover"

func schedule(set plan.Set, flag string) plan.Step {
	return plan.Step{Verb: plan.Schedule, Set: set, Flag: flag}
}

func whose(f string) func(*plan.Step)     { return func(s *plan.Step) { s.Flag = f } }
func set(v plan.Set) func(*plan.Step)     { return func(s *plan.Step) { s.Set = v } }
func other(n string) func(*plan.Step)     { return func(s *plan.Step) { s.Node = n } }
func in(state app.State) func(*plan.Step) { return func(s *plan.Step) { s.In = state } }

func resumes(f func([]plan.Step, app.State, bool, plan.Said) []plan.Step) change {
	return func(_ *testing.T, r *row) { r.resume = f }
}

func properties() []property {
	return slices.Concat(talking(), running(), keeping(), shaping(), asked())
}

func talking() []property {
	return []property{
		{"each await has exactly one announce, on the other node that it names", awaitsAreAnswered, []mutant{
			{chain, "nobody says it", drop("a", "switching announce transferred")},
			{chain, "said twice", put("a", "switching await outcome ← c", plan.Step{Verb: plan.Announce, Flag: plan.Transferred})},
			{chain, "waits for the wrong node", alter("c", "switching await transferred ← a", other("d"))},
			{chain, "waits for itself", alter("c", "switching await transferred ← a", other("c"))},
			{chain, "nobody switches", drop("a", "preparing switch")},
			{chain, "nobody commits", drop("c", "switching commit")},
			{chain, "said too late", alter("c", "preparing announce prepared", in(app.Switching))},
			{chain, "never cleared", drop("c", "aborted announce cleared")},
			{chain, "an edge has no node", alter("a", "switching await maintenance published", other("c"))},
		}},
		{"nobody waits in a circle", nobodyWaitsInACircle, []mutant{
			{chain, "each for the other's first word", both(move("a", "preparing await prepared ← c", "preparing announce precopied"),
				put("c", "preparing announce prepared", plan.Step{Verb: plan.Await, Node: "a", Flag: plan.Precopied}))},
			{chain, "the snapshots are said after the outcome", move("a", "switching await outcome ← c", "switching announce transferred")},
			{chain, "the closer's own end waits for the close", both(
				put("a", "committed announce done", plan.Step{Verb: plan.Await, Node: "c", Flag: plan.Cleared}),
				put("c", "committed replicate new best-effort → d", plan.Step{Verb: plan.Announce, Flag: plan.Cleared}))},
		}},
		{"an arrow is made when everybody has come to it", rowsAreDone, []mutant{
			{chain, "switches while the other one prepares", drop("a", "preparing await prepared ← c")},
			{"migrate_a-b_to_c-d", "switches while the source is being sent", drop("c", "preparing await sourced ← a")},
			{chain, "commits while the old master still sends", drop("c", "switching await transferred ← a")},
		}},
		{"a slave is never needed before the commit", slavesAreNotNeeded, []mutant{
			{chain, "waited for", put("c", "switching commit", plan.Step{Verb: plan.Await, Node: "d", Flag: plan.Finished})},
			{chain, "sent to", put("c", "switching commit", plan.Step{Verb: plan.Replicate, Set: plan.New, Node: "d"})},
			{chain, "has something to do", begins("d", plan.Step{In: app.Preparing, Verb: plan.Checkout})},
		}},
		{"whoever has a part after the outcome says when it is over, the closer waits for exactly those", endsAreSaid, []mutant{
			{chain, "does not say so", drop("d", "committed announce done")},
			{chain, "the closer waits for itself", put("c", "committed close", plan.Step{Verb: plan.Announce, Flag: plan.Finished})},
			{chain, "more comes after it", move("b", "committed announce done", "committed schedule old off")},
			{over, "a dead node is waited for", put("a", "aborted grant old", plan.Step{Verb: plan.Announce, Flag: plan.Finished})},
			{chain, "the closer waits for nobody", func(_ *testing.T, r *row) {
				r.waits = func(app.Operation) []string { return nil }
			}},
		}},
		{"a word is said after the deed", wordsAreTrue, []mutant{
			{chain, "prepared without images", drop("c", "preparing build")},
			{chain, "transferred before the send", move("a", "switching announce transferred", "switching send old → c")},
			{chain, "cleared while it runs", drop("c", "aborted kill new")},
			{chain, "precopied without a copy", drop("a", "preparing precopy old → c")},
			{"migrate_a-b_to_c-d", "sourced without a copy", drop("a", "preparing lend source → c")},
			{again, "transferred while it is scheduled", drop("a", "switching schedule old off")},
		}},
		{"one node switches, the lead commits, one node closes each outcome: maintenance ends on every path", arrowsAreMade, []mutant{
			{chain, "nobody switches", drop("a", "preparing switch")},
			{chain, "two switch", put("c", "preparing await switching ← a", plan.Step{Verb: plan.Switch})},
			{chain, "nobody commits", drop("c", "switching commit")},
			{chain, "the old master commits", begins("a", plan.Step{In: app.Switching, Verb: plan.Commit})},
			{chain, "maintenance stays after an abort", drop("a", "aborted close")},
			{swap, "two close", put("a", "committed announce done", plan.Step{Verb: plan.Close})},
			{"destroy_a-b", "a destroy stays open", drop("a", "committed close")},
			{chain, "aborts by plan", begins("c", plan.Step{In: app.Preparing, Verb: plan.Abort})},
		}},
	}
}

func running() []property {
	return []property{
		{"one node at most starts the app, and only the old master after an abort", oneStarts, []mutant{
			{chain, "the old master starts after the commit", put("a", "committed remove", plan.Step{Verb: plan.Start, Flag: plan.OldRelease})},
			{chain, "the slave starts", put("d", "committed schedule new slave", plan.Step{Verb: plan.Start, Flag: plan.NewRelease})},
			{chain, "the new master starts too early", alter("c", "switching start new", in(app.Preparing))},
			{chain, "the new master starts the old release", alter("c", "switching start new", whose(plan.OldRelease))},
			{chain, "the new master starts after an abort", put("c", "aborted remove", plan.Step{Verb: plan.Start, Flag: plan.NewRelease})},
			{"destroy_a-b", "a destroyed app is started", put("a", "committed remove", plan.Step{Verb: plan.Grant, Flag: plan.OldRelease})},
		}},
		{"after either outcome what must run is started", runsInTheEnd, []mutant{
			{chain, "not after the commit", drop("c", "committed start new")},
			{chain, "not after an abort", drop("a", "aborted start old")},
			{again, "not rolled back", drop("a", "aborted start old")},
			{over, "the returning master does not start", drop("a", "aborted start old")},
			{"destroy_a-b_forced_by_c", "the returning master does not start", drop("a", "aborted start old")},
		}},
		{"the old master has stopped before the new one starts", stopsFirst, []mutant{
			{chain, "does not stop", drop("a", "switching stop")},
			{chain, "the new one does not wait", drop("c", "switching await transferred ← a")},
			{chain, "says so before it stops", move("a", "switching announce transferred", "switching revoke old")},
			{again, "starts first", move("a", "switching start new", "switching stop")},
			{"destroy_a-b", "destroyed while it runs", move("a", "switching commit", "switching stop")},
		}},
		{"revoke, stop, snapshot, send: in this order; kill before a rescue; healthy after the start", firstThingsFirst, []mutant{
			{chain, "stops with the lease there", move("a", "switching stop", "switching revoke old")},
			{chain, "snapshots what runs", move("a", "switching snapshot old", "switching stop")},
			{chain, "sends an older snapshot", move("a", "switching send old → c", "switching snapshot old")},
			{chain, "removes what runs", move("c", "aborted retire made", "aborted kill new")},
			{again, "rolls back what runs", move("a", "aborted restore old", "aborted kill new")},
			{chain, "kills with the lease there", drop("c", "aborted revoke new")},
			{chain, "commits without looking", drop("c", "switching healthy new")},
			{chain, "looks before it starts", move("c", "switching healthy new", "switching start new")},
			{chain, "builds what nobody has judged", move("c", "preparing build", "preparing inspect")},
		}},
		{"nothing starts without a lease of its row", leasesFirst, []mutant{
			{chain, "started without the word", drop("c", "switching announce started")},
			{chain, "restarted without the file", drop("a", "aborted grant old")},
			{chain, "goes on without the file", drop("c", "committed grant new")},
			{chain, "the wrong lease", alter("a", "aborted grant old", whose(plan.NewRelease))},
			{again, "taken away again", move("a", "switching revoke old", "switching start new")},
			{again + "+update", "a script without a lease", move("a", "switching script update.sh", "switching announce started")},
		}},
		{"an old master that may start again waits until the new one is cleared", clearedFirst, []mutant{
			{chain, "does not wait", drop("a", "aborted await cleared ← c")},
			{chain, "waits too late", move("a", "aborted start old", "aborted await cleared ← c")},
			{over, "back too early", drop("a", "aborted await cleared ← b")},
		}},
		{"a restarted handler does what the table says", resumesByTheTable, []mutant{
			{chain, "goes on as if nothing had happened", resumes(func(s []plan.Step, _ app.State, _ bool, _ plan.Said) []plan.Step { return s })},
			{chain, "the lead forgets that it is one", resumes(func(s []plan.Step, st app.State, _ bool, said plan.Said) []plan.Step {
				return plan.Resume(s, st, false, said)
			})},
			{chain, "believes that it has transferred", resumes(func(s []plan.Step, st app.State, lead bool, said plan.Said) []plan.Step {
				return plan.Resume(s, st, lead, plan.Said{Transferred: true, Holding: said.Holding})
			})},
		}},
		{"a restarted handler repeats no snapshot, send, restore or script before the outcome", nothingIsRepeated, []mutant{
			{again, "goes on as if nothing had happened", resumes(func(s []plan.Step, _ app.State, _ bool, _ plan.Said) []plan.Step { return s })},
			{chain, "believes that it holds its lease", resumes(func(s []plan.Step, st app.State, lead bool, said plan.Said) []plan.Step {
				return plan.Resume(s, st, lead, plan.Said{Transferred: said.Transferred, Holding: true})
			})},
			{chain, "only the state of now is looked at", resumes(func(s []plan.Step, st app.State, lead bool, said plan.Said) []plan.Step {
				return slices.Concat(plan.In(plan.Resume(s, st, lead, said), st), plan.In(s, app.Switching))
			})},
		}},
	}
}

func keeping() []property {
	return []property{
		{"no volume, container or checkout of the old release goes before the commit", nothingGoesEarly, []mutant{
			{chain, "retired while it is sent", put("a", "switching send old → c", plan.Step{Verb: plan.Retire, Set: plan.Old})},
			{chain, "an abort takes the old data", alter("c", "aborted retire made", set(plan.Old))},
			{again, "set aside where it runs", alter("a", "preparing set-aside added", set(plan.New))},
			{chain, "an abort takes the old checkout", alter("c", "aborted discard new", whose(plan.OldRelease))},
			{chain, "out of Consul too early", put("a", "switching stop", plan.Step{Verb: plan.Deregister})},
			{again, "containers away too early", put("a", "switching snapshot old", plan.Step{Verb: plan.Remove})},
			{again, "tidied where it runs", begins("a", plan.Step{In: app.Preparing, Verb: plan.Tidy})},
		}},
		{"after the commit nothing of the old release stays", nothingStays, []mutant{
			{chain, "volumes", drop("a", "committed retire old")},
			{chain, "containers", drop("a", "committed remove")},
			{chain, "service", drop("a", "committed deregister")},
			{chain, "the old slave's checkout", drop("b", "committed discard old")},
			{swap, "the new master's checkout of its time as a slave", drop("b", "committed discard old")},
			{"destroy_a-b_forced_by_b", "the slave's checkout", drop("b", "committed discard old")},
		}},
		{"what is restored was verified, and the new master starts with the data", wholeOrNothing, []mutant{
			{chain, "not verified", drop("c", "switching verify moved")},
			{chain, "verified too late", move("c", "switching restore moved", "switching verify moved")},
			{over, "another set", alter("b", "switching verify replica", set(plan.Common))},
			{"migrate_a_to_b", "not verified", drop("b", "preparing verify source")},
			{chain, "starts empty", drop("c", "switching restore moved")},
		}},
		{"a rollback point is in the ack before anything changes the data in place", rollbackIsKept, []mutant{
			{again, "no snapshot", drop("a", "switching snapshot old")},
			{again, "not said", drop("a", "switching announce transferred")},
			{again + "+update", "said after the script", move("a", "switching script update.sh", "switching announce transferred")},
			{"migrate_a_to_b", "not said", drop("b", "switching announce transferred")},
			{"migrate_a_to_b", "no way back", drop("b", "aborted restore old")},
		}},
		{"schedules: one node replicates after the commit, and after an abort from any step all are as before", scheduledAsPlaced, []mutant{
			{chain, "the old master still replicates", drop("a", "switching schedule old off")},
			{chain, "nobody replicates", drop("c", "committed schedule new master")},
			{chain, "two replicate", put("d", "committed announce done", schedule(plan.New, plan.AsMaster))},
			{chain, "the old slave still purges", drop("b", "committed schedule old off")},
			{chain, "the new slave does not purge", drop("d", "committed schedule new slave")},
			{chain, "not put back after an abort", drop("a", "aborted schedule old master")},
			{swap, "a slave's purge is not put back", drop("b", "aborted schedule old slave")},
			{"migrate_a-b_to_b-a", "the source's is not put back", drop("a", "aborted schedule source master")},
			{"migrate_a-b_to_b-a", "nor the purge of the source's slave", drop("b", "committed schedule source slave")},
			{"destroy_a-b", "a destroyed app is scheduled", drop("a", "switching schedule old off")},
			{"destroy_a-b_forced_by_c", "a returning master's is not put back", both(
				put("a", "switching stop", schedule(plan.Old, plan.Off)), drop("a", "aborted schedule old master"))},
		}},
		{"nothing is purged while copies are on their way, nothing scheduled from the final snapshot to the outcome", nothingIsPurged, []mutant{
			{chain, "the sender purges", drop("a", "preparing schedule old nopurge")},
			{swap, "the receiver purges", drop("b", "preparing schedule old off")},
			{again, "replicates in the middle", drop("a", "switching schedule old off")},
			{"migrate_a-b_to_c-d", "the source purges", drop("a", "preparing schedule source nopurge")},
			{"migrate_a-b_to_b-a", "the source's slave purges", drop("b", "preparing schedule source off")},
			{"migrate_a_to_b", "the target replicates half-restored data", drop("b", "switching schedule old off")},
		}},
	}
}

func shaping() []property {
	return []property{
		{"a node without a part has no plan", bystandersDoNothing, []mutant{
			{chain, "something", begins("e", plan.Step{In: app.Committed, Verb: plan.Checkout})},
			{chain, "a node from nowhere", alter("a", "switching send old → c", other("e"))},
		}},
		{"renaming the nodes commutes with planning", namesDoNotMatter, []mutant{
			{chain, "a name is wired in", alter("a", "switching send old → c", other("d"))},
		}},
		{"planning twice gives the same", sameAgain, []mutant{
			{chain, "not the same", drop("a", "switching stop")},
		}},
		{"every step is one line, once in its row, and names the other node it needs", shortLines, []mutant{
			{chain, "twice", put("a", "switching stop", plan.Step{Verb: plan.Stop})},
			{chain, "to itself", alter("a", "switching send old → c", other("a"))},
			{chain, "to nobody", alter("a", "switching send old → c", other(""))},
		}},
		{"the rows come in the order of the states, and only what may fail is best effort", inPlace, []mutant{
			{chain, "out of order", alter("a", "preparing switch", in(app.Aborted))},
			{chain, "may fail", alter("d", "committed schedule new slave", whose(plan.BestEffort))},
			{chain, "may fail before the commit", alter("c", "preparing checkout new", whose(plan.BestEffort))},
		}},
	}
}

// broken lists which properties do not hold, with the row.
func broken() (bad says) {
	for _, p := range properties() {
		for _, r := range rows() {
			for _, why := range p.holds(r) {
				bad.add("%s\n    %s: %s", p.says, r.name, why)
			}
		}
	}
	return bad
}

func TestProperties(t *testing.T) {
	all := rows()
	for _, p := range properties() {
		t.Run(p.says, func(t *testing.T) {
			for _, r := range all {
				for _, why := range p.holds(r) {
					t.Errorf("%s: %s", r.name, why)
				}
			}
			t.Logf("holds for %d rows; %d mutants are told apart", len(all), len(p.mutants))
		})
	}
}

func TestProperties_CanFail(t *testing.T) {
	for _, p := range properties() {
		for _, m := range p.mutants {
			t.Run(p.says+"/"+m.says, func(t *testing.T) {
				r := rowCalled(t, m.row)
				m.make(t, &r)
				if bad := p.holds(r); len(bad) == 0 {
					t.Errorf("%s is not told apart", m.row)
				}
			})
		}
	}
}
