package recette

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

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
}

// ParseScenario reads a script, a txtar archive or plain text. Files of the
// archive replace those of the smallest good application; files in folders are
// for "push from".
func ParseScenario(name string, data []byte) (Scenario, error) {
	a := txtar.Parse(data)
	sc := Scenario{Name: name, Lines: strings.Split(string(a.Comment), "\n")}
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
	if len(words) < 2 {
		return nil
	}
	switch words[0] {
	case "nodes":
		sc.set.Nodes = words[1:]
	case "seed":
		sc.set.Seed, err = strconv.ParseUint(words[1], 10, 64)
	case "strategy":
		sc.set.Strategy.Kind = sched.Kind(words[1])
		if len(words) > 2 {
			sc.set.Strategy.Seed, err = strconv.ParseUint(words[2], 10, 64)
		}
	default:
		return nil
	}
	sc.Lines[i] = ""
	if err != nil {
		return usage("%s %q is not a number", words[0], words[len(words)-1])
	}
	return nil
}

// Nodes lists the nodes that the scenario asks for, nil when it does not.
func (sc Scenario) Nodes() []string { return sc.set.Nodes }

// Play plays the scenario on a new simulated cluster and returns it, for
// looking at; the caller closes it. Set's Seed and Strategy are those of the
// scenario when it names them. The error says at which line it ended, and why.
func (sc Scenario) Play(set Setting) (*Scene, error) {
	own := sc.set
	own.Calls, own.Strict, own.Memo, own.Edit, own.Tell = set.Calls, set.Strict, set.Memo, set.Edit, set.Tell
	if own.Nodes == nil {
		own.Nodes = set.Nodes
	}
	if own.Seed == 0 {
		own.Seed = set.Seed
	}
	if own.Strategy.Kind == "" {
		own.Strategy = set.Strategy
	}
	s, err := NewScene(own)
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
