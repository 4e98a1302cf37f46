package recette

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Turn is one play of a cell: which move of the row, and which variant of the
// column or, in a sweep, which trouble. Counted from 1.
type Turn struct {
	Move    int
	Variant int
	Trouble Trouble // of a sweep, else Nothing
}

// at is the place of the move in its row.
func (t Turn) at() int { return max(t.Move, 1) - 1 }

// turns are those of the column for one move of a row.
func (c Column) turns(at int, m Move) (all []Turn) {
	for v := range c.Troubles(m) {
		all = append(all, Turn{Move: at + 1, Variant: v + 1})
	}
	return all
}

// Turns lists how the cell of a row and a column is played where its calls are
// not learned first: each variant for each move that the column applies to.
func Turns(r Row, c Column) (all []Turn) {
	for at, m := range r.Moves {
		all = append(all, c.turns(at, m)...)
	}
	return all
}

// trouble is what goes wrong in a turn.
func (c Column) trouble(r Row, t Turn) (Trouble, error) {
	if t.Trouble.What != Nothing {
		return t.Trouble, nil
	}
	at, variant := t.at(), max(t.Variant, 1)-1
	if at >= len(r.Moves) {
		return Trouble{}, fmt.Errorf("row %s has no move %d", r.Name, at+1)
	}
	all := c.Troubles(r.Moves[at])
	if variant >= len(all) {
		return Trouble{}, fmt.Errorf("column %q has %d variants for %s, not %d", c.Name, len(all), r.Name, variant+1)
	}
	return all[variant], nil
}

// Failed is why one play of a cell did not pass.
type Failed struct {
	Turn Turn
	Err  error
}

func (f *Failed) Error() string { return f.Turn.String() + ": " + f.Err.Error() }

func (f *Failed) Unwrap() error { return f.Err }

func (t Turn) String() string {
	if t.Trouble.What != Nothing {
		return fmt.Sprintf("move %d, %s", t.Move, t.Trouble)
	}
	return fmt.Sprintf("move %d, variant %d", t.Move, t.Variant)
}

// flags are those of `sim replay` that play the turn again.
func (t Turn) flags() string {
	if t.Trouble.What != Nothing {
		c := t.Trouble.Where()
		return fmt.Sprintf(" --move %d --fault %q", t.Move, fmt.Sprintf("%s %s %d %s", c.Node, c.Name, c.Nth, t.Trouble.Phase))
	}
	return fmt.Sprintf(" --move %d --variant %d", t.Move, t.Variant)
}

// replayLine is the command that plays what failed again, with its trace.
func replayLine(r Row, c Column, err error, seed uint64) string {
	line := fmt.Sprintf("bin/sim replay --row %q --column %q --seed %d", r.Name, c.Name, seed)
	var f *Failed
	if errors.As(err, &f) {
		line += f.Turn.flags()
	}
	return line
}

// ParseFault reads the fault of a replay line: "node call nth phase".
func ParseFault(text string) (Trouble, error) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return Trouble{}, fmt.Errorf("fault %q: must be \"node call nth phase\"", text)
	}
	nth, err := strconv.Atoi(words[2])
	if err != nil || nth < 1 {
		return Trouble{}, fmt.Errorf("fault %q: %q is not a count from 1", text, words[2])
	}
	phase, err := phaseOf(words[3])
	return Trouble{What: CallStrikes, Node: words[0], At: Call{Name: words[1], Nth: nth}, Phase: phase}, err
}

// phaseOf reads the name of a phase.
func phaseOf(text string) (sim.Phase, error) {
	var known []string
	for _, p := range append(sim.Phases(), sim.Hook) {
		if string(p) == text {
			return p, nil
		}
		known = append(known, string(p))
	}
	return "", fmt.Errorf("phase %q: known are %s", text, strings.Join(known, ", "))
}

// Find takes the rows and columns whose names match the patterns (those of
// path.Match; none: all). A pattern that matches nothing is an error.
func Find(rows, columns []string) (take func(Row, Column) bool, err error) {
	var rowNames, columnNames []string
	for _, r := range Rows() {
		rowNames = append(rowNames, r.Name)
	}
	for _, c := range Columns() {
		columnNames = append(columnNames, c.Name)
	}
	if err := errors.Join(known("row", rows, rowNames), known("column", columns, columnNames)); err != nil {
		return nil, err
	}
	return func(r Row, c Column) bool { return fits(rows, r.Name) && fits(columns, c.Name) }, nil
}

func fits(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok || p == name {
			return true
		}
	}
	return len(patterns) == 0
}

func known(what string, patterns, names []string) error {
	for _, p := range patterns {
		found := false
		for _, n := range names {
			found = found || fits([]string{p}, n)
		}
		if !found {
			return fmt.Errorf("no %s is called %q; known are: %s", what, p, strings.Join(names, " | "))
		}
	}
	return nil
}

// Kind sorts reasons by what a person does next.
type Kind string

// The kinds of failure.
const (
	Nondeterminism Kind = "nondeterminism" // two runs of one seed differ: nothing else means anything
	Safety         Kind = "safety"         // an invariant or a check at rest does not hold
	Liveness       Kind = "liveness"       // it does not come to rest
	Panicked       Kind = "panic"
	Unstruck       Kind = "vacuous" // the fault never struck
)

// errRestless says that something is still under way after all patience.
var errRestless = errors.New("not at rest")

// ErrNondeterminism says that two runs of the same seed were different.
var ErrNondeterminism = errors.New("two runs of the same seed differ")

// KindOf sorts an error of a play or a scenario; "" for nil.
func KindOf(err error) Kind {
	var panicked *sched.Panic
	var livelock *sched.Livelock
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNondeterminism):
		return Nondeterminism
	case errors.As(err, &panicked):
		return Panicked
	case errors.As(err, &livelock), errors.Is(err, errRestless), errors.Is(err, sched.ErrIdle):
		return Liveness
	case vacuous(err):
		return Unstruck
	}
	return Safety
}
