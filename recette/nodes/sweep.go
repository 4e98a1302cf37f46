package nodes

import (
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// A sweep kills a handler at every call by which it changes something. Which
// those are is learned from a run in which nothing goes wrong: that there were
// the calls once is no promise that they come again, so what is struck in vain
// does not count.

// learned is how a cell is played besides its variants: before and after each
// call that the node made for the play between arming and healing.
func (p *Play) learned(node string, move int) (all []recette.Turn) {
	p.mu.Lock()
	from, to := p.from, p.to
	p.mu.Unlock()
	times := map[string]int{}
	for _, c := range p.bench.cluster.Node(node).Relay.Calls() {
		if c.Process != relay.Handler || !strings.Contains(c.Arg, p.token) || c.Start.Before(from) || c.Start.After(to) || !changes(c.Address) {
			continue
		}
		if times[c.Address]++; times[c.Address] > often {
			continue
		}
		for _, phase := range []sim.Phase{sim.CrashBefore, sim.CrashAfter} {
			at := recette.Call{Node: node, Name: c.Address, Nth: times[c.Address]}
			all = append(all, recette.Turn{Move: move, Trouble: recette.Trouble{What: recette.CallStrikes, Node: node, At: at, Phase: phase}})
		}
	}
	return all
}

// often is how many calls of one name are struck: what comes more often is
// repeated by the clock.
const often = 3

// changes reports that a call is for its effect.
func changes(call string) bool {
	reads := []string{"KV.Get", "KV.List", "KV.Wait", "Containers.List", "Snapshots.List", "Schedules.List", "Volumes.List", "Checks.Registered"}
	return !slices.Contains(reads, call) && !strings.HasPrefix(call, "Stream.")
}

// spans notes when the trouble of a play was armed and healed.
func (p *Play) spans(began bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.to = time.Now(); began {
		p.from = p.to
	}
}

// sweeps adds what a run has taught: every call but those that the column's own
// variants strike.
func (r *run) sweeps(j job, p *Play) {
	place := r.places[j.cell]
	node := place.Row.Moves[max(j.turn.Move, 1)-1].Node(place.Column.Sweep)
	for _, t := range p.learned(node, j.turn.Move) {
		known := slices.ContainsFunc(place.Column.Troubles(place.Row.Moves[max(t.Move, 1)-1]), func(x recette.Trouble) bool {
			return x.Where() == t.Trouble.Where() && x.Phase == t.Trouble.Phase
		})
		if !known {
			r.left[j.cell]++
			r.sort(job{cell: j.cell, turn: t, trouble: t.Trouble, maybe: true, ssh: j.ssh && !strings.HasPrefix(t.Trouble.At.Name, "Source.")})
		}
	}
}
