package recette

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Load reads a result as [Result.JSON] writes it.
func Load(data []byte) (r Result, err error) {
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read a matrix: %w", err)
	}
	return r, nil
}

// Merge puts the results of worlds, shards and earlier runs together. Of two
// cells of one place the later one counts, and of the same time that of the
// later argument; one that was skipped never takes the place of one that was
// played. Cells that the table has not any more are dropped; a world is absent
// when nothing of it is played in the last result that says anything of it.
func Merge(results ...Result) Result {
	merged := Result{}
	cells := map[string]Cell{}
	absent := map[string]string{}
	for _, r := range results {
		for _, c := range r.Cells {
			if c.Verdict != Skipped {
				delete(absent, c.World)
			}
			if old, ok := cells[c.Key()]; !ok || overrules(c, old) {
				cells[c.Key()] = c
			}
		}
		maps.Copy(absent, r.Absent)
	}
	for _, world := range []string{WorldSim, WorldNodes} {
		for _, p := range Places(world) {
			if c, ok := cells[NewCell(world, p.Row, p.Column).Key()]; ok {
				merged.Cells = append(merged.Cells, c)
			}
		}
	}
	if len(absent) > 0 {
		merged.Absent = absent
	}
	merged.Count()
	return merged
}

// overrules reports whether c counts where old was.
func overrules(c, old Cell) bool {
	if skipped := c.Verdict == Skipped; skipped != (old.Verdict == Skipped) {
		return !skipped
	}
	return !c.played().Before(old.played())
}

// played is when the cell was played; zero: nobody knows.
func (c Cell) played() time.Time {
	at, err := time.Parse(time.RFC3339, c.Date)
	if err != nil {
		return time.Time{}
	}
	return at
}

// A cell is stale when it was played longer ago than old, or at another commit
// than the newest cell of its world and longer than lag before that one.
const (
	old = 30 * 24 * time.Hour
	lag = 7 * 24 * time.Hour
)

// Stale reports whether the cell says little about the code as it is now:
// newest is that of its world.
func (c Cell) Stale(newest Cell, now time.Time) bool {
	if c.Verdict == Skipped {
		return false
	}
	at := c.played()
	return now.Sub(at) > old || c.Commit != newest.Commit && newest.played().Sub(at) > lag
}

// newest is the cell of a list that was played last.
func newest(cells []Cell) (last Cell) {
	for _, c := range cells {
		if c.Verdict != Skipped && (last.World == "" || c.played().After(last.played())) {
			last = c
		}
	}
	return last
}

// worlds lists those that have cells or could not be played, in table order.
func (r Result) worlds() []string {
	var all []string
	for _, w := range slices.Concat([]string{WorldSim, WorldNodes}, slices.Sorted(maps.Keys(r.Absent))) {
		has := slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.World == w }) || r.Absent[w] != ""
		if has && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// of are the cells of a world.
func (r Result) of(world string) Result {
	own := Result{Cells: slices.DeleteFunc(slices.Clone(r.Cells), func(c Cell) bool { return c.World != world })}
	own.Count()
	return own
}

// Played reads "at commit C on D", as a script words what it plays; both are
// empty when the text is none of that form.
func Played(text string) (commit, date string) {
	words := strings.Fields(text)
	if len(words) != 5 || words[0] != "at" || words[1] != "commit" || words[3] != "on" {
		return "", ""
	}
	return words[2], words[4]
}

// Write puts the result into a folder as matrix.json and MATRIX.md, together
// with what is there already.
func Write(dir string, r Result, now time.Time) error {
	name := filepath.Join(dir, "matrix.json")
	var known Result
	before, err := os.ReadFile(name)
	if err == nil {
		known, err = Load(before)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the matrix: %w", err)
	}
	r = Merge(known, r)
	data, err := r.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "MATRIX.md"), Markdown(r, now), 0o644); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}
