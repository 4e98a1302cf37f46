package plan

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
)

// For is the plan of self in operation o.
func For(o app.Operation, self string) []Step {
	switch o.Kind {
	case app.Deploy:
		return Deploy(o.Old, o.New, self, o.Flags)
	case app.Destroy:
		return Destroy(o.Old, o.Lead, self)
	case app.Migrate:
		return Migrate(o.PeerAt, o.Old, self, o.Flags)
	}
	return nil
}

// Said is what a node of an earlier incarnation had reached.
type Said struct {
	Transferred bool // its ack says so
	Holding     bool // its lease holds and everything runs
}

// Restarted is the reason of an abort by a handler that lost its memory.
const Restarted = "the handler restarted"

// Resume is what is left of steps for a node whose handler restarted while the
// operation is in state. lead does N's part. Before the commit a restarted
// lead aborts, unless its lease still holds and everything runs; a restarted
// old master goes on preparing, with the app running, and in switching aborts
// unless it had said that it has transferred. After the outcome a row is done
// from its top.
func Resume(steps []Step, state app.State, lead bool, said Said) []Step {
	row, rest := In(steps, state), after(steps, state)
	abort := func(in app.State) []Step { return []Step{{In: in, Verb: Abort, Flag: Restarted}} }
	switch {
	case state == app.Preparing && lead:
		// The old master may switch before this abort is applied. What was
		// prepared is forgotten all the same: switching is no way on either.
		row = append(abort(app.Preparing), abort(app.Switching)...)
		rest = after(steps, app.Switching)
	case state == app.Preparing && has(row, Precopy):
		row = append([]Step{
			{In: state, Verb: Grant, Flag: OldRelease},
			{In: state, Verb: Start, Flag: OldRelease},
		}, row...)
	case state == app.Switching && lead && !said.Holding,
		state == app.Switching && !lead && !said.Transferred && has(row, Send):
		row = abort(state)
	case state == app.Switching && lead:
		row = from(row, func(s Step) bool { return s.Verb == Healthy || s.Verb == Commit })
	case state == app.Switching && has(row, Send):
		row = from(row, func(s Step) bool { return s.Verb == Await && s.Flag == Outcome })
	}
	return append(slices.Clip(row), rest...)
}

func has(row []Step, v Verb) bool {
	return slices.ContainsFunc(row, func(s Step) bool { return s.Verb == v })
}

func from(row []Step, first func(Step) bool) []Step {
	if i := slices.IndexFunc(row, first); i >= 0 {
		return row[i:]
	}
	return nil
}

// after lists the steps of the states that may follow state.
func after(steps []Step, state app.State) []Step {
	next := map[app.State][]app.State{
		app.Preparing: {app.Switching, app.Committed, app.Aborted},
		app.Switching: {app.Committed, app.Aborted},
	}[state]
	var out []Step
	for _, s := range steps {
		if slices.Contains(next, s.In) {
			out = append(out, s)
		}
	}
	return out
}

// Finishes lists the nodes whose plan of o says that it is done with o's
// present state: those that a closer waits for.
func Finishes(o app.Operation) []string {
	var nodes []string
	for _, n := range o.Nodes() {
		row := In(For(o, n), o.State)
		if slices.ContainsFunc(row, func(s Step) bool { return s.Verb == Announce && s.Flag == Finished }) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Closer is the node that closes o in its present state: N a committed
// operation, O an aborted one.
func Closer(o app.Operation) string {
	for _, n := range o.Nodes() {
		if has(In(For(o, n), o.State), Close) {
			return n
		}
	}
	return o.Lead
}
