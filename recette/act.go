package recette

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// Deed is a kind of act.
type Deed string

// What somebody does to a cluster. "Until" it is undone by the deed named, or
// by [Hands.Heal].
const (
	Crash    Deed = "crash"   // Process of Node dies, until Start
	Start    Deed = "start"   // Process of Node
	PowerOff Deed = "plug"    // Node, until PowerOn
	PowerOn  Deed = "boot"    // Node; one that is on stays so
	Freeze   Deed = "freeze"  // Process of Node stands still, with Machine all of it, until Thaw
	Thaw     Deed = "thaw"    // the same
	Cut      Deed = "cut"     // no traffic on Channels between Node and Other, both ways, until Join
	Join     Deed = "join"    // the same
	Break    Deed = "fault"   // Part of Node is State from now on; the state up mends it
	Expire   Deed = "session" // Node's Consul session ends at once

	ConsulDown Deed = "consul down" // all servers, until ConsulUp
	ConsulUp   Deed = "consul up"
	Elect      Deed = "consul elects" // no leader for the time For
	Save       Deed = "consul save"   // a backup of Consul
	Restore    Deed = "consul restore"
	Empty      Deed = "consul empty"

	Gossip Deed = "gossip"            // events go wrong in percent: Gossip
	Echo   Deed = "redeliver at once" // every event of the last while reaches every node once more
	Tick   Deed = "tick"              // every job of the scheduler of Node's volume driver is due, and runs
	Zone   Deed = "zone"              // Node's local time is ahead of UTC by For
	Skew   Deed = "skew"              // Node's wall clock is ahead by For
	Drift  Deed = "drift"             // Node's boot clock is faster by N parts in a million

	Put         Deed = "put"    // Value becomes that of Key
	Delete      Deed = "delete" // Key
	StartByHand Deed = "docker start"
	StopByHand  Deed = "docker stop" // containers of Project on Node
	LayVolume   Deed = "volume"      // Node has a live volume called Key with Records
	LayCheckout Deed = "checkout"    // Node has a checkout in the folder Key with Files
	LayStack    Deed = "container"   // Node has the container Found
)

// Everyone is the Other of a cut from all other nodes and from [sim.Outside].
const Everyone = "*"

// Act is one deed with what it needs; the fields that a deed does not name are
// zero.
type Act struct {
	Deed     Deed
	Node     string
	Process  sim.Process
	Machine  bool
	Other    string        // a node, sim.Outside or Everyone
	Channels []sim.Channel // nil: all
	Part     string        // git, consul, agent, docker, driver, disk
	State    string        // down, stall, full, up
	For      time.Duration
	N        int
	Gossip   sim.Gossiping
	Key      string
	Value    []byte
	Project  string
	Records  []sim.Record
	Files    port.Files
	Found    sim.Found
}

// String is the act as somebody would ask for it.
func (a Act) String() string {
	words := []string{string(a.Deed)}
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	add(a.Node)
	add(a.Part)
	add(a.State)
	switch {
	case a.Other == Everyone:
	case a.Deed == Cut || a.Deed == Join:
		add(map[bool]string{true: "outside", false: a.Other}[a.Other == sim.Outside])
	}
	for _, ch := range a.Channels {
		add(ch.String())
	}
	if a.For != 0 {
		add(a.For.String())
	}
	if a.N != 0 {
		add(fmt.Sprint(a.N))
	}
	add(a.Key)
	add(a.Project)
	return strings.Join(words, " ")
}

// Cannot is the refusal of an act, with the reason.
func (a Act) Cannot(why string) error { return fmt.Errorf("%s: %w: %s", a, ErrCannot, why) }
