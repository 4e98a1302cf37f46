package recette

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// doStep runs until the next line, for at most a poll: then nothing is going on.
func (s *Scene) doStep(ctx context.Context, args []string) error {
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
		ok, err := s.until(ctx, func() (bool, error) { return s.hear.count > before, nil }, s.Times().Poll)
		if err != nil {
			return err
		}
		if !ok {
			s.say(ctx, "nothing happened for %v", s.Times().Poll)
			return nil
		}
	}
	return nil
}

func (s *Scene) doRun(ctx context.Context, args []string) error {
	args, orIdle := take(args, "idle")
	if orIdle {
		if args, orIdle = take(args, "or"); !orIdle {
			return usage("run TIME or idle")
		}
	}
	if err := exactly(args, 1, 1); err != nil {
		return err
	}
	d, err := duration(args[0])
	if err != nil {
		return err
	}
	if orIdle {
		_, err = s.until(ctx, func() (bool, error) { return s.Quiet(ctx) }, d)
		return err
	}
	return s.Pass(ctx, d)
}

func (s *Scene) doUntil(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "idle" {
		return s.idle(ctx)
	}
	done, err := s.condition(ctx, args)
	if err != nil {
		return err
	}
	ok, err := s.until(ctx, done, s.patience())
	if err == nil && !ok {
		err = fmt.Errorf("%w: it never came to %q within %v: %s", errRestless, strings.Join(args, " "), s.patience(), s.waiting(ctx))
	}
	return err
}

func (s *Scene) condition(ctx context.Context, args []string) (func() (bool, error), error) {
	if len(args) < 2 {
		return nil, usage("until what?")
	}
	if slices.Contains(s.Nodes(), args[0]) {
		return s.conditionOfNode(ctx, args[0], args[1], strings.Join(args[2:], " "))
	}
	if args[0] == "down" {
		c, err := s.cast(ctx, args[1])
		return func() (bool, error) {
			all, err := s.running(ctx, c.App)
			return len(all) == 0, err
		}, err
	}
	c, err := s.cast(ctx, args[0])
	if err != nil {
		return nil, err
	}
	state := app.State(args[1])
	if !slices.Contains([]app.State{app.Preparing, app.Switching, app.Committed, app.Aborted, app.Done}, state) {
		return nil, usage("%q is no state of an operation", args[1])
	}
	return func() (bool, error) {
		o, err := s.operation(ctx, c.Name())
		return o.State == state, err
	}, nil
}

func (s *Scene) conditionOfNode(ctx context.Context, node, word, step string) (func() (bool, error), error) {
	message := map[string]string{"begins": "INFO step ", "did": "INFO step done "}[word]
	switch {
	case word == "present" || word == "absent":
		return func() (bool, error) {
			all, err := s.Sessions(ctx)
			return slices.Contains(all, node) == (word == "present"), err
		}, nil
	case message == "" || step == "":
		return nil, usage("until a node what?")
	}
	at := len(s.Trace())
	return func() (bool, error) {
		trace := s.Trace()
		for ; at < len(trace); at++ {
			e := trace[at]
			if e.Node == node && e.Call == "log" && strings.HasPrefix(e.Arg, message+"node=") && strings.HasPrefix(attributes(e.Arg)["step"], step) {
				return true, nil
			}
		}
		return false, nil
	}, nil
}

func (s *Scene) doSay(ctx context.Context, args []string) error {
	s.say(ctx, "%s", strings.Join(args, " "))
	return nil
}

func (s *Scene) doCheck(ctx context.Context, args []string) error {
	args, err := s.off(args)
	if err != nil {
		return err
	}
	if err := s.check(ctx, args); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	text := "check: every node is as the last operation says"
	if len(args) > 0 {
		text += ", " + strings.Join(args, " and ") + " left aside"
	}
	if n := s.Tally().Looks; n > 0 {
		text += fmt.Sprintf("; %d steps so far, the invariants held after each", n)
	}
	s.say(ctx, "%s", text)
	return nil
}
