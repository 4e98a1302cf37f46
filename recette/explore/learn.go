package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Call is a port call that a process makes during a move to which nothing
// happens.
type Call struct {
	Node    string
	Process sim.Process
	Name    string
	Times   int   // how often it is made
	nths    []int // those to strike, counted from 1
	own     []int // of a guard: those of them that differ for its node; nil: all
}

// Alike is how many of the calls are like an earlier one.
func (c Call) Alike() int { return c.Times - len(c.nths) }

type place struct {
	node    string
	process sim.Process
	call    string
}

// errNoSites says that the ground of a scene does not count calls.
var errNoSites = errors.New("this ground counts no calls: only simulated ones do")

// Learn plays the transition without a fault and lists the calls of its move,
// by node, process and name. It is the scenario of [Transition.Text] up to
// where everything is healed.
func Learn(ctx context.Context, t Transition, set recette.Setting) ([]Call, error) {
	set.Nodes, set.Seed, set.Mute = t.nodes, 1, false
	s, err := recette.NewScene(set)
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return nil, err
	}
	ground, ok := s.Ground.(interface{ Sites() []sim.Site })
	if !ok {
		return nil, errNoSites
	}
	do := func(lines []string) error {
		for _, line := range lines {
			if err := s.Do(ctx, line); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
		return nil
	}
	if err := do(t.before); err != nil {
		return nil, err
	}
	began, before := len(s.Trace()), map[place]int{}
	for _, site := range ground.Sites() {
		before[at(site)] = site.Calls
	}
	if err := do(t.during()); err != nil {
		return nil, err
	}
	kept := differing(s.Trace()[began:])
	var all []Call
	for _, site := range ground.Sites() {
		c := Call{Node: site.Node, Process: site.Process, Name: site.Call, Times: site.Calls - before[at(site)]}
		if c.Times == 0 || c.Process == sim.Shell {
			continue
		}
		if k := kept[at(site)]; k != nil && k.seen == c.Times {
			c.nths = k.nths
			if c.Process == sim.Guard {
				c.own = k.own
			}
		} else { // every one of them
			for nth := range c.Times {
				c.nths = append(c.nths, nth+1)
			}
		}
		all = append(all, c)
	}
	return all, nil
}

func at(s sim.Site) place { return place{s.Node, s.Process, s.Call} }

// ticks are the calls that go on when nothing happens, at an interval: presence
// and the edge by the handler's beat, the mark and the leases by the guard.
var ticks = map[sim.Process][]string{
	sim.Handler: {"Presence.Join", "Edge.Publish", "Guard.Mark"},
	sim.Guard:   {"Warden.Touch", "Guard.List"},
}

func idles(p sim.Process, call string) bool { return slices.Contains(ticks[p], call) }

// tick is what is known of one place where calls go on.
type tick struct {
	seen      int
	nths, own []int // the first of each stretch: of the cluster, of the node
	at, ownAt int   // the stretch of the last of them, counted from 1
}

// differing lists, of the calls that go on when nothing happens, the first of
// each stretch. In a stretch nobody in the whole cluster does anything else: no
// other call, no log line of a step, nothing noted but writes of users. A fault
// at another call of the stretch finds the same cluster a few seconds later. In
// a stretch of a node nobody does anything else there: what happens to a guard,
// which knows its own node alone, is the same at any call of it.
func differing(trace []sim.Entry) map[place]*tick {
	all, stretch, own := map[place]*tick{}, 1, map[string]int{}
	for _, e := range trace {
		p := sim.Handler
		if e.Process == sim.Guard.String() {
			p = sim.Guard
		}
		switch {
		case e.Call == "" && e.Arg == "write acknowledged":
			continue
		case e.Call == "" || e.Err != "" || !idles(p, e.Call):
			stretch++
			own[e.Node]++
			continue
		}
		k := all[place{e.Node, p, e.Call}]
		if k == nil {
			k = &tick{}
			all[place{e.Node, p, e.Call}] = k
		}
		k.seen++
		if k.at != stretch {
			k.at, k.nths = stretch, append(k.nths, k.seen)
		}
		if k.ownAt != own[e.Node]+1 {
			k.ownAt, k.own = own[e.Node]+1, append(k.own, k.seen)
		}
	}
	return all
}
