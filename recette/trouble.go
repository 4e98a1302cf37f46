package recette

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim"
)

// What is a kind of trouble.
type What string

// What goes wrong. "Until healed" is until [Breaker.Heal]. Those of the second
// group concern a whole node, or all: every application on it feels them.
const (
	Nothing     What = ""
	CallStrikes What = "call"    // Phase happens to the call At: an error, no answer, the handler killed and restarted
	SendCut     What = "cut"     // the transfer At stops after Share percent of its bytes
	BadRelease  What = "release" // the commit that is asked for next is the Release: pushed when armed

	GitCut          What = "git"       // Node does not reach any git remote, from now until healed
	GitKey          What = "git key"   // Node's key opens no git remote, from now until healed
	SSHStopped      What = "sshd"      // nobody can transfer into Node, from At until healed
	DiskFull        What = "disk"      // Node's volumes take nothing more, from At until healed
	DriverGone      What = "driver"    // Node's volume driver has no socket, from At until healed
	HandlerGone     What = "handler"   // Node's handler is killed at At and stays away until healed
	Reboot          What = "reboot"    // Node loses power at At for the time For, then boots: dockerd first, handler last
	Paused          What = "pause"     // Node's handler process stands still from At until its session is gone
	Isolated        What = "partition" // Node is cut from the others and from Consul's leader, from At until healed
	LeaderLost      What = "election"  // Consul's leader is killed at At, the others elect a new one
	DockerRestarted What = "dockerd"   // Node's dockerd is restarted at At, and its containers fall
	EventLost       What = "event"     // Node's Consul agent is down while the next request's event is fired
	ClockSkewed     What = "clock"     // Node's wall clock is ahead by For, from now until healed
)

// Trouble is one thing that goes wrong, as data: a world knows how to make it
// happen, by its own means. Troubles are comparable.
type Trouble struct {
	What    What
	Node    string        // whose; "" for LeaderLost
	At      Call          // CallStrikes, SendCut: the call; else when: as that call is about to happen. Zero: at once
	Phase   sim.Phase     // CallStrikes only; crash phases restart the handler as its unit does
	Share   int           // SendCut: percent
	Release Release       // BadRelease
	For     time.Duration // Reboot, ClockSkewed; CallStrikes with Slow, Hang and Late
}

// Call is a port call that a node's handler makes for an application of the
// play, counted from the moment of arming.
type Call struct {
	Node string // "": the trouble's
	Name string // "Snapshots.Send", "KV.Apply:commit"
	Arg  string // "": any, else the call's argument contains it
	Nth  int    // 0: the next
}

// Where is the call with its node.
func (t Trouble) Where() Call {
	c := t.At
	if c.Node == "" {
		c.Node = t.Node
	}
	c.Nth = max(c.Nth, 1)
	return c
}

// Fault is the call as the simulator and the relays address it, with the
// phase of the trouble or, where the trouble only begins there, [sim.Hook].
func (t Trouble) Fault() sim.Fault {
	c := t.Where()
	f := sim.Fault{Node: c.Node, Call: c.Name, Arg: c.Arg, Nth: c.Nth, Phase: sim.Hook}
	if t.What == CallStrikes {
		f.Phase, f.For = t.Phase, t.For
	}
	return f
}

// NodeWide reports that t touches more than the applications of the play: a
// real cluster plays it apart from other cells, and once for many plays that
// wait at their calls.
func (t Trouble) NodeWide() bool {
	switch t.What {
	case Nothing, SendCut, BadRelease:
		return false
	case CallStrikes:
		return slices.Contains([]sim.Phase{sim.CrashBefore, sim.CrashAfter, sim.PowerBefore, sim.PowerAfter}, t.Phase)
	default:
		return true
	}
}

// String is the trouble in a line: "disk of b at a Snapshots.Send #2".
func (t Trouble) String() string {
	var b strings.Builder
	switch t.What {
	case Nothing:
		return "nothing"
	case CallStrikes:
		fmt.Fprintf(&b, "%s", t.Phase)
	case SendCut:
		fmt.Fprintf(&b, "cut at %d %%", t.Share)
	case BadRelease:
		b.WriteString(t.Release.words())
	default:
		b.WriteString(string(t.What))
		if t.Node != "" {
			b.WriteString(" of " + t.Node)
		}
	}
	if t.For != 0 {
		fmt.Fprintf(&b, " %v", t.For)
	}
	if t.At.Name != "" {
		c := t.Where()
		fmt.Fprintf(&b, " at %s %s #%d", c.Node, c.Name, c.Nth)
	}
	return b.String()
}
