package figures

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// Phase is one step of one node, or one command of a person.
type Phase struct {
	Node string        `json:"node"`
	Name string        `json:"name"`
	End  int64         `json:"end"` // Unix nanoseconds
	Took time.Duration `json:"took"`
}

// Begin is when it began, in Unix nanoseconds.
func (p Phase) Begin() int64 { return p.End - int64(p.Took) }

// said is a line of the handler's log.
type said struct {
	Time time.Time     `json:"time"`
	Msg  string        `json:"msg"`
	Node string        `json:"node"`
	App  string        `json:"app"`
	Seq  uint64        `json:"seq"`
	Step string        `json:"step"`
	Took time.Duration `json:"took"`
}

// ReadPhases takes the steps of an app's operation that ended since a moment
// out of a handler's log. Steps that failed are left out: a figure of an
// operation that had one is thrown away with it.
func ReadPhases(path, app string, since time.Time) ([]Phase, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the handler's log: %w", err)
	}
	defer f.Close()
	var all []Phase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s said
		if json.Unmarshal(lines.Bytes(), &s) != nil || s.App != app || s.Msg != "step done" || s.Time.Before(since) {
			continue
		}
		all = append(all, Phase{Node: s.Node, Name: s.Step, End: s.Time.UnixNano(), Took: s.Took})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the handler's log: %w", err)
	}
	return all, nil
}

// Typical is a phase as it was in several runs.
type Typical struct {
	Node, Name string
	Begin      Spread // seconds after the first failure
	Took       Spread // seconds
}

// shown is how long before the first failure a phase must end at the latest to
// be shown.
const shown = 500 * time.Millisecond

// Typically puts the phases of several runs together, in the order of their
// beginnings: those around the outage, up to the operation's commit, that most
// runs have. Nodes are named by their part in the run, since moves go to and fro.
func Typically(runs []Sample) []Typical {
	type key struct{ node, name string }
	begin, took := map[key][]float64{}, map[key][]float64{}
	for _, r := range runs {
		last := decided(r)
		for _, p := range r.Phases {
			if p.End < r.From-int64(shown) || p.Begin() > last {
				continue
			}
			k := key{r.role(p.Node), r.general(p.Name)}
			begin[k] = append(begin[k], float64(p.Begin()-r.From)/1e9)
			took[k] = append(took[k], p.Took.Seconds())
		}
	}
	var all []Typical
	for k := range begin {
		if 2*len(begin[k]) > len(runs) {
			all = append(all, Typical{Node: k.node, Name: k.name, Begin: Over(begin[k]), Took: Over(took[k])})
		}
	}
	slices.SortFunc(all, func(a, b Typical) int {
		return cmp.Or(cmp.Compare(a.Begin.Median, b.Begin.Median), strings.Compare(a.Node+a.Name, b.Node+b.Name))
	})
	return all
}

// decided is when a run's commit began; without one all of it counts.
func decided(r Sample) int64 {
	for _, p := range r.Phases {
		if p.Name == "commit" {
			return p.Begin()
		}
	}
	return math.MaxInt64
}

// role is what a node was in the run.
func (x Sample) role(node string) string {
	switch {
	case x.Old != x.New && node == x.Old:
		return "old master"
	case x.Old != x.New && node == x.New:
		return "new master"
	case node == x.Old:
		return "master"
	}
	return "slave"
}

// general is a step's text with the other node's part instead of its name.
func (x Sample) general(step string) string {
	for _, arrow := range []string{" → ", " ← "} {
		if text, node, found := strings.Cut(step, arrow); found {
			return text + arrow + x.role(node)
		}
	}
	return step
}

// errNoOutage: the client saw nothing, so nothing can be told.
var errNoOutage = errors.New("the client saw no outage that ended")
