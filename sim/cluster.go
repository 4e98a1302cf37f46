package sim

import (
	"context"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

// ErrDead is what every port call of a dead incarnation returns.
var ErrDead = sched.ErrDead

// Program makes the function that a process of a node runs.
type Program func(node string) func(ctx context.Context, w port.World) error

// Options describe a cluster. Only what differs from the defaults is needed.
type Options struct {
	Nodes        []string       // default a, b, c
	Seed         uint64         // of everything random but the strategy's choices
	Strategy     sched.Strategy // default first come, first served
	Program      Program        // the handler; nil: nothing runs in its process
	GuardProgram Program        // the guard; nil: nothing runs in its process
	Times        app.Times      // default app.DefaultTimes: session TTL, call time-out
	Timing       Timing         // default DefaultTiming
	Drivers      []string       // names of the Buttervolume driver, with or without tag
	Trace        bool           // keep a line per step; the hash is kept always
	Record       bool           // keep the tape of choices
	Last         uint64         // the step after which the run ends with sched.ErrStopped, 0: none
	Instant      uint64         // bound of steps at one virtual instant, 0: 200,000
	// GateForgets lets a restarted handler touch volumes with an unanswered
	// restore or removal: its memory of them is gone. Without it the node
	// remembers, as the port promises.
	GateForgets bool
	// OnStep is called after every effect, for invariants.
	OnStep func(*Cluster)
}

// Timing is how long the simulated world takes for things. Zero is at once.
type Timing struct {
	Git, Pull, Build, Up, Stop, Script time.Duration
	Snapshot, Restore, Remove          time.Duration // each Buttervolume call
	Send, SendRecord                   time.Duration // a transfer, and each record in it
	SSH                                time.Duration // until an unreachable peer is given up
	Health                             time.Duration // from start to healthy, where a check exists
	Edge                               time.Duration // from the KV to the running proxies
	Gossip                             time.Duration // an event's way to another node
	Dockerd, Handler                   time.Duration // from power on until each runs
	Restart                            time.Duration // of a crashed process by its unit
	Round                              time.Duration // of Buttervolume's scheduler; negative: it never runs
}

// DefaultTiming has the orders of magnitude of real nodes.
func DefaultTiming() Timing {
	return Timing{
		Git: 2 * time.Second, Pull: time.Second, Build: 5 * time.Second, Up: 500 * time.Millisecond,
		Stop: 300 * time.Millisecond, Script: time.Second, Snapshot: 50 * time.Millisecond,
		Restore: 100 * time.Millisecond, Remove: 50 * time.Millisecond, Send: 500 * time.Millisecond,
		SendRecord: time.Millisecond, SSH: 5 * time.Second, Health: 2 * time.Second, Edge: 50 * time.Millisecond,
		Gossip: 20 * time.Millisecond, Dockerd: 4 * time.Second, Handler: 6 * time.Second,
		Restart: 2 * time.Second, Round: time.Minute,
	}
}

// Cluster is a whole cluster in one process: nodes, Consul, git remotes,
// daemons, users and faults under one scheduler.
type Cluster struct {
	o           Options
	sched       *sched.Scheduler
	rand        *sched.Rand
	nodes       []*node
	byName      map[string]*node
	net         network
	gossip      Gossiping
	thinned     map[string]map[uint64]bool // volume → records that a purge took a copy of
	fired       []port.Event               // of the last while
	touched     []Touch
	kv          store
	members     []app.Member
	remotes     map[string]*remote
	images      map[string]*image // every image that was ever built or published
	files       map[string]*composeFile
	unpublished map[string]bool // image names
	users       map[string]*ledger
	faults      []*Armed
	heals       int // how often every fault was taken away
	sites       siteTable
	trace       trace
	changes     Changes
	busy        int // daemons' work under way
	ids         uint64
	shown       map[*entry]rendered // records
	quiet       bool                // as of KV index quietAt-1
	quietAt     uint64
	writes      uint64
	edges       int // for users that come in anywhere, in turn
}

// New makes a cluster whose nodes are powered and whose processes start with
// the first step.
func New(o Options) *Cluster {
	if len(o.Nodes) == 0 {
		o.Nodes = []string{"a", "b", "c"}
	}
	if o.Times == (app.Times{}) {
		o.Times = app.DefaultTimes()
	}
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming()
	}
	if len(o.Drivers) == 0 {
		o.Drivers = []string{"anybox/buttervolume", "ccomb/buttervolume"}
	}
	c := &Cluster{
		o: o, rand: sched.NewRand(o.Seed ^ 0x5eed), byName: map[string]*node{}, remotes: map[string]*remote{},
		images: map[string]*image{}, files: map[string]*composeFile{}, users: map[string]*ledger{},
		unpublished: map[string]bool{}, shown: map[*entry]rendered{}, thinned: map[string]map[uint64]bool{},
	}
	c.sched = sched.New(sched.Options{Strategy: o.Strategy, Instant: o.Instant, Record: o.Record, Last: o.Last})
	c.kv.c = c
	c.kv.byPrefix = map[string]*prefix{}
	c.trace.keep = o.Trace
	names := slices.Clone(o.Nodes)
	slices.Sort(names)
	for i, name := range names {
		n := newNode(c, i, name)
		c.nodes = append(c.nodes, n)
		c.byName[name] = n
		c.members = append(c.members, app.Member{Name: name, Address: n.address})
	}
	c.net = newNetwork(len(c.nodes))
	for _, n := range c.nodes {
		n.powerOn()
		n.start(Handler)
		n.start(Guard)
	}
	return c
}

// Run makes steps until until is true; it is asked before every step. The
// error is why the run ended otherwise: a failed invariant, [sched.Panic],
// [sched.Livelock], [sched.Undead] or [sched.ErrIdle].
func (c *Cluster) Run(until func() bool) error { return c.sched.Run(until) }

// RunFor makes every step due within d of virtual time.
func (c *Cluster) RunFor(d time.Duration) error { return c.sched.RunUntil(c.sched.Now() + d) }

// Step makes one step.
func (c *Cluster) Step() error {
	end := c.sched.Steps() + 1
	return c.sched.Run(func() bool { return c.sched.Steps() >= end })
}

// Close ends every task; a cluster that is not closed leaks them.
func (c *Cluster) Close() { c.sched.Close() }

// Fail ends the run with err: an invariant does not hold.
func (c *Cluster) Fail(err error) { c.sched.Fail(err) }

// Err is why the run ended for good, nil while it can go on.
func (c *Cluster) Err() error { return c.sched.Err() }

// Now is the virtual time since the cluster was made.
func (c *Cluster) Now() time.Duration { return c.sched.Now() }

// Steps counts the steps made.
func (c *Cluster) Steps() uint64 { return c.sched.Steps() }

// Tape is the list of scheduling choices, when Options.Record is set.
func (c *Cluster) Tape() sched.Tape { return c.sched.Tape() }

// Misfit is where the run left the tape that it replays, nil while it fits.
func (c *Cluster) Misfit() *sched.Misfit { return c.sched.Misfit() }

// Unplayed counts the choices of the tape that have not been made.
func (c *Cluster) Unplayed() int { return c.sched.Unplayed() }

// Busy counts what daemons have under way, late effects included.
func (c *Cluster) Busy() int { return c.busy }

// At runs f as a step of its own at virtual time when: an operator, a user or
// a disaster. f must not wait.
func (c *Cluster) At(when time.Duration, name string, f func()) {
	c.sched.At(nil, when, name, func() { f(); c.stepped() })
}

// Every runs f at each multiple of d from now on, while it returns true.
func (c *Cluster) Every(d time.Duration, name string, f func() bool) {
	c.sched.At(nil, c.Now()+d, name, func() {
		more := f()
		c.stepped()
		if more {
			c.Every(d, name, f)
		}
	})
}

// Go starts f as a task in the handler process of node, as its programs run:
// contract clauses and small tests. It does nothing when that process is down.
func (c *Cluster) Go(node, name string, f func(ctx context.Context, w port.World)) {
	p := c.node(node).proc[Handler]
	if p == nil {
		return
	}
	w := p.world()
	c.sched.Go(p.owner.Context(), p.owner, name, func(ctx context.Context) { f(ctx, w) })
}

// Shell lets a person at node run f in a shell, with the node's ports: a task
// that outlives the node's processes and power, as a contract clause or an
// operator's command does.
func (c *Cluster) Shell(node, name string, f func(ctx context.Context, w port.World)) {
	n := c.node(node)
	p := n.proc[Shell]
	if p == nil {
		p = &process{c: c, n: n, kind: Shell, owner: c.sched.NewOwner(n.name + " shell")}
		n.proc[Shell] = p
	}
	w := p.world()
	c.sched.Go(p.owner.Context(), p.owner, name, func(ctx context.Context) { f(ctx, w) })
}

// World is the world of the current incarnation of node's handler. Its ports
// may be called only by tasks of that process ([Cluster.Go]).
func (c *Cluster) World(node string) port.World {
	p := c.node(node).proc[Handler]
	if p == nil {
		p = c.node(node).corpse()
	}
	return p.world()
}

// Nodes lists the names of the nodes, sorted.
func (c *Cluster) Nodes() []string {
	names := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		names[i] = n.name
	}
	return names
}

// Changes counts changes by what changed, so that an invariant need not look
// at everything after every step.
type Changes struct {
	Containers uint64 // containers, leases, power
	Data       uint64 // volumes, snapshots, records
	KV         uint64
	Node       uint64 // checkouts, schedules, services, journals, edges
}

// Changes is the state of the counters.
func (c *Cluster) Changes() Changes {
	ch := c.changes
	ch.KV = c.kv.index
	return ch
}

func (c *Cluster) stepped() {
	if c.o.OnStep != nil {
		c.o.OnStep(c)
	}
}

// node finds a node by name. An unknown one is a node that is off.
func (c *Cluster) node(name string) *node {
	if n := c.byName[name]; n != nil {
		return n
	}
	return newNode(c, len(c.nodes), name)
}

// roll is a random duration in [0, d).
func (c *Cluster) roll(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c.rand.Uint64() % uint64(d))
}
