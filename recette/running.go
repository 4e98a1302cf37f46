package recette

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// doStep runs until the next line, for at most a poll: then nothing is going on.
func (s *Scene) doStep(args []string) error {
	if err := exactly(args, 0, 1); err != nil {
		return err
	}
	n := 1
	if len(args) == 1 {
		var err error
		if n, err = count(args[0]); err != nil {
			return err
		}
	}
	for range n {
		before := s.hear.count
		ok, err := s.until(func() bool { return s.hear.count > before }, s.Times.Poll)
		if err != nil {
			return err
		}
		if !ok {
			s.say("nothing happened for %v", s.Times.Poll)
			return nil
		}
	}
	return nil
}

func (s *Scene) doRun(args []string) error {
	if err := exactly(args, 1, 1); err != nil {
		return err
	}
	d, err := duration(args[0])
	if err != nil {
		return err
	}
	return s.pass(d)
}

func (s *Scene) doUntil(args []string) error {
	if len(args) == 1 && args[0] == "idle" {
		return s.idle()
	}
	done, err := s.condition(args)
	if err != nil {
		return err
	}
	ok, err := s.until(done, patience)
	if err == nil && !ok {
		err = fmt.Errorf("%w: it never came to %q within %v: %s", errRestless, strings.Join(args, " "), patience, s.waiting())
	}
	return err
}

func (s *Scene) condition(args []string) (func() bool, error) {
	if len(args) < 2 {
		return nil, usage("until what?")
	}
	if slices.Contains(s.Nodes(), args[0]) {
		return s.conditionOfNode(args[0], args[1], strings.Join(args[2:], " "))
	}
	if args[0] == "down" {
		c, err := s.cast(args[1])
		return func() bool { return len(s.Running(c.Project())) == 0 }, err
	}
	c, err := s.cast(args[0])
	if err != nil {
		return nil, err
	}
	state := app.State(args[1])
	if !slices.Contains([]app.State{app.Preparing, app.Switching, app.Committed, app.Aborted, app.Done}, state) {
		return nil, usage("%q is no state of an operation", args[1])
	}
	return func() bool { return s.operation(c.Name()).State == state }, nil
}

func (s *Scene) conditionOfNode(node, word, step string) (func() bool, error) {
	message := map[string]string{"begins": "INFO step ", "did": "INFO step done "}[word]
	switch {
	case word == "present" || word == "absent":
		return func() bool { return slices.Contains(s.Sessions(), node) == (word == "present") }, nil
	case message == "" || step == "":
		return nil, usage("until a node what?")
	}
	at := len(s.Trace())
	return func() bool {
		trace := s.Trace()
		for ; at < len(trace); at++ {
			e := trace[at]
			if e.Node == node && e.Call == "log" && strings.HasPrefix(e.Arg, message+"node=") && strings.HasPrefix(attributes(e.Arg)["step"], step) {
				return true
			}
		}
		return false
	}, nil
}

func (s *Scene) doSay(args []string) error {
	s.say("%s", strings.Join(args, " "))
	return nil
}

func (s *Scene) doCheck(args []string) error {
	args, _ = take(args, "without")
	for _, n := range args {
		if _, err := s.node(n); err != nil {
			return err
		}
	}
	if err := s.check(args); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	text := "check: every node is as the last operation says"
	if len(args) > 0 {
		text += ", " + strings.Join(args, " and ") + " left aside"
	}
	s.say("%s; %d steps so far, the invariants held after each", text, s.checked)
	return nil
}
