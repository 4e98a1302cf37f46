package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/sim"
)

// Fault is one thing that goes wrong at one call, which a process of a node
// makes for the nth time since the fault was armed.
type Fault struct {
	Node    string
	Process sim.Process
	Call    string
	Nth     int
	Phase   sim.Phase
	Ever    bool // every later such call too, until all is healed
}

// How long a call takes that is slow: longer than a beat, less than anybody's
// silence, and to Consul less than its clients wait. And one that hangs: longer
// than an orphan is left alone; to Consul it ends when its client gives up.
const (
	slowFor    = "for 20s"
	slowConsul = "for 4s"
	hanging    = "12m"
	hangFor    = "for " + hanging
)

// String is the fault in the words of the scenario language, after "fault".
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s nth %d", f.Node, f.Call, f.Phase, f.Nth)
	switch {
	case f.Phase == sim.Slow && consul(f.Call):
		b.WriteString(" " + slowConsul)
	case f.Phase == sim.Slow:
		b.WriteString(" " + slowFor)
	case f.Phase == sim.Hang && !consul(f.Call):
		b.WriteString(" " + hangFor)
	}
	if f.Ever {
		b.WriteString(" times ever")
	}
	if f.Process == sim.Guard {
		b.WriteString(" guard")
	}
	return b.String()
}

// consul reports whether a call goes to Consul.
func consul(call string) bool {
	return slices.Contains([]string{"KV", "Presence", "Members", "Events", "Checks"}, portOf(call))
}

func portOf(call string) string {
	port, _, _ := strings.Cut(call, ".")
	return port
}

// reads are the calls that change nothing and take no time.
var reads = []string{
	"KV.Get", "KV.List", "Members.Members", "Checks.Registered", "Checkouts.Read", "Checkouts.List", "Containers.List",
	"Volumes.List", "Snapshots.List", "Schedules.List", "Guard.List", "Guard.Mark", "Journal.Read", "Journal.List",
}

// waits are the calls that change nothing and may wait for something.
var waits = []string{"KV.Wait", "Events.Recent"}

// local are the ports to the node's own files: nobody carries out a call of
// theirs once the caller has its error.
var local = []string{"Journal", "Guard", "Warden", "Checkouts"}

// Phases lists what can happen to a call so that two of the list can differ.
// Left out is what is another phase by construction of the simulator: "half" of
// anything but a transfer is "error". A call without an effect has none to be
// lost, to come late or to come before a crash: "lost" and "late" are "error"
// there, and "after" is "before". One that waits loses its answer only when it
// comes, so there "late" alone is left out. Left out, too, is what no machine
// does: a file that is written late by nobody.
func Phases(call string) []sim.Phase {
	out := []sim.Phase{sim.Half}
	switch {
	case slices.Contains(reads, call):
		out = append(out, sim.Lost, sim.Late, sim.CrashAfter, sim.PowerAfter)
	case slices.Contains(waits, call):
		out = append(out, sim.Late)
	case call == "Snapshots.Send":
		out = nil
	case slices.Contains(local, portOf(call)):
		out = append(out, sim.Late)
	}
	return slices.DeleteFunc(sim.Phases(), func(p sim.Phase) bool { return slices.Contains(out, p) })
}

// faults lists every single fault that can strike a call that was learned.
func (c Call) faults() (all []Fault) {
	for _, nth := range c.nths {
		for _, phase := range Phases(c.Name) {
			power := phase == sim.PowerBefore || phase == sim.PowerAfter // the others notice that
			if c.own != nil && !power && !slices.Contains(c.own, nth) {
				continue
			}
			for _, ever := range []bool{false, true} {
				all = append(all, Fault{Node: c.Node, Process: c.Process, Call: c.Name, Nth: nth, Phase: phase, Ever: ever})
			}
		}
	}
	return all
}
