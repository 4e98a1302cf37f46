package recette

import (
	"fmt"
	"strings"
)

// Verdict of a cell.
type Verdict string

// A vacuous cell is one whose fault never struck: it counts as failed.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Vacuous Verdict = "vacuous"
	Skipped Verdict = "skipped"
)

// Cell is one played cell of the matrix.
type Cell struct {
	Row     string  `json:"row"`
	Column  string  `json:"column"`
	World   string  `json:"world"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`            // why it is not pass, "" when it is
	Proof   string  `json:"proof"`             // by what the trouble is known to have struck, in the first turn
	Plays   int     `json:"plays"`             // how many runs the cell took
	Seconds float64 `json:"seconds,omitempty"` // of the machine it was played on
	Commit  string  `json:"commit,omitempty"`  // of this repository, "-dirty" when it was not committed
	Date    string  `json:"date,omitempty"`    // when it was played: RFC 3339, UTC
	Replay  string  `json:"replay,omitempty"`
	Cause   error   `json:"-"` // of a verdict that is not pass
}

// NewCell is a cell that passes until a turn says otherwise.
func NewCell(world string, r Row, c Column) Cell {
	return Cell{Row: r.Name, Column: c.Name, World: world, Verdict: Pass}
}

// Note adds how one turn ended to the cell. The first that did not pass
// decides.
func (c *Cell) Note(t Turn, proof string, err error) {
	c.Plays++
	if c.Proof == "" {
		c.Proof = oneLine(proof)
	}
	if err == nil || c.Cause != nil {
		return
	}
	err = &Failed{Turn: t, Err: err}
	c.Verdict, c.Reason, c.Cause = Fail, err.Error(), err
	if vacuous(err) {
		c.Verdict = Vacuous
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Skip says that the cell could not be played here.
func (c *Cell) Skip(reason string) { c.Verdict, c.Reason = Skipped, reason }

// Key names the place of the cell in the table.
func (c Cell) Key() string { return fmt.Sprintf("%s\n%s\n%s", c.World, c.Row, c.Column) }

// Totals counts verdicts.
type Totals struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Vacuous int `json:"vacuous"`
	Skipped int `json:"skipped"`
}

// Result is the played matrix.
type Result struct {
	Totals Totals `json:"totals"`
	// Absent are the worlds that could not be played, each with the reason.
	Absent map[string]string `json:"absent,omitempty"`
	Cells  []Cell            `json:"cells"`
}

// Count adds up the verdicts.
func (r *Result) Count() {
	r.Totals = Totals{}
	for _, c := range r.Cells {
		switch c.Verdict {
		case Pass:
			r.Totals.Pass++
		case Fail:
			r.Totals.Fail++
		case Vacuous:
			r.Totals.Vacuous++
		case Skipped:
			r.Totals.Skipped++
		}
	}
}

// Stamp says of which commit the cells are and when they were played.
func (r *Result) Stamp(commit, date string) {
	for i := range r.Cells {
		r.Cells[i].Commit, r.Cells[i].Date = commit, date
	}
}
