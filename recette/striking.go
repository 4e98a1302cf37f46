package recette

import (
	"context"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/sim"
)

// doFault breaks a part of a node at once, or arms a fault at a call.
func (s *Scene) doFault(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return usage("which node, what, how?")
	}
	node, err := s.node(args[0])
	if err != nil {
		return err
	}
	if strings.Contains(args[1], ".") {
		return s.strikes(ctx, node, args[1], args[2:])
	}
	known := map[string][]string{
		"git": {"down", "up"}, "consul": {"down", "up"}, "agent": {"down", "up"}, "docker": {"down", "up"},
		"driver": {"down", "stall", "up"}, "disk": {"full", "up"},
	}
	if !slices.Contains(known[args[1]], args[2]) || len(args) > 3 {
		return usage("fault %s", strings.Join(args, " "))
	}
	return s.act(ctx, Act{Deed: Break, Node: node, Part: args[1], State: args[2]})
}

// strikes arms a fault at a call.
func (s *Scene) strikes(ctx context.Context, node, call string, args []string) error {
	if !callable(call) {
		return usage("there is no call %q; a call is PORT.METHOD, KV.Apply:TRANSACTION, or PORT.* for all of a port; ports are %s", call, strings.Join(ports(), ", "))
	}
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
	args, maybe := take(args[1:], "maybe")
	args, guard := take(args, "guard")
	if guard {
		f.Process = sim.Guard
	}
	if err := s.details(&f, args); err != nil {
		return err
	}
	has, err := s.Inject(ctx, f, s.follow(then))
	if err != nil {
		return err
	}
	s.armed = append(s.armed, struck{what: f.String(), maybe: maybe, has: has})
	s.say(ctx, "armed: %s", f)
	return nil
}

// ports lists those that have calls.
func ports() (all []string) {
	for _, c := range sim.Calls() {
		port, _, _ := strings.Cut(c, ".")
		all = append(all, port)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// callable reports whether a fault can be asked for at a call of that name.
// Streams are those between real nodes.
func callable(call string) bool {
	port, method, _ := strings.Cut(call, ".")
	switch {
	case port == "Stream", call == "KV.Apply", strings.HasPrefix(call, "KV.Apply:"):
		return true
	case method == "*":
		return slices.Contains(ports(), port)
	}
	return slices.Contains(sim.Calls(), call)
}

// follow is what a fault does when it strikes, nil for no command.
func (s *Scene) follow(command string) func(context.Context) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context) error {
		s.striking = true
		defer func() { s.striking = false }()
		return s.Do(ctx, command)
	}
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
		case word == "percent":
			if f.Percent, err = count(value); err == nil && (f.Percent < 1 || f.Percent > 100) {
				err = usage("percent %s: expected 1 to 100", value)
			}
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
