package explore

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Report is what was covered and what did not hold.
type Report struct {
	Plans            uint64         `json:"plans"`
	Violations       []Violation    `json:"violations"`
	Fired            int            `json:"fired"`     // faults that struck
	NotFired         []string       `json:"not_fired"` // plans of which no fault ever struck, as the command that plays each
	Nondeterministic int            `json:"nondeterministic"`
	SimSeconds       float64        `json:"sim_seconds"`
	WallSeconds      float64        `json:"wall_seconds"`
	Of               uint64         `json:"of"`              // plans there are, within the limit that was set
	Share            float64        `json:"share,omitempty"` // of all combinations of faults
	Twice            int            `json:"played_twice"`    // plans whose traces were compared
	Interrupted      bool           `json:"interrupted,omitempty"`
	Phases           map[string]int `json:"phases"` // faults that struck, by kind
	Transitions      []Covered      `json:"transitions"`
	vacuous          error          // the first plan of NotFired that had to strike
}

// Covered is how far a transition was explored.
type Covered struct {
	Transition string         `json:"transition"`
	Calls      int            `json:"calls"`  // port calls of the fault-free move
	Alike      int            `json:"alike"`  // those of them that are like an earlier one, and not struck
	Faults     int            `json:"faults"` // single faults that can strike
	Plans      int            `json:"plans"`
	Space      uint64         `json:"space"` // combinations of as many faults as were asked for
	Share      float64        `json:"share"` // of them that was played
	Fired      int            `json:"fired"`
	Whole      int            `json:"whole"`  // plans of which every fault struck
	Phases     map[string]int `json:"phases"` // faults that struck, by kind; every kind that can
	Unfired    []string       `json:"unfired,omitempty"`
}

// Violation is a plan that did not hold.
type Violation struct {
	Transition string       `json:"transition"`
	Plan       string       `json:"plan"`   // the scenario
	Strict     bool         `json:"strict"` // as it was played
	Kind       recette.Kind `json:"kind"`
	Reason     string       `json:"reason"`
	Knobs      string       `json:"knobs,omitempty"` // how a random one was drawn
	Replay     string       `json:"replay"`
	Evidence   string       `json:"evidence,omitempty"` // a folder
	Err        error        `json:"-"`
}

// Worst is the error of what a person looks at first, with the command that
// plays it; nil when everything holds and every fault struck.
func (r Report) Worst() (replay string, err error) {
	if len(r.Violations) > 0 {
		return r.Violations[0].Replay, r.Violations[0].Err
	}
	if r.vacuous != nil {
		return r.NotFired[0], r.vacuous
	}
	return "", nil
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }

// String is the report for people.
func (r Report) String() string {
	var b strings.Builder
	if len(r.Transitions) > 0 {
		r.table(&b)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%s: %s\n%s\n  play it again: %s\n", v.Kind, v.Reason, indented(v.Plan), v.Replay)
		if v.Knobs != "" {
			fmt.Fprintf(&b, "  drawn: %s\n", v.Knobs)
		}
		if v.Evidence != "" {
			fmt.Fprintf(&b, "  evidence: %s\n", v.Evidence)
		}
	}
	fmt.Fprintf(&b, "\n%d of %d plans: %d violations, %d faults struck, %d plans without a strike\n", r.Plans, r.Of, len(r.Violations), r.Fired, len(r.NotFired))
	if r.Share > 0 {
		fmt.Fprintf(&b, "%.3g %% of all combinations of faults\n", 100*r.Share)
	}
	fmt.Fprintf(&b, "%d plans played twice, %d differed; %.0f s simulated in %.1f s\n", r.Twice, r.Nondeterministic, r.SimSeconds, r.WallSeconds)
	for _, line := range r.NotFired[:min(len(r.NotFired), 20)] {
		fmt.Fprintf(&b, "never struck: %s\n", line)
	}
	return b.String()
}

// table shows each transition with the faults that struck, by kind.
func (r Report) table(b *strings.Builder) {
	phases := slices.DeleteFunc(sim.Phases(), func(p sim.Phase) bool {
		return !slices.ContainsFunc(r.Transitions, func(c Covered) bool { return slices.Contains(slices.Collect(maps.Keys(c.Phases)), string(p)) })
	})
	w := tabwriter.NewWriter(b, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "transition\tcalls\tfaults\tplans\tshare\t")
	for _, p := range phases {
		fmt.Fprintf(w, "%s\t", p)
	}
	fmt.Fprintln(w)
	for _, c := range r.Transitions {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.3g %%\t", c.Transition, c.Calls, c.Faults, c.Plans, 100*c.Share)
		for _, p := range phases {
			if n, can := c.Phases[string(p)]; can {
				fmt.Fprintf(w, "%d\t", n)
			} else {
				fmt.Fprint(w, "-\t")
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
