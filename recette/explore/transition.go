package explore

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
)

// Transition is one move of a row of the matrix, as a scenario into which
// faults are put.
type Transition struct {
	Name   string // of the row, with the number of the move where it has more
	Move   recette.Move
	nodes  []string
	before []string // commands until everything is as it was before the move
	ask    string
}

// The applications of every plan: the one that is moved, destroyed or
// overwritten, and the source of a migrate.
const (
	moved  = "app"
	source = "prod"
)

// Transitions lists the moves of the rows whose names match the patterns (those
// of path.Match). None: the rows of one move; those of more than one play moves
// again that the others have, with another history.
func Transitions(patterns []string) (all []Transition, err error) {
	var names []string
	used := make([]bool, len(patterns))
	for _, row := range recette.Rows() {
		for at, m := range row.Moves {
			name := row.Name
			if len(row.Moves) > 1 {
				name = fmt.Sprintf("%s.%d", row.Name, at+1)
			}
			names = append(names, name)
			take := len(patterns) == 0 && len(row.Moves) == 1
			for i, p := range patterns {
				if fits(p, row.Name) || fits(p, name) {
					take, used[i] = true, true
				}
			}
			if take {
				all = append(all, transition(name, row.Moves[:at], m))
			}
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("no transition is called %q; known are: %s", patterns[i], strings.Join(names, " | "))
	}
	return all, nil
}

func fits(pattern, name string) bool {
	ok, _ := path.Match(pattern, name) // a bad pattern fits nothing
	return ok || pattern == name
}

// transition is the move m after the moves of the same row before it.
func transition(name string, earlier []recette.Move, m recette.Move) Transition {
	t := Transition{Name: name, Move: m, ask: asks(m)}
	first := m
	if len(earlier) > 0 {
		first = earlier[0]
	}
	if first.Kind == app.Migrate {
		t.before = append(t.before, settled(source, first.Source)...)
	}
	if !first.Old.IsZero() {
		t.before = append(t.before, settled(moved, first.Old)...)
	}
	for _, e := range earlier {
		t.before = append(t.before, "push good "+moved, asks(e), "until idle", "expect committed")
	}
	t.before = append(t.before, "push good "+moved)
	t.nodes = nodes(append(slices.Clone(earlier), m))
	return t
}

// settled deploys an application, lets users write to it and waits for its
// replica.
func settled(name string, at app.Placement) []string {
	return []string{deploys(name, at), "until idle", "expect committed", "write " + name + " 5", "run 30s"}
}

func deploys(name string, at app.Placement) string {
	return strings.TrimSpace("deploy " + name + " " + at.Master + " " + at.Slave)
}

func asks(m recette.Move) string {
	switch m.Kind {
	case app.Destroy:
		return "destroy " + moved
	case app.Migrate:
		return "migrate " + source + " " + moved + " update"
	}
	return deploys(moved, m.New)
}

// nodes are those of the moves and, unless these are all four, one that has no
// part in them: a second bystander is the first under another name.
func nodes(moves []recette.Move) (all []string) {
	for _, m := range moves {
		for _, p := range []app.Placement{m.Old, m.New, m.Source} {
			all = append(all, p.Master, p.Slave)
		}
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(n string) bool { return n == "" })
	for _, n := range []string{"a", "b", "c", "d"} {
		if !slices.Contains(all, n) {
			all = append(all, n)
			break
		}
	}
	slices.Sort(all)
	return all
}

// during is the move while users write, for as long as the matrix tries: what
// follows the end of an operation meets the faults too. Users are in no hurry
// once it takes longer than a move does.
func (t Transition) during() []string {
	return []string{"writer " + moved + " 500ms", t.ask, "run 1m or idle", "writer " + moved + " 2s", "run 14m or idle", "run 30s"}
}

// Text is the scenario of the transition with faults, each as the words after
// "fault".
func (t Transition) Text(faults ...string) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s: %s", t.Name, t.title(len(faults)))
	line("nodes %s", strings.Join(t.nodes, " "))
	line("seed 1")
	line("%s", strings.Join(t.before, "\n"))
	hangs := false
	for _, f := range faults {
		line("fault %s", f)
		hangs = hangs || strings.Contains(f, " "+hangFor)
	}
	line("%s", strings.Join(t.during(), "\n"))
	line("heal")
	if hangs { // the daemons answer in the end
		line("run %s", hanging)
	}
	line("until idle\nwriter %s off", moved)
	for _, n := range t.nodes { // half a transfer by the driver is made good at its next one
		line("tick %s", n)
	}
	line("check\nredeliver\ncheck")
	return []byte(b.String())
}

func (t Transition) title(faults int) string {
	what := map[app.Kind]string{app.Deploy: "deploy " + t.Move.Old.String() + " → " + t.Move.New.String(),
		app.Destroy: "destroy " + t.Move.Old.String(), app.Migrate: "migrate " + t.Move.Source.String() + " → " + t.Move.Old.String()}[t.Move.Kind]
	switch faults {
	case 0:
		return what + ", nothing goes wrong"
	case 1:
		return what + ", one fault"
	}
	return fmt.Sprintf("%s, %d faults", what, faults)
}
