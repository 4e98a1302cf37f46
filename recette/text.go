package recette

import (
	"fmt"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/mlfmonde/cluster/sim/sched"
)

// Text is the scenario as a file that is played without any flag: nodes, seed
// and strategy are those of set where the scenario names none.
func (sc Scenario) Text(set Setting) []byte {
	lines := sc.Lines
	var b strings.Builder
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
		b.WriteString(lines[0] + "\n")
		lines = lines[1:]
	}
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	own := sc.made(set)
	if own.Nodes != nil {
		fmt.Fprintf(&b, "nodes %s\n", strings.Join(own.Nodes, " "))
	}
	if own.Seed != 0 {
		fmt.Fprintf(&b, "seed %d\n", own.Seed)
	}
	if text := strategyText(own.Strategy); text != "" {
		fmt.Fprintf(&b, "strategy %s\n", text)
	}
	b.WriteString(strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n")
	return txtar.Format(&txtar.Archive{Comment: []byte(b.String()), Files: sc.files})
}

// strategyText is a strategy as a scenario names it, "" for the usual one.
func strategyText(st sched.Strategy) string {
	switch st.Kind {
	case sched.Turns:
		return string(st.Kind)
	case sched.Random:
		return fmt.Sprintf("%s %d", st.Kind, st.Seed)
	case sched.PCT:
		text := fmt.Sprintf("%s %d depth %d", st.Kind, st.Seed, st.Depth)
		if st.Steps > 0 {
			text += fmt.Sprintf(" steps %d", st.Steps)
		}
		return text
	}
	return "" // first come, first served, or a tape, which is a file of its own
}

// made is how the scenario's cluster is made: as it says, else as set says.
func (sc Scenario) made(set Setting) Setting {
	if sc.set.Nodes != nil {
		set.Nodes = sc.set.Nodes
	}
	if sc.set.Seed != 0 {
		set.Seed = sc.set.Seed
	}
	if sc.set.Strategy.Kind != "" {
		set.Strategy = sc.set.Strategy
	}
	set.Files = sc.set.Files
	return set
}
