// Package incident is what a failing run leaves behind, and how it is looked at.
// What comes in is something that can be played again (a scenario, or one turn
// of a cell) and why it failed; it is played once more with everything written
// down. What goes out is a folder of its own: the plan as a scenario, the tape
// of choices, the trace, the state at the failure and a timeline that a browser
// opens from disk, and one line that plays it again. The same run leaves the
// same bytes. Nothing is ever written over.
package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mlfmonde/cluster/recette"
)

// The files of an incident.
const (
	PlanFile     = "plan.txtar"
	TapeFile     = "tape"
	TraceFile    = "trace.txt"
	LinesFile    = "trace.jsonl"
	StateFile    = "state.txt"
	TimelineFile = "timeline.html"
)

// Incident is what was left behind.
type Incident struct {
	Dir  string // the folder
	Line string // plays it again
	Kind recette.Kind
	Hash uint64
	Step uint64 // of the failure
}

// errOther says that a second run did not end as the first.
var errOther = errors.New("played again it ended otherwise")

// Write plays p once more with everything written down, and leaves what there
// is to see in a new folder below dir. failure is how p ended before, nil when
// nobody has played it; a second run that ends otherwise is an error that wraps
// [recette.ErrNondeterminism], and the folder is there all the same. code says
// which version of this repository it is.
func Write(dir string, p Play, failure error, code string) (Incident, error) {
	r := Record(p, Options{left: true})
	r.Code = code
	home, err := folder(dir, fmt.Sprintf("%s-%08x", fileName(p.Name), uint32(r.Hash)))
	if err != nil {
		return Incident{}, fmt.Errorf("keep incident %s: %w", p.Name, err)
	}
	in := Incident{Dir: home, Line: p.line(home, r), Kind: recette.KindOf(r.Err), Hash: r.Hash, Step: r.Step}
	if err := r.leave(home); err != nil {
		return in, fmt.Errorf("keep incident %s: %w", p.Name, err)
	}
	if failure != nil && recette.KindOf(failure) != in.Kind {
		now := "it holds"
		if r.Err != nil {
			now = r.Err.Error()
		}
		return in, fmt.Errorf("%w: %w: %s, was %w", recette.ErrNondeterminism, errOther, now, failure)
	}
	return in, nil
}

// leave writes the files.
func (r *Recording) leave(home string) error {
	page, err := r.Timeline()
	if err != nil {
		return err
	}
	lines, err := Lines(r.Entries)
	if err != nil {
		return err
	}
	state, err := r.State.Text()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{PlanFile, r.Play.Plan}, {TapeFile, r.head().text(r.Tape)}, {TraceFile, r.Text()}, {LinesFile, lines}, {StateFile, state}, {TimelineFile, page},
	} {
		if err := os.WriteFile(filepath.Join(home, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// line is the command that plays the incident again, and what it was.
func (p Play) line(home string, r *Recording) string {
	words := []string{"bin/sim replay", quoted(home)}
	if p.Strict {
		words = append(words, "--strict")
	}
	return fmt.Sprintf("%s   # %s, hash %016x, code %s", strings.Join(words, " "), r.made(), r.Hash, unknown(r.Code))
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t'\"\\$`&|;<>()*?[]{}#~!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

func unknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// folder makes a new folder below dir called name, or name-2, name-3 when
// there is one.
func folder(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		home := filepath.Join(dir, name)
		if n > 1 {
			home = fmt.Sprintf("%s-%d", home, n)
		}
		err := os.Mkdir(home, 0o755)
		if !errors.Is(err, fs.ErrExist) {
			return home, err
		}
	}
}

// fileName makes a name of letters, digits and dashes.
func fileName(name string) string {
	name = strings.TrimSuffix(name, filepath.Ext(name))
	name = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		}
		return '-'
	}, name)
	if name = strings.Trim(name, "-"); name == "" {
		return "run"
	}
	return name[:min(len(name), 60)]
}
