package recette

import (
	"maps"
	"slices"
	"strings"

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

// onProcess does f to a process of a node.
func (s *Scene) onProcess(args []string, f func(node string, p sim.Process)) error {
	node, which, err := s.place(args, 2)
	if err != nil {
		return err
	}
	p, err := process(which)
	if err != nil {
		return err
	}
	f(node, p)
	return nil
}

func (s *Scene) doCrash(args []string) error { return s.onProcess(args, s.Crash) }

func (s *Scene) doStart(args []string) error { return s.onProcess(args, s.Start) }

func (s *Scene) doPlug(args []string) error {
	node, _, err := s.place(args, 1)
	if err == nil {
		s.PowerCut(node)
	}
	return err
}

func (s *Scene) doBoot(args []string) error {
	node, _, err := s.place(args, 1)
	if err == nil {
		s.Boot(node)
	}
	return err
}

func (s *Scene) doFreeze(args []string) error {
	return s.still(args, func(node string) {
		s.FreezeMachine(node)
		s.mend["freeze "+node] = func() { s.ThawMachine(node) }
	}, func(node string, p sim.Process) {
		s.Freeze(node, p)
		s.mend["freeze "+node+" "+p.String()] = func() { s.Thaw(node, p) }
	})
}

func (s *Scene) doThaw(args []string) error {
	return s.still(args, func(node string) {
		s.ThawMachine(node)
		delete(s.mend, "freeze "+node)
	}, func(node string, p sim.Process) {
		s.Thaw(node, p)
		delete(s.mend, "freeze "+node+" "+p.String())
	})
}

func (s *Scene) still(args []string, machine func(string), one func(string, sim.Process)) error {
	if len(args) == 1 || len(args) == 2 && args[1] == "machine" {
		node, err := s.node(args[0])
		if err == nil {
			machine(node)
		}
		return err
	}
	return s.onProcess(args, one)
}

func (s *Scene) doCut(args []string) error {
	if err := exactly(args, 1, 3); err != nil {
		return err
	}
	a, err := s.node(args[0])
	switch {
	case err != nil:
		return err
	case len(args) == 1:
		s.Isolate(a)
		return nil
	}
	b := sim.Outside
	if args[1] != "outside" {
		if b, err = s.node(args[1]); err != nil {
			return err
		}
	}
	cut := sim.Channels()
	if len(args) == 3 {
		ch, err := channel(args[2])
		if err != nil {
			return err
		}
		cut = []sim.Channel{ch}
	}
	for _, ch := range cut {
		s.Cut(ch, a, b)
		s.Cut(ch, b, a)
	}
	s.say("cut: %s", strings.Join(args, " "))
	return nil
}

func channel(word string) (sim.Channel, error) {
	for _, ch := range sim.Channels() {
		if ch.String() == word {
			return ch, nil
		}
	}
	return 0, usage("%q is no channel", word)
}

func (s *Scene) doHeal([]string) error {
	for _, what := range slices.Sorted(maps.Keys(s.mend)) {
		s.mend[what]()
	}
	clear(s.mend)
	s.Disarm()
	s.MendAll()
	for _, n := range s.Nodes() {
		s.Boot(n) // nothing where power is on
		for _, p := range []sim.Process{sim.Handler, sim.Guard} {
			if s.Powered(n) && !s.Alive(n, p) {
				s.Start(n, p)
			}
		}
	}
	return nil
}

func (s *Scene) doSession(args []string) error {
	node, _, err := s.place(args, 1)
	if err == nil {
		s.LoseSession(node)
	}
	return err
}

func (s *Scene) doConsul(args []string) error {
	if err := exactly(args, 1, 2); err != nil {
		return err
	}
	switch args[0] {
	case "down":
		s.ConsulAway(true)
		s.mend["consul"] = func() { s.ConsulAway(false) }
	case "up":
		s.ConsulAway(false)
		delete(s.mend, "consul")
	case "elects":
		if len(args) < 2 {
			return usage("for how long?")
		}
		d, err := duration(args[1])
		if err != nil {
			return err
		}
		s.Election(d)
	case "save":
		s.backups[""], _ = s.KV()
		s.say("a backup of Consul is taken")
	case "restore":
		s.Forget(s.backups[""]...)
	case "empty":
		s.Forget()
	default:
		return usage("consul %s", args[0])
	}
	return nil
}

func (s *Scene) doGossip(args []string) error {
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
	s.Gossip(g)
	return exactly(args, 0, 0)
}

func (s *Scene) doSkew(args []string) error {
	node, by, err := s.place(args, 2)
	if err != nil {
		return err
	}
	d, err := duration(by)
	if err == nil {
		s.Skew(node, d)
	}
	return err
}

func (s *Scene) doDrift(args []string) error {
	node, by, err := s.place(args, 2)
	if err != nil {
		return err
	}
	n, err := count(by)
	if err == nil {
		s.Drift(node, n)
	}
	return err
}
