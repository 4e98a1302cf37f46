// Package swarm draws whole runs at random: how many nodes and applications
// there are, what is asked for, what goes wrong, who is scheduled when. What
// comes in is a seed, what goes out a scenario in the language of package
// recette, and a line that says in words what was drawn. The same seed gives
// the same bytes; nothing is played here.
//
// A run has three parts. The applications are deployed, and nothing goes wrong.
// Then people ask for things and faults strike, side by side, for a bounded
// time; which kinds of faults and requests there are at all is drawn for each
// run, so that a rare one is not always drowned by the common ones. Then a core
// heals, all nodes or a majority with the rest gone for ever, and it must come to
// rest, be as its last operations say, not change when every event comes again,
// and take a fresh deploy.
//
// # What a run never has
//
// These are outside of what the protocol promises; each would end a run for a
// reason that everybody knows.
//
//   - A guard that stays away: its unit starts it again, in seconds. Without it
//     and without the handler nobody ends a lease (protocol §2).
//   - A restore or removal that is never answered: it blocks the application on
//     its node until the driver is restarted (§1.3). Hanging calls end.
//   - A machine that is frozen for so long that its thaw falls after the end: it
//     thaws while faults are on, or heals.
//   - Somebody who deletes the maintenance of an operation under way: users then
//     write to a release that may be rolled back (§5, C17). Persons set their own
//     value, and take it away at rest.
//   - Clocks that drift by more than 1 % (§3).
//   - Another set of volumes for an application: an added one begins empty (§1.2).
package swarm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Scenario is the run of a seed: the text of its script, and its knobs in one
// line for people.
func Scenario(seed uint64) (text []byte, knobs string) {
	r := newRun(seed)
	r.draw()
	var b bytes.Buffer
	knobs = r.knobs()
	fmt.Fprintf(&b, "# A random run.\n# %s\n", knobs)
	for _, line := range r.head() {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintln(&b, "\n# Nothing goes wrong yet.")
	for _, line := range r.setting() {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintln(&b, "\n# Everything at once.")
	r.timeline.write(&b, r.length)
	fmt.Fprintln(&b, "\n# A core heals and must come to rest.")
	for _, line := range r.ending() {
		fmt.Fprintln(&b, line)
	}
	for _, c := range r.codes() {
		b.WriteString(c)
	}
	return b.Bytes(), knobs
}

// head says how the cluster is made.
func (r *run) head() []string {
	lines := []string{
		"nodes " + strings.Join(r.nodes, " "),
		fmt.Sprintf("seed %d", r.seed),
		"strategy " + r.strategy,
	}
	return append(lines, r.clocks...)
}

// setting deploys what is there when faults begin.
func (r *run) setting() (lines []string) {
	for _, a := range r.apps {
		lines = append(lines, "push good "+a.short+a.from())
		switch a.begins {
		case Nowhere:
			continue
		case Legacy:
			lines = append(lines, fmt.Sprintf("legacy %s %s", a.short, a.at), "run 1m")
		}
		lines = append(lines, fmt.Sprintf("deploy %s %s", a.short, a.at))
	}
	lines = append(lines, "until idle")
	for _, a := range r.apps {
		if a.begins != Nowhere {
			lines = append(lines, "expect committed "+a.short, "write "+a.short+" 3")
		}
		if a.writes > 0 {
			lines = append(lines, fmt.Sprintf("writer %s %v", a.short, a.writes))
		}
	}
	return append(lines, fmt.Sprintf("run %v", r.quiet))
}

// ending heals a core and checks.
func (r *run) ending() []string {
	without := ""
	if len(r.gone) > 0 {
		without = " without " + strings.Join(r.gone, " ")
	}
	lines := []string{"gossip", "heal" + without, "run 3m"} // the latest event has come
	for _, a := range r.apps {
		if a.writes > 0 {
			lines = append(lines, "writer "+a.short+" off")
		}
		lines = append(lines, fmt.Sprintf("push good %s%s domain %s.example.com", a.short, a.from(), a.short)) // nobody wants another's any more
	}
	lines = append(lines, "until idle")
	lines = append(lines, r.put.back()...)
	for _, n := range r.nodes { // an hour later at most: the next replica ends what a broken transfer left
		if !slices.Contains(r.gone, n) {
			lines = append(lines, "tick "+n)
		}
	}
	check := "check" + without
	return append(lines, check, "redeliver", check, "afresh"+without, check)
}
