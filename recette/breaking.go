package recette

import (
	"context"
	"slices"

	"github.com/mlfmonde/cluster/sim"
)

// place reads a node, the only argument or the first.
func (s *Scene) place(args []string, most int) (node, more string, err error) {
	if err := exactly(args, 1, most); err != nil {
		return "", "", err
	}
	if len(args) > 1 {
		more = args[1]
	}
	node, err = s.node(args[0])
	return node, more, err
}

func process(word string) (sim.Process, error) {
	switch word {
	case "", "handler":
		return sim.Handler, nil
	case "guard":
		return sim.Guard, nil
	}
	return sim.Handler, usage("%q is neither handler nor guard", word)
}

// onProcess does a deed to a process of a node.
func (s *Scene) onProcess(ctx context.Context, d Deed, args []string) error {
	node, which, err := s.place(args, 2)
	if err != nil {
		return err
	}
	p, err := process(which)
	if err != nil {
		return err
	}
	return s.act(ctx, Act{Deed: d, Node: node, Process: p})
}

func (s *Scene) doCrash(ctx context.Context, args []string) error {
	return s.onProcess(ctx, Crash, args)
}

func (s *Scene) doStart(ctx context.Context, args []string) error {
	return s.onProcess(ctx, Start, args)
}

func (s *Scene) doFreeze(ctx context.Context, args []string) error { return s.still(ctx, Freeze, args) }

func (s *Scene) doThaw(ctx context.Context, args []string) error { return s.still(ctx, Thaw, args) }

func (s *Scene) still(ctx context.Context, d Deed, args []string) error {
	if len(args) == 1 || len(args) == 2 && args[1] == "machine" {
		node, err := s.node(args[0])
		if err != nil {
			return err
		}
		return s.act(ctx, Act{Deed: d, Node: node, Machine: true})
	}
	return s.onProcess(ctx, d, args)
}

// onNode does a deed to a node as a whole.
func (s *Scene) onNode(ctx context.Context, d Deed, args []string) error {
	node, _, err := s.place(args, 1)
	if err != nil {
		return err
	}
	return s.act(ctx, Act{Deed: d, Node: node})
}

func (s *Scene) doPlug(ctx context.Context, args []string) error {
	return s.onNode(ctx, PowerOff, args)
}

func (s *Scene) doBoot(ctx context.Context, args []string) error { return s.onNode(ctx, PowerOn, args) }

func (s *Scene) doSession(ctx context.Context, args []string) error {
	return s.onNode(ctx, Expire, args)
}

func (s *Scene) doCut(ctx context.Context, args []string) error { return s.link(ctx, Cut, args) }

func (s *Scene) doJoin(ctx context.Context, args []string) error { return s.link(ctx, Join, args) }

func (s *Scene) link(ctx context.Context, d Deed, args []string) error {
	if err := exactly(args, 1, 3); err != nil {
		return err
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	a := Act{Deed: d, Node: node, Other: Everyone}
	if len(args) > 1 {
		if a.Other = sim.Outside; args[1] != "outside" {
			if a.Other, err = s.node(args[1]); err != nil {
				return err
			}
		}
	}
	if len(args) == 3 {
		ch, err := channel(args[2])
		if err != nil {
			return err
		}
		a.Channels = []sim.Channel{ch}
	}
	return s.act(ctx, a)
}

func channel(word string) (sim.Channel, error) {
	for _, ch := range sim.Channels() {
		if ch.String() == word {
			return ch, nil
		}
	}
	return 0, usage("%q is no channel", word)
}

func (s *Scene) doTick(ctx context.Context, args []string) error { return s.onNode(ctx, Tick, args) }

// doHeal mends everything; nodes that are gone for ever have no power.
func (s *Scene) doHeal(ctx context.Context, args []string) error {
	gone, err := s.off(args)
	if err == nil {
		err = s.Heal(ctx)
	}
	for _, n := range gone {
		if err == nil {
			err = s.act(ctx, Act{Deed: PowerOff, Node: n})
		}
	}
	return err
}

// off reads "without NODE...", or nothing.
func (s *Scene) off(args []string) ([]string, error) {
	rest, without := take(args, "without")
	switch {
	case len(args) == 0:
		return nil, nil
	case !without || args[0] != "without":
		return nil, usage("%q: expected without", args[0])
	case len(rest) == 0:
		return nil, usage("without which nodes?")
	}
	for _, n := range rest {
		if _, err := s.node(n); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (s *Scene) doConsul(ctx context.Context, args []string) error {
	if err := exactly(args, 1, 2); err != nil {
		return err
	}
	a := Act{Deed: Deed("consul " + args[0])}
	if !slices.Contains([]Deed{ConsulDown, ConsulUp, Elect, Save, Restore, Empty}, a.Deed) {
		return usage("consul %s", args[0])
	}
	if a.Deed == Elect {
		if len(args) < 2 {
			return usage("for how long?")
		}
		var err error
		if a.For, err = duration(args[1]); err != nil {
			return err
		}
	}
	return s.act(ctx, a)
}

func (s *Scene) doGossip(ctx context.Context, args []string) error {
	var g sim.Gossiping
	for _, o := range []struct {
		word string
		to   *int
	}{{"lose", &g.Lose}, {"repeat", &g.Repeat}, {"delay", &g.Delay}} {
		rest, value, err := option(args, o.word)
		if err != nil {
			return err
		}
		args = rest
		if value != "" {
			if *o.to, err = count(value); err != nil {
				return err
			}
		}
	}
	args, most, err := option(args, "most")
	if err == nil && most != "" {
		g.Most, err = duration(most)
	}
	if err == nil {
		err = exactly(args, 0, 0)
	}
	if err != nil {
		return err
	}
	return s.act(ctx, Act{Deed: Gossip, Gossip: g})
}

func (s *Scene) doSkew(ctx context.Context, args []string) error { return s.clock(ctx, Skew, args) }

func (s *Scene) doZone(ctx context.Context, args []string) error { return s.clock(ctx, Zone, args) }

func (s *Scene) clock(ctx context.Context, deed Deed, args []string) error {
	node, by, err := s.place(args, 2)
	if err != nil {
		return err
	}
	d, err := duration(by)
	if err != nil {
		return err
	}
	s.unordered = true
	return s.act(ctx, Act{Deed: deed, Node: node, For: d})
}

func (s *Scene) doDrift(ctx context.Context, args []string) error {
	node, by, err := s.place(args, 2)
	if err != nil {
		return err
	}
	n, err := count(by)
	if err != nil {
		return err
	}
	return s.act(ctx, Act{Deed: Drift, Node: node, N: n})
}
