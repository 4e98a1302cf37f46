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
// column or, in a sweep, which fault. Counted from 1.
type Turn struct {
	Move    int
	Variant int
	Fault   sim.Fault
}

// Failed is why one play of a cell did not pass.
type Failed struct {
	Turn Turn
	Err  error
}

func (f *Failed) Error() string { return f.Turn.String() + ": " + f.Err.Error() }

func (f *Failed) Unwrap() error { return f.Err }

func (t Turn) String() string {
	if t.Fault.Call != "" {
		return fmt.Sprintf("move %d, %s", t.Move, t.Fault)
	}
	return fmt.Sprintf("move %d, variant %d", t.Move, t.Variant)
}

// flags are those of `sim replay` that play the turn again.
func (t Turn) flags() string {
	if t.Fault.Call != "" {
		f := t.Fault
		return fmt.Sprintf(" --move %d --fault %q", t.Move, fmt.Sprintf("%s %s %d %s", f.Node, f.Call, max(f.Nth, 1), f.Phase))
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
func ParseFault(text string) (sim.Fault, error) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return sim.Fault{}, fmt.Errorf("fault %q: must be \"node call nth phase\"", text)
	}
	nth, err := strconv.Atoi(words[2])
	if err != nil || nth < 1 {
		return sim.Fault{}, fmt.Errorf("fault %q: %q is not a count from 1", text, words[2])
	}
	phase, err := phaseOf(words[3])
	return sim.Fault{Node: words[0], Call: words[1], Nth: nth, Phase: phase}, err
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

// Applies reports whether the cell exists.
func Applies(r Row, c Column) bool {
	for _, m := range r.Moves {
		if c.Applies(m) {
			return true
		}
	}
	return false
}

// end closes the stage, after whoever wants to has looked at it.
func (s *Stage) end(o Options) {
	if o.Saw != nil {
		o.Saw(s.Cluster)
	}
	s.Close()
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

// Replay plays one turn of a cell and says how it ended. look gets the cluster
// before it is closed: with o.Trace its lines, and always its hash.
func Replay(r Row, c Column, t Turn, o Options, look func(*sim.Cluster)) error {
	at := max(t.Move, 1) - 1
	if at >= len(r.Moves) || !c.Applies(r.Moves[at]) {
		return fmt.Errorf("row %s has no move %d that %q applies to", r.Name, at+1, c.Name)
	}
	o.Saw = look
	if c.Sweep != "" && t.Fault.Call == "" {
		return fmt.Errorf("column %q strikes every call: say which (--fault \"node call nth phase\")", c.Name)
	}
	if t.Fault.Call != "" {
		return Strike(r, at, o, t.Fault)
	}
	variant := max(t.Variant, 1) - 1
	return once(r, at, o, c.Ends, func(s *Stage, m Move) func() bool { return c.Arm(s, m, variant) })
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
	case errors.Is(err, errVacuous):
		return Unstruck
	}
	return Safety
}
