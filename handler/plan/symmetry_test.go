package plan_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// renamed is o with other names for its nodes.
func renamed(o app.Operation, to map[string]string) app.Operation {
	place := func(p app.Placement) app.Placement { return app.Placement{Master: to[p.Master], Slave: to[p.Slave]} }
	o.Old, o.New, o.PeerAt, o.Lead = place(o.Old), place(o.New), place(o.PeerAt), to[o.Lead]
	return o
}

func renamedSteps(steps []plan.Step, to map[string]string) []plan.Step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].Node = to[out[i].Node]
	}
	return out
}

// permutations of the five names, the empty name kept.
func permutations() (all []map[string]string) {
	var walk func(left, chosen string)
	walk = func(left, chosen string) {
		if left == "" {
			to := map[string]string{"": ""}
			for i, n := range strings.Split(five, "") {
				to[n] = chosen[i : i+1]
			}
			all = append(all, to)
		}
		for i := range left {
			walk(left[:i]+left[i+1:], chosen+left[i:i+1])
		}
	}
	walk(five, "")
	return all
}

// namesDoNotMatter: renaming the nodes and planning commute.
func namesDoNotMatter(r row) (bad says) {
	for _, to := range permutations() {
		o := renamed(r.op, to)
		for _, n := range r.nodes() {
			if !slices.Equal(plan.For(o, to[n]), renamedSteps(r.plans[n], to)) {
				bad.add("%s, called %s, has another plan", n, to[n])
			}
		}
	}
	return bad
}

// sameAgain: the same input gives the same plan.
func sameAgain(r row) (bad says) {
	for _, n := range r.nodes() {
		if !slices.Equal(plan.For(r.op, n), r.plans[n]) {
			bad.add("%s has another plan", n)
		}
	}
	return bad
}

// bystandersDoNothing: a node without a part has no plan, and a plan names only
// nodes that take part.
func bystandersDoNothing(r row) (bad says) {
	for _, n := range append(strings.Split(five, ""), "", "z") {
		if steps := r.plans[n]; !r.op.Involves(n) && len(steps)+len(plan.For(r.op, n)) > 0 {
			bad.add("%q has no part in it and has %q", n, steps)
		}
	}
	r.each(func(n string, _ int, s plan.Step) {
		if s.Node != "" && !r.op.Involves(s.Node) {
			bad.add("%s: %s", n, key(s))
		}
	})
	return bad
}

// anything draws an operation over five nodes that nobody has checked: no
// master, a slave equal to it, a lead from nowhere.
func anything(t *rapid.T) app.Operation {
	node := func(what string) string { return rapid.SampledFrom(append(strings.Split(five, ""), "")).Draw(t, what) }
	place := func(what string) app.Placement {
		return app.Placement{Master: node(what + " master"), Slave: node(what + " slave")}
	}
	return app.Operation{
		Kind: rapid.SampledFrom([]app.Kind{app.Deploy, app.Destroy, app.Migrate, "dance"}).Draw(t, "kind"),
		Old:  place("old"), New: place("new"), PeerAt: place("peer"), Lead: node("lead"),
		Flags: app.Flags{Update: rapid.Bool().Draw(t, "update"), Failover: rapid.Bool().Draw(t, "failover"), Force: rapid.Bool().Draw(t, "force")},
		State: rapid.SampledFrom(append(plan.States(), app.Done, "")).Draw(t, "state"),
	}
}

// nonsense: whatever is asked, planning ends, twice the same, with nothing for
// those who take no part, and every function of the package takes the result.
func nonsense(t *rapid.T) {
	o := anything(t)
	to := rapid.SampledFrom(permutations()).Draw(t, "renaming")
	for _, n := range append(strings.Split(five, ""), "", "z") {
		steps := plan.For(o, n)
		if !slices.Equal(steps, plan.For(o, n)) {
			t.Fatalf("%s: two plans", n)
		}
		if len(steps) > 0 && !o.Involves(n) {
			t.Fatalf("%s has no part in it and has %q", n, steps)
		}
		if n != "z" && !slices.Equal(plan.For(renamed(o, to), to[n]), renamedSteps(steps, to)) {
			t.Fatalf("%s, called %s, has another plan", n, to[n])
		}
		for _, lead := range []bool{false, true} {
			left := plan.Resume(steps, o.State, lead, plan.Said{Transferred: rapid.Bool().Draw(t, "transferred"), Holding: rapid.Bool().Draw(t, "holding")})
			if len(steps) == 0 && !lead && len(left) > 0 {
				t.Fatalf("%s: nothing to do, but %q is left of it", n, left)
			}
		}
	}
	if c := plan.Closer(o); c != o.Lead && !o.Involves(c) {
		t.Fatalf("%s closes", c)
	}
	for _, n := range plan.Finishes(o) {
		if !o.Involves(n) {
			t.Fatalf("%s finishes", n)
		}
	}
	if text := plan.Text(plan.Title(o), plan.Plans(o)); !strings.HasSuffix(text, "\n") {
		t.Fatalf("text: %q", text)
	}
	if _, err := plan.JSON(plan.Title(o), plan.Plans(o)); err != nil {
		t.Fatal(err)
	}
}

func TestPlan_TakesNonsense(t *testing.T) { rapid.Check(t, nonsense) }

func FuzzPlan_TakesNonsense(f *testing.F) { f.Fuzz(rapid.MakeFuzz(nonsense)) }
