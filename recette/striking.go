package recette

import (
	"strings"

	"github.com/mlfmonde/cluster/sim"
)

// doFault breaks a part of a node at once, or arms a fault at a call.
func (s *Scene) doFault(args []string) error {
	if len(args) < 3 {
		return usage("which node, what, how?")
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	if strings.Contains(args[1], ".") {
		return s.strikes(node, args[1], args[2:])
	}
	state := args[2]
	all := s.parts(node)
	set, up := all[args[1]+" "+state], all[args[1]+" up"]
	if set == nil {
		return usage("fault %s", strings.Join(args, " "))
	}
	set()
	if s.mend[args[1]+" "+node] = up; state == "up" {
		delete(s.mend, args[1]+" "+node)
	}
	s.say("fault: %s of %s is %s", args[1], node, state)
	return nil
}

// parts of a node that can be broken as a whole, and mended.
func (s *Scene) parts(node string) map[string]func() {
	return map[string]func(){
		"git down":     func() { s.Cut(sim.Git, node, sim.Outside) },
		"git up":       func() { s.Mend(sim.Git, node, sim.Outside) },
		"consul down":  func() { s.Cut(sim.Consul, node, sim.Outside) },
		"consul up":    func() { s.Mend(sim.Consul, node, sim.Outside) },
		"agent down":   func() { s.AgentDown(node, true) },
		"agent up":     func() { s.AgentDown(node, false) },
		"docker down":  func() { s.DockerDown(node, true) },
		"docker up":    func() { s.DockerDown(node, false) },
		"driver down":  func() { s.DriverDown(node, true) },
		"driver stall": func() { s.DriverStalls(node, true) },
		"driver up":    func() { s.DriverStalls(node, false); s.DriverDown(node, false) },
		"disk full":    func() { s.DiskFull(node, true) },
		"disk up":      func() { s.DiskFull(node, false) },
	}
}

// strikes arms a fault at a call.
func (s *Scene) strikes(node, call string, args []string) error {
	f := sim.Fault{Node: node, Call: call}
	args, then, err := after(args, "then")
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usage("which phase?")
	}
	if f.Phase, err = phaseOf(args[0]); err != nil {
		return usage("%w", err)
	}
	if then != "" {
		f.Do = func(*sim.Cluster) {
			s.striking = true
			if err := s.Do(then); err != nil {
				s.Fail(err)
			}
			s.striking = false
		}
	}
	args, maybe := take(args[1:], "maybe")
	args, guard := take(args, "guard")
	if guard {
		f.Process = sim.Guard
	}
	if err := s.details(&f, args); err != nil {
		return err
	}
	armed := s.Inject(f)
	s.fired = append(s.fired, armed)
	if maybe {
		s.maybe = append(s.maybe, armed)
	}
	s.say("armed: %s", f)
	return nil
}

// after cuts args at the word; what follows it is a command of its own.
func after(args []string, word string) (before []string, command string, err error) {
	for i, a := range args {
		if a == word {
			if i+1 == len(args) {
				return nil, "", usage("%s what?", word)
			}
			return args[:i], strings.Join(args[i+1:], " "), nil
		}
	}
	return args, "", nil
}

// details reads the pairs that follow a phase: nth, times, arg, for, down.
func (s *Scene) details(f *sim.Fault, args []string) (err error) {
	for ; len(args) > 0 && err == nil; args = args[2:] {
		if len(args) == 1 {
			return usage("%s what?", args[0])
		}
		switch word, value := args[0], args[1]; {
		case word == "nth":
			f.Nth, err = count(value)
		case word == "times" && value == "ever":
			f.Times = -1
		case word == "times":
			f.Times, err = count(value)
		case word == "arg":
			f.Arg = s.key(value)
		case word == "for":
			f.For, err = duration(value)
		case word == "down" && value == "never":
			f.Down = -1
		case word == "down":
			f.Down, err = duration(value)
		default:
			return usage("%q of a fault", word)
		}
	}
	return err
}
