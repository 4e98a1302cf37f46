package recette

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// The worlds in which cells are played.
const (
	WorldSim   = "sim"   // simulated nodes, virtual time, invariants after every step
	WorldNodes = "nodes" // containers with the real daemons
)

// World is a cluster of four nodes, a to d, as one play of a cell sees it: two
// applications of its own, users who write to them, and what can go wrong. One
// driver plays a cell on any of them. A real cluster carries several plays at
// once, each with its own applications: what this play sees of the others is
// only [Chart.Known].
//
// Every method that can wait takes a context. An error says that the world
// itself does not work, or that what it watches all the time does not hold (the
// simulator's invariants); never that a fault struck or a user was refused.
type World interface {
	Chart
	People
	View
	Course
	Breaker
}

// Chart is what stands still in a world.
type Chart interface {
	// Nodes lists the names of the nodes, sorted: a, b, c, d.
	Nodes() []string
	// Address is where the other nodes reach a node, as replicate schedules
	// name it.
	Address(node string) string
	// Times are those of the handlers of this world.
	Times() app.Times
	// Apps are the two of this play: the one that is moved, destroyed or
	// overwritten, and the source of a migrate. At the beginning neither is
	// placed nor pushed.
	Apps() (moved, source app.App)
	// Known lists every application that is played with in this cluster, those
	// of this play too: what belongs to any of them is no stranger.
	Known() []app.App
}

// Release is how a commit behaves once it is started.
type Release string

// A sick release runs, and its health check never passes.
const (
	Good  Release = "good"
	Exits Release = "exits"
	Sick  Release = "sick"
)

// words is what the release does.
func (r Release) words() string {
	switch r {
	case Exits:
		return "a release that exits"
	case Sick:
		return "a release that is never healthy"
	default:
		return "a good release"
	}
}

// People are those who push, ask and write.
type People interface {
	// Push makes a new commit of a, which behaves like how.
	Push(ctx context.Context, a app.App, how Release) error
	// Ask puts the request into the KV under a new id and fires the event that
	// names it at a node's agent.
	Ask(ctx context.Context, node string, r app.Request) (id string, err error)
	// Fire fires the event of a request that was put before, once more.
	Fire(ctx context.Context, node string, kind app.Kind, id string) error
	// Write is one write of a user to a, through the edge of a node. refused
	// says why nobody acknowledged it, nil when somebody did.
	Write(ctx context.Context, node string, a app.App) (refused, err error)
	// Users write to a now and then, through every edge in turn, until about
	// forty writes were acknowledged or stop is called; stop waits for the
	// write under way.
	Users(ctx context.Context, a app.App) (stop func(context.Context) error, err error)
}

// View is what can be seen of a world. What a node that is off or cut off does
// not show is empty in its observation.
type View interface {
	// Observe looks at every node. Records of volumes and snapshots carry the
	// numbers of the writes in [View.Acked].
	Observe(ctx context.Context) (map[string]sim.Observation, error)
	// KV is every pair of the KV, sorted by key, read consistently.
	KV(ctx context.Context) ([]port.Pair, error)
	// Sessions lists the node of each Consul session of a handler, sorted.
	Sessions(ctx context.Context) ([]string, error)
	// Acked lists the writes to a that a user was told are done and that a's
	// live volumes must have, oldest first, numbers ascending and unique in the
	// play. What was acknowledged before a committed destroy or migrate of a
	// took its data away is left out.
	Acked(a app.App) []sim.Ack
}

// Course lets time go by.
type Course interface {
	// Settle waits until every request of the play's applications is finished
	// and every operation on them done, for at most most. It reports whether
	// that came true.
	Settle(ctx context.Context, most time.Duration) (quiet bool, err error)
	// Pass waits for d.
	Pass(ctx context.Context, d time.Duration) error
}

// Breaker makes things go wrong, and ends that.
type Breaker interface {
	// Arm lets t happen, at once or at the call that t.At names; calls count
	// from the return of Arm, and only those about the play's applications. The
	// zero Trouble is none, and proves itself.
	Arm(ctx context.Context, t Trouble) (Proof, error)
	// Heal ends every trouble of this play and starts what is down; with none
	// armed it does nothing.
	Heal(ctx context.Context) error
	// Close ends the play. A world that goes on takes the play's applications
	// away with all they left.
	Close(ctx context.Context) error
}

// Proof says in one line by what a trouble is known to have struck: the held
// call, the refused connection, the killed process. It is empty until it has.
type Proof func() string
