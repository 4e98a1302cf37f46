package plan_test

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// step is a place in a row's plans.
type step struct {
	node string
	i    int
}

// order is what must have happened before what, on the way to one outcome:
// each node's own order, a word before whoever waits for it, a transaction
// before the rows of the state that it makes.
type order struct {
	r      row
	steps  []step
	before map[step][]step
}

// orderOf is the order of the states on one way. The aborted row of each node
// may begin at any moment, so it is a way of its own.
func orderOf(r row, way ...app.State) order {
	o := order{r: r, before: map[step][]step{}}
	for _, n := range r.nodes() {
		var last *step
		for _, state := range way {
			for i, s := range r.plans[n] {
				if s.In != state {
					continue
				}
				here := step{n, i}
				o.steps = append(o.steps, here)
				if last != nil {
					o.before[here] = append(o.before[here], *last)
				}
				last = &here
			}
		}
	}
	for _, here := range o.steps {
		o.before[here] = append(o.before[here], o.causes(here)...)
	}
	return o
}

func (o order) at(s step) plan.Step { return o.r.plans[s.node][s.i] }

// causes are the steps of other nodes that here comes after.
func (o order) causes(here step) (all []step) {
	s := o.at(here)
	for _, other := range o.steps {
		c := o.at(other)
		switch {
		case other.node == here.node:
		case s.Verb == plan.Await && s.Node == other.node && saysIt(c, s.Flag),
			s.In == app.Switching && c.Verb == plan.Switch,
			s.In == app.Committed && c.Verb == plan.Commit,
			s.Verb == plan.Close && c.In == s.In && announces(plan.Finished)(c):
			all = append(all, other)
		}
	}
	return all
}

// saysIt reports that c is how flag is said.
func saysIt(c plan.Step, flag string) bool {
	switch flag {
	case plan.Switched:
		return c.Verb == plan.Switch
	case plan.Outcome:
		return c.Verb == plan.Commit
	}
	return c.Verb == plan.Announce && c.Flag == flag
}

// follows reports that b can only happen after a.
func (o order) follows(a, b step) bool {
	seen := map[step]bool{}
	var back func(step) bool
	back = func(s step) bool {
		for _, c := range o.before[s] {
			if c == a {
				return true
			}
			if !seen[c] {
				seen[c] = true
				if back(c) {
					return true
				}
			}
		}
		return false
	}
	return back(b)
}

func (o order) find(match func(string, plan.Step) bool) (all []step) {
	for _, s := range o.steps {
		if match(s.node, o.at(s)) {
			all = append(all, s)
		}
	}
	return all
}

func ways(r row) []order {
	return []order{orderOf(r, app.Preparing, app.Switching, app.Committed), orderOf(r, app.Aborted)}
}

// awaitsAreAnswered: one word, on the named other node, in the same state or
// an earlier one of the same way.
func awaitsAreAnswered(r row) (bad says) {
	r.each(func(n string, _ int, s plan.Step) {
		if s.Verb != plan.Await {
			return
		}
		if s.Flag == plan.Edge {
			if s.Node != "" {
				bad.add("%s: %s names a node", n, key(s))
			}
			return
		}
		words := r.find(func(m string, c plan.Step) bool {
			return m == s.Node && m != n && saysIt(c, s.Flag) && (c.In == s.In || early(s) && c.In == app.Preparing)
		})
		if len(words) != 1 {
			bad.add("%s: %s is answered by %q", n, key(s), words)
		}
	})
	return bad
}

func nobodyWaitsInACircle(r row) (bad says) {
	for _, o := range ways(r) {
		for _, s := range o.steps {
			if o.follows(s, s) {
				bad.add("%s: %s waits for itself", s.node, key(o.at(s)))
			}
		}
	}
	return bad
}

// rowsAreDone: before the arrow is made, everybody's row of the state that it
// ends has come to its wait. A master that is away is not waited for.
func rowsAreDone(r row) (bad says) {
	o := ways(r)[0]
	for _, arrow := range []struct {
		verb plan.Verb
		in   app.State
		wait string
	}{{plan.Switch, app.Preparing, plan.Switched}, {plan.Commit, app.Switching, plan.Outcome}} {
		made := o.find(func(_ string, s plan.Step) bool { return s.Verb == arrow.verb })
		for _, s := range o.find(func(n string, s plan.Step) bool {
			return s.In == arrow.in && s.Verb != arrow.verb && n != r.away() && (s.Verb != plan.Await || s.Flag != arrow.wait)
		}) {
			for _, m := range made {
				if !o.follows(s, m) {
					bad.add("%s: %s may come after %s", s.node, key(o.at(s)), arrow.verb)
				}
			}
		}
	}
	return bad
}

// slavesAreNotNeeded: a slave does nothing before the commit, and nobody waits
// for one.
func slavesAreNotNeeded(r row) (bad says) {
	masters := []string{r.op.Lead, r.op.Old.Master, r.op.New.Master, r.op.PeerAt.Master}
	r.each(func(n string, _ int, s plan.Step) {
		switch {
		case !early(s):
		case !slices.Contains(masters, n):
			bad.add("%s is no master and has %s", n, key(s))
		case s.Node != "" && !slices.Contains(masters, s.Node):
			bad.add("%s: %s needs a slave", n, key(s))
		}
	})
	return bad
}

// endsAreSaid: whoever has a row after the outcome says once that it is over,
// but not the closer, and not a master that is away when all is as before. The
// closer waits for exactly those; what follows the word may fail.
func endsAreSaid(r row) (bad says) {
	for _, state := range []app.State{app.Committed, app.Aborted} {
		o := r.op
		o.State = state
		waited := r.waits(o)
		for _, n := range r.nodes() {
			row := plan.In(r.plans[n], state)
			said := 0
			for _, s := range row {
				switch {
				case announces(plan.Finished)(s):
					said++
				case said > 0 && s.Flag != plan.BestEffort:
					bad.add("%s: %s after its end", n, key(s))
				}
			}
			want := 1
			if len(row) == 0 || n == r.closer(o) || state == app.Aborted && n == r.away() {
				want = 0
			}
			if said != want {
				bad.add("%s says its end %d times in %s, want %d", n, said, state, want)
			}
			if slices.Contains(waited, n) != (want == 1) {
				bad.add("the closer of %s waits for %v", state, waited)
			}
		}
	}
	return bad
}

// wordsAreTrue: what an ack claims was done just before in the same row.
func wordsAreTrue(r row) (bad says) {
	r.each(func(n string, i int, s plan.Step) {
		need := map[string][]plan.Verb{
			plan.Prepared:    {plan.Checkout, plan.Inspect, plan.Pull, plan.Build},
			plan.Precopied:   {plan.Precopy},
			plan.Transferred: {plan.Revoke, plan.Stop, plan.Schedule, plan.Snapshot},
			plan.Sourced:     {plan.Lend},
			plan.Cleared:     {plan.Revoke, plan.Kill},
		}
		if s.Verb == plan.Announce {
			for _, v := range need[s.Flag] {
				if !r.before(n, i, verb(v)) {
					bad.add("%s: %s without %s before it", n, key(s), v)
				}
			}
		}
		if announces(plan.Transferred)(s) && moves(r) && !r.before(n, i, verb(plan.Send)) {
			bad.add("%s: %s without send before it", n, key(s))
		}
	})
	return bad
}

// moves reports that the data goes from a living master to another node.
func moves(r row) bool {
	return r.op.Kind == app.Deploy && r.op.Old.Master != "" && r.op.Old.Master != r.op.New.Master && !r.op.Failover()
}

// shortLines: a step is one line that no other step of its row has, and names
// another node where it needs one.
func shortLines(r row) (bad says) {
	for _, n := range r.nodes() {
		seen := map[string]bool{}
		for _, s := range r.plans[n] {
			if seen[key(s)] {
				bad.add("%s: %s twice", n, key(s))
			}
			seen[key(s)] = true
			needs := s.Verb == plan.Send || s.Verb == plan.Precopy || s.Verb == plan.Replicate || s.Verb == plan.Await && s.Flag != plan.Edge
			if s.Node == n || needs && s.Node == "" {
				bad.add("%s: %q names no other node", n, key(s))
			}
			if s.Words() == "" {
				bad.add("%s: %s has no words", n, key(s))
			}
		}
	}
	return bad
}
