package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Process is one of the two processes of ours on a node.
type Process uint8

// The handler, the guard that ends leases, and a person's shell, which no
// crash or power cut of the node ends.
const (
	Handler Process = iota
	Guard
	Shell
	processes
)

func (p Process) String() string { return [...]string{"handler", "guard", "shell"}[p] }

// node is one machine. What is on its disk lives for ever, what is in memory
// or on tmpfs until the power goes.
type node struct {
	c       *Cluster
	idx     int
	name    string
	address string
	up      bool
	cuts    int // how often somebody took its power
	booted  time.Duration
	machine *sched.Owner // dockerd, the driver, the edge
	proc    [processes]*process
	started [processes]int   // incarnations so far
	exits   [processes]error // what the last one's program returned
	off     [processes]bool  // stopped for good: no unit starts it again
	skew    time.Duration
	zone    time.Duration // of the dates that its volume driver writes
	wrong   int           // how often its wall clock was read while it was skewed
	drift   int64         // parts per million
	full    bool          // disk
	denied  bool          // its key opens no git remote
	working int           // what its daemons have under way
	said    app.Member    // decoded presence, as of KV index saidAt
	saidAt  uint64
	agent   agent
	disk    disk
	docker  docker
	driver  driver
	edge    edge
	ticking *sched.Owner // the machine whose scheduler runs
	round   *sched.Task  // the scheduler's next look
	leases  []app.Lease  // tmpfs, sorted
	marked  bool         // tmpfs
	mark    time.Duration
}

// process is one incarnation of a process.
type process struct {
	c           *Cluster
	n           *node
	kind        Process
	incarnation int
	owner       *sched.Owner
	member      app.Member // as last joined
	value       []byte     // member as JSON
	open        []opened   // calls that have not returned
}

func newNode(c *Cluster, idx int, name string) *node {
	n := &node{c: c, idx: idx, name: name, address: fmt.Sprintf("10.0.0.%d", idx+1)}
	n.disk = newDisk()
	n.docker = newDocker()
	n.driver = newDriver()
	n.machine = c.sched.NewOwner(name + " machine")
	return n
}

// powerOn starts the machine: tmpfs is empty, daemons have no memory.
func (n *node) powerOn() {
	n.up, n.booted = true, n.c.Now()
	if n.machine.Dead() {
		n.machine = n.c.sched.NewOwner(n.name + " machine")
	}
	n.leases, n.marked = nil, false
	n.agent.boot()
	n.driver.boot(n)
	n.c.changes.Containers++
}

func (n *node) start(kind Process) {
	if n.proc[kind] != nil || !n.up {
		return
	}
	n.started[kind]++
	n.exits[kind], n.off[kind] = nil, false
	p := &process{c: n.c, n: n, kind: kind, incarnation: n.started[kind]}
	p.owner = n.c.sched.NewOwner(n.name + " " + kind.String())
	n.proc[kind] = p
	program := n.c.o.Program
	if kind == Guard {
		program = n.c.o.GuardProgram
	} else {
		n.docker.orphans(n)
		if n.c.o.GateForgets {
			n.driver.blocked = map[string]int{}
		}
	}
	if program == nil {
		return
	}
	run, w := program(n.name), p.world()
	n.c.sched.Go(p.owner.Context(), p.owner, p.owner.Name(), func(ctx context.Context) {
		err := run(ctx, w)
		if !p.owner.Dead() {
			n.exits[kind] = err
			n.stop(kind)
		}
	})
}

// stop ends the process at once: every task of it unwinds.
func (n *node) stop(kind Process) {
	p := n.proc[kind]
	if p == nil {
		return
	}
	n.proc[kind] = nil
	n.c.sched.Kill(p.owner)
}

// restart lets the unit start the process again after d.
func (n *node) restart(kind Process, d time.Duration) {
	n.c.sched.At(n.machine, n.c.Now()+d, "restart", func() {
		if !n.off[kind] {
			n.start(kind)
		}
	})
}

// corpse is a process that is already dead.
func (n *node) corpse() *process {
	p := &process{c: n.c, n: n, owner: n.c.sched.NewOwner(n.name + " dead")}
	n.c.sched.Kill(p.owner)
	return p
}

// PowerCut takes the power from node: its processes, containers and tmpfs are
// gone, its disk stays.
func (c *Cluster) PowerCut(node string) {
	n := c.node(node)
	n.cuts++
	if !n.up {
		return
	}
	c.note(n, "power cut")
	n.stop(Handler)
	n.stop(Guard)
	c.busy -= n.working
	n.working = 0
	c.sched.Kill(n.machine)
	n.up = false
	n.docker.powerCut(n)
	n.leases, n.marked = nil, false
	c.changes.Containers++
}

// Boot switches node on: dockerd starts what restart policies say, then the
// units start guard and handler.
func (c *Cluster) Boot(node string) {
	n := c.node(node)
	if n.up {
		return
	}
	c.note(n, "boot")
	n.powerOn()
	c.sched.At(n.machine, c.Now()+c.o.Timing.Dockerd, "dockerd", func() {
		n.docker.boot(n)
		c.stepped()
	})
	for _, kind := range []Process{Guard, Handler} {
		if !n.off[kind] {
			n.restart(kind, c.o.Timing.Handler)
		}
	}
}

// Crash ends a process of node at once and leaves it down; containers live on.
func (c *Cluster) Crash(node string, kind Process) {
	n := c.node(node)
	c.note(n, kind.String()+" crashes")
	n.off[kind] = true
	n.stop(kind)
}

// Start starts a process of node unless it runs or the node is off.
func (c *Cluster) Start(node string, kind Process) {
	n := c.node(node)
	c.note(n, kind.String()+" starts")
	n.off[kind] = false
	n.start(kind)
}

// CrashHandler is Crash of the handler.
func (c *Cluster) CrashHandler(node string) { c.Crash(node, Handler) }

// StartHandler is Start of the handler.
func (c *Cluster) StartHandler(node string) { c.Start(node, Handler) }

// Freeze stops a process of node where it is, until Thaw.
func (c *Cluster) Freeze(node string, kind Process) {
	if p := c.node(node).proc[kind]; p != nil {
		c.note(p.n, kind.String()+" freezes")
		c.sched.Freeze(p.owner)
	}
}

// Thaw lets a frozen process go on.
func (c *Cluster) Thaw(node string, kind Process) {
	if p := c.node(node).proc[kind]; p != nil {
		c.note(p.n, kind.String()+" thaws")
		c.sched.Thaw(p.owner)
	}
}

// FreezeMachine stops the whole machine where it is: processes, daemons,
// containers. Its clocks go on.
func (c *Cluster) FreezeMachine(node string) {
	n := c.node(node)
	c.note(n, "machine freezes")
	c.sched.Freeze(n.machine)
	c.Freeze(node, Handler)
	c.Freeze(node, Guard)
}

// ThawMachine lets the machine go on.
func (c *Cluster) ThawMachine(node string) {
	n := c.node(node)
	c.note(n, "machine thaws")
	c.sched.Thaw(n.machine)
	c.Thaw(node, Handler)
	c.Thaw(node, Guard)
}

// Skew sets how far node's wall clock is ahead.
func (c *Cluster) Skew(node string, d time.Duration) { c.node(node).skew = d }

// Zone sets how far the local time of node is ahead of UTC: the volume driver
// dates snapshots by it. A change of it is the beginning or the end of summer
// time.
func (c *Cluster) Zone(node string, d time.Duration) { c.node(node).zone = d }

// WrongDates counts how often node's wall clock was read while it was skewed.
func (c *Cluster) WrongDates(node string) int { return c.node(node).wrong }

// Drift sets how much faster node's CLOCK_BOOTTIME runs, in parts per million.
func (c *Cluster) Drift(node string, ppm int) { c.node(node).drift = int64(ppm) }

// DiskFull says whether node's disk takes anything more.
func (c *Cluster) DiskFull(node string, full bool) { c.node(node).full = full }

// Powered reports whether node has power.
func (c *Cluster) Powered(node string) bool { return c.node(node).up }

// Alive reports whether the process of node runs, frozen or not.
func (c *Cluster) Alive(node string, kind Process) bool { return c.node(node).proc[kind] != nil }

// Exit is what the program of node's last ended incarnation returned, nil
// when it was killed.
func (c *Cluster) Exit(node string, kind Process) error { return c.node(node).exits[kind] }

func (n *node) frozen() bool { return n.machine.Frozen() }
