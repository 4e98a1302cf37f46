package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// row is a line of the acceptance matrix with the plan of every node in it. A
// mutant of it shows that a property can fail.
type row struct {
	name   string
	op     app.Operation
	plans  map[string][]plan.Step
	resume func([]plan.Step, app.State, bool, plan.Said) []plan.Step
	closer func(app.Operation) string
	waits  func(app.Operation) []string
}

func everyMove() []plan.Move {
	return slices.Concat(plan.Moves(), plan.Failovers(), plan.DestroyStates(), plan.ForcedDestroys(), plan.Migrations())
}

// rows are all moves, with and without the update script; an app that is not
// deployed cannot be destroyed and makes no row.
func rows() []row {
	var all []row
	for _, m := range everyMove() {
		for _, update := range []bool{false, true} {
			o := m.Operation()
			if o.Flags.Update = update; update && m.Kind == app.Destroy || len(o.Nodes()) == 0 {
				continue
			}
			r := row{name: m.Name, op: o, plans: map[string][]plan.Step{}, resume: plan.Resume, closer: plan.Closer, waits: plan.Finishes}
			if update {
				r.name += "+update"
			}
			for _, n := range o.Nodes() {
				r.plans[n] = plan.For(o, n)
			}
			all = append(all, r)
		}
	}
	return all
}

func rowCalled(t *testing.T, name string) row {
	t.Helper()
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no row %s", name)
	}
	return all[i]
}

func (r row) nodes() []string { return slices.Sorted(maps.Keys(r.plans)) }

// away is the master that somebody says is off, "" when all are there.
func (r row) away() string {
	if r.op.Failover() || r.op.Kind == app.Destroy && r.op.Lead != r.op.Old.Master {
		return r.op.Old.Master
	}
	return ""
}

// each calls f with every step, in order.
func (r row) each(f func(node string, i int, s plan.Step)) {
	for _, n := range r.nodes() {
		for i, s := range r.plans[n] {
			f(n, i, s)
		}
	}
}

// find lists the steps that match as "node: state step".
func (r row) find(match func(node string, s plan.Step) bool) []string {
	var found []string
	r.each(func(n string, _ int, s plan.Step) {
		if match(n, s) {
			found = append(found, n+": "+key(s))
		}
	})
	return found
}

// before reports that a step that matches is earlier than i in node's plan and
// in the same state.
func (r row) before(node string, i int, match func(plan.Step) bool) bool {
	steps := r.plans[node]
	for _, s := range steps[:i] {
		if s.In == steps[i].In && match(s) {
			return true
		}
	}
	return false
}

func verb(v plan.Verb) func(plan.Step) bool { return func(s plan.Step) bool { return s.Verb == v } }

func announces(flag string) func(plan.Step) bool {
	return func(s plan.Step) bool { return s.Verb == plan.Announce && s.Flag == flag }
}

func key(s plan.Step) string { return string(s.In) + " " + s.String() }

// early are the states before the outcome.
func early(s plan.Step) bool { return s.In == app.Preparing || s.In == app.Switching }

// says collects what is wrong with a row.
type says []string

func (w *says) add(format string, a ...any) { *w = append(*w, fmt.Sprintf(format, a...)) }

// change makes a mutant of a row's plans.
type change func(*testing.T, *row)

func at(t *testing.T, r *row, node, what string) int {
	t.Helper()
	i := slices.IndexFunc(r.plans[node], func(s plan.Step) bool { return key(s) == what })
	if i < 0 {
		t.Fatalf("%s: %s has no step %q in %q", r.name, node, what, r.plans[node])
	}
	return i
}

func drop(node, what string) change {
	return func(t *testing.T, r *row) {
		i := at(t, r, node, what)
		r.plans[node] = slices.Concat(r.plans[node][:i], r.plans[node][i+1:])
	}
}

// move takes a step to just before another one.
func move(node, what, to string) change {
	return func(t *testing.T, r *row) {
		s := r.plans[node][at(t, r, node, what)]
		drop(node, what)(t, r)
		i := at(t, r, node, to)
		r.plans[node] = slices.Insert(slices.Clone(r.plans[node]), i, s)
	}
}

// put adds a step just before another one.
func put(node, to string, s plan.Step) change {
	return func(t *testing.T, r *row) {
		i := at(t, r, node, to)
		s.In = r.plans[node][i].In
		r.plans[node] = slices.Insert(slices.Clone(r.plans[node]), i, s)
	}
}

// alter changes a step in place.
func alter(node, what string, f func(*plan.Step)) change {
	return func(t *testing.T, r *row) {
		i := at(t, r, node, what)
		r.plans[node] = slices.Clone(r.plans[node])
		f(&r.plans[node][i])
	}
}

// begins gives a node a step at the top of its plan.
func begins(node string, s plan.Step) change {
	return func(_ *testing.T, r *row) { r.plans[node] = slices.Insert(slices.Clone(r.plans[node]), 0, s) }
}

// both makes several changes.
func both(all ...change) change {
	return func(t *testing.T, r *row) {
		for _, f := range all {
			f(t, r)
		}
	}
}

func TestMoves_AreAllThereAre(t *testing.T) {
	for _, c := range []struct {
		what string
		all  []plan.Move
		want int
	}{
		{"deploy moves", plan.Moves(), 17},
		{"failovers", plan.Failovers(), 10},
		{"states to destroy from", plan.DestroyStates(), 3},
		{"forced destroys", plan.ForcedDestroys(), 3},
		{"migrations", plan.Migrations(), 15},
	} {
		if len(c.all) != c.want {
			t.Errorf("%d %s, want %d", len(c.all), c.what, c.want)
		}
	}
	decisions := 0
	for _, m := range plan.Moves() {
		decisions += len(m.Operation().Nodes()) + 1 // and a node that has no part in it
	}
	if decisions != 57 {
		t.Errorf("%d decisions, want 57", decisions)
	}
}

// TestMoves_CoverEveryPair renames every pair of placements over five nodes to
// a row of the list, and finds each row that way.
func TestMoves_CoverEveryPair(t *testing.T) {
	for _, list := range [][]plan.Move{plan.Moves(), plan.Migrations()} {
		listed, seen := map[[2]app.Placement]bool{}, map[[2]app.Placement]bool{}
		for _, m := range list {
			listed[[2]app.Placement{m.From, m.To}] = true
		}
		for _, from := range valid() {
			for _, to := range valid() {
				if to.IsZero() || from.IsZero() && list[0].Kind == app.Migrate {
					continue
				}
				rename := firstComeFirst(from.Master, from.Slave, to.Master, to.Slave)
				p := [2]app.Placement{rename(from), rename(to)}
				if !listed[p] {
					t.Errorf("%s → %s is %v, which is not listed", from, to, p)
				}
				seen[p] = true
			}
		}
		if len(seen) != len(list) || len(listed) != len(list) {
			t.Errorf("%d different rows of %d listed, %d reached", len(listed), len(list), len(seen))
		}
	}
}

const five = "abcde"

// valid are all placements over five nodes, nowhere included.
func valid() []app.Placement {
	all := []app.Placement{{}}
	for _, m := range strings.Split(five, "") {
		for _, s := range append([]string{""}, strings.Split(five, "")...) {
			if s != m {
				all = append(all, app.Placement{Master: m, Slave: s})
			}
		}
	}
	return all
}

// firstComeFirst renames nodes to a, b, … in the order given.
func firstComeFirst(names ...string) func(app.Placement) app.Placement {
	to := map[string]string{"": ""}
	for _, n := range names {
		if _, ok := to[n]; !ok {
			to[n] = string(rune('a' + len(to) - 1))
		}
	}
	return func(p app.Placement) app.Placement { return app.Placement{Master: to[p.Master], Slave: to[p.Slave]} }
}

func TestMoves_NamesAreFileNamesAndDiffer(t *testing.T) {
	names, titles := map[string]bool{}, map[string]bool{}
	for _, m := range everyMove() {
		title := plan.Title(m.Operation())
		if strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz-_") != "" {
			t.Errorf("%q is no file name", m.Name)
		}
		if names[m.Name] || titles[title] || strings.Contains(title, "\n") {
			t.Errorf("%q or %q is there twice", m.Name, title)
		}
		names[m.Name], titles[title] = true, true
	}
	for _, want := range []string{"none_to_a", "a-b_to_c-d", "a-b_to_b-a_failover", "destroy_none", "destroy_a-b_forced_by_c", "migrate_a-b_to_c-d"} {
		if !names[want] {
			t.Errorf("no row %s", want)
		}
	}
}

func TestDestroy_OfNothingHasNoPlan(t *testing.T) {
	o := plan.DestroyStates()[0].Operation()
	for _, n := range strings.Split(five, "") {
		if steps := plan.For(o, n); len(steps) > 0 {
			t.Errorf("%s has %v", n, steps)
		}
	}
}
