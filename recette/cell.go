package recette

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
	Reason  string  `json:"reason"`
	Plays   int     `json:"plays"` // how many runs the cell took
	Replay  string  `json:"replay,omitempty"`
	Cause   error   `json:"-"` // of a verdict that is not pass
}

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
	Cells  []Cell `json:"cells"`
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
