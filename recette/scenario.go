package recette

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Scenario is a script: commands of [Commands], one a line, and the files of
// the application that it plays with. Its first commands may say how the
// cluster is made: "nodes n1 n2", "seed 7", "strategy random 7".
type Scenario struct {
	Name  string
	About string   // the comment at its head
	Lines []string // as written
	set   Setting
	files []txtar.File // as written
}

// ParseScenario reads a script, a txtar archive or plain text. Files of the
// archive replace those of the smallest good application; files in folders are
// for "push from".
func ParseScenario(name string, data []byte) (Scenario, error) {
	a := txtar.Parse(data)
	sc := Scenario{Name: name, Lines: strings.Split(string(a.Comment), "\n"), files: a.Files}
	for _, line := range sc.Lines {
		about, comment := strings.CutPrefix(line, "#")
		if !comment {
			break
		}
		sc.About += strings.TrimSpace(about) + "\n"
	}
	sc.About = strings.TrimSpace(sc.About)
	if len(a.Files) > 0 {
		files, err := Files("hello")
		if err != nil {
			return sc, err
		}
		for _, f := range a.Files {
			if files[f.Name] != nil && f.Name == "docker-compose.yml" {
				files = port.Files{"Dockerfile": files["Dockerfile"]}
			}
			files[f.Name] = f.Data
		}
		sc.set.Files = files
	}
	for i, line := range sc.Lines {
		if err := sc.setting(i, split(line)); err != nil {
			return sc, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return sc, nil
}

// setting takes a line that says how the cluster is made.
func (sc *Scenario) setting(i int, words []string) (err error) {
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "nodes":
		sc.set.Nodes, err = named(words[1:])
	case words[0] == "seed":
		if len(words) != 2 {
			return usage("seed: expected one number")
		}
		sc.set.Seed, err = number("seed", words[1])
	case words[0] == "strategy":
		sc.set.Strategy, err = strategy(words[1:])
	default:
		return nil
	}
	sc.Lines[i] = ""
	return err
}

// named checks the names of a cluster's nodes.
func named(nodes []string) ([]string, error) {
	if len(nodes) == 0 {
		return nil, usage("nodes: which?")
	}
	for i, n := range nodes {
		if err := app.CheckNode("nodes", n); err != nil {
			return nil, usage("%w", err)
		}
		if slices.Contains(nodes[:i], n) {
			return nil, usage("nodes: %s is there twice", n)
		}
	}
	return nodes, nil
}

// strategy reads how the next to go on is chosen: "pct 7 depth 3 steps 4000".
func strategy(words []string) (st sched.Strategy, err error) {
	known := []sched.Kind{sched.Fifo, sched.Turns, sched.Random, sched.PCT}
	if len(words) == 0 || !slices.Contains(known, sched.Kind(words[0])) {
		return st, usage("strategy %q: expected one of %v", strings.Join(words, " "), known)
	}
	st.Kind, words = sched.Kind(words[0]), words[1:]
	if st.Kind == sched.PCT {
		st.Depth = 3
	}
	if len(words)%2 == 1 {
		if st.Seed, err = number("strategy", words[0]); err != nil {
			return st, err
		}
		words = words[1:]
	}
	for ; len(words) > 0 && err == nil; words = words[2:] {
		switch {
		case words[0] == "depth" && st.Kind == sched.PCT:
			st.Depth, err = count(words[1])
		case words[0] == "steps" && st.Kind == sched.PCT:
			st.Steps, err = count(words[1])
		default:
			err = usage("strategy %s: %q means nothing to it", st.Kind, words[0])
		}
	}
	return st, err
}

func number(what, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, usage("%s: %q is not a number", what, text)
	}
	return n, nil
}

// Nodes lists the nodes that the scenario asks for, nil when it does not.
func (sc Scenario) Nodes() []string { return sc.set.Nodes }

// Play plays the scenario on a new simulated cluster and returns it, for
// looking at; the caller closes it. Set's Seed and Strategy are those of the
// scenario when it names them. The error says at which line it ended, and why.
func (sc Scenario) Play(set Setting) (*Scene, error) {
	s, err := NewScene(sc.made(set))
	if err != nil {
		return s, err
	}
	return s, sc.on(context.Background(), s)
}

// PlayOn plays the scenario on a ground that is there, which has the nodes that
// the scenario asks for. Of set only Calls and Tell matter. The caller closes
// the ground.
func (sc Scenario) PlayOn(ctx context.Context, g Ground, set Setting) (*Scene, error) {
	if err := sc.Random(); err != nil {
		return nil, err
	}
	set.Files = sc.set.Files
	s, err := NewSceneOn(g, set)
	if err != nil {
		return s, err
	}
	return s, sc.on(ctx, s)
}

// Random is an error when the scenario wants to choose what is random, which
// only the simulator can.
func (sc Scenario) Random() error {
	switch {
	case sc.set.Seed != 0:
		return fmt.Errorf("%s: seed: %w: only the simulator has one", sc.Name, ErrCannot)
	case sc.set.Strategy.Kind != "":
		return fmt.Errorf("%s: strategy: %w: only the simulator chooses who is next", sc.Name, ErrCannot)
	}
	return nil
}

func (sc Scenario) on(ctx context.Context, s *Scene) error {
	for i, line := range sc.Lines {
		if s.set.Cue != nil && strings.TrimSpace(line) != "" {
			s.set.Cue(i+1, strings.TrimSpace(line))
		}
		err := s.Do(ctx, line)
		if errors.Is(err, ErrQuit) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", sc.Name, i+1, strings.TrimSpace(line), err)
		}
	}
	return s.Vacuous()
}
