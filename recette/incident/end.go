package incident

import (
	"cmp"
	"slices"
)

// end takes down how everything stands when the run is over, while its cluster
// is still there.
func (r *recorder) end() {
	if r.c == nil {
		return
	}
	c := r.c
	r.look()
	now := r.now()
	for _, i := range r.open {
		r.bands[i].To = now
	}
	for i, b := range r.bands {
		r.bands[i].App, r.bands[i].Text = r.names.short(b.App), r.names.short(b.Text)
	}
	r.done = &Recording{
		Nodes: c.Nodes(), Address: map[string]string{}, Hash: c.Hash(), Step: c.Steps(), Tape: c.Tape(), Misfit: c.Misfit(), Unplayed: c.Unplayed(),
		Entries: slices.Clone(c.Trace()), Writes: r.writes(), State: stateOf(c), names: r.names,
	}
	for _, n := range c.Nodes() {
		r.done.Address[n] = c.Address(n)
	}
}

// writes lists what users were told, oldest first.
func (r *recorder) writes() (all []Answer) {
	for _, name := range r.c.Written() {
		for _, a := range r.c.Acked(name) {
			all = append(all, Answer{At: a.At, App: r.names.short(name), Edge: a.Edge, Node: a.Node})
		}
		for _, x := range r.c.Refusals(name) {
			all = append(all, Answer{At: x.At, App: r.names.short(name), Edge: x.Edge, Error: x.Err})
		}
	}
	slices.SortStableFunc(all, func(a, b Answer) int { return cmp.Compare(a.At, b.At) })
	return all
}
