package execute

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// Config is what an operator sets for a node.
type Config struct {
	Node     string   // name, equal to the Consul node's
	Version  string   // of this handler, for people
	Drivers  []string // names of the Buttervolume driver
	Purge    string   // pattern of the purge schedule
	Every    int      // minutes between replications or snapshots
	Cleanup  int      // minutes between purges
	Builds   int      // builds side by side
	Times    app.Times
	NoEvents bool  // documented events with a whole request are refused: the cluster has an ACL
	HTTP     bool  // plain http repositories are allowed
	Ports    []int // that HAProxy's container publishes, nil: unknown
}

// DefaultConfig is the configuration of a node called name.
func DefaultConfig(name string) Config {
	return Config{
		Node: name, Version: "dev", Drivers: []string{"anybox/buttervolume", "ccomb/buttervolume"},
		Purge: "1h:1d:1w:4w:1y", Every: 60, Cleanup: 1440, Builds: 1, Times: app.DefaultTimes(),
	}
}

// Node is this node: its world, its configuration and what one incarnation of
// its handler remembers.
type Node struct {
	Config
	port.World
	Ledger      ledger.Ledger
	Incarnation string // differs at each start of the handler
	Memo        *inspect.Memo
	// Plan makes the plan of a node; nil is plan.For.
	Plan func(app.Operation, string) []plan.Step

	builds *gate

	mu      sync.Mutex
	entered map[string]string // app → operation that this incarnation has worked on
	doubts  map[string]time.Duration
	started time.Duration // CLOCK_BOOTTIME
}

// Doubt notes that a call for the app called name had no good answer: its
// effect may still come, as late as daemons finish the calls of dead callers.
func (n *Node) Doubt(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doubts[name] = n.Clock.Boot() + n.Times.Orphan
}

// Doubtful reports that an effect of an earlier call may still come: then a
// look at what is there decides, not what is remembered. A new incarnation
// does not know what the one before it had asked for.
func (n *Node) Doubtful(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.Clock.Boot()
	return now < n.started+n.Times.Orphan || now < n.doubts[name]
}

// enters notes that this incarnation works on operation id of name, and
// reports whether it did so before: then it has forgotten where it was.
func (n *Node) enters(name, id string) (before bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before = n.entered[name] == id
	n.entered[name] = id
	return before
}

// New is a node at the start of an incarnation.
func New(c Config, w port.World, incarnation string, memo *inspect.Memo) *Node {
	return &Node{
		Config: c, World: w, Ledger: ledger.New(w.KV, c.Times), Incarnation: incarnation, Memo: memo, builds: newGate(c.Builds),
		entered: map[string]string{}, doubts: map[string]time.Duration{}, started: w.Clock.Boot(),
	}
}

func (n *Node) plan(o app.Operation) []plan.Step {
	if n.Plan != nil {
		return n.Plan(o, n.Node)
	}
	return plan.For(o, n.Node)
}

// Until repeats f until it succeeds, pausing a beat between tries: what is not
// known must be read again before anything else is done. It ends early only
// with ctx, and at once when what was read is not ours.
func (n *Node) Until(ctx context.Context, what string, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		var foreign *ledger.Foreign
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &foreign), errors.Is(err, errMoved):
			return err
		}
		n.Log.Warn("no answer, trying again", "node", n.Node, "what", what, "try", try, "err", err)
		if err := n.Clock.Sleep(ctx, n.Times.Beat); err != nil {
			return err
		}
	}
}

// errTooLong is the cause of a step's end at its maximum.
var errTooLong = errors.New("took longer than its maximum")

// Within runs f with a context that ends after max, 0 for never. The limit is
// a task of its own: the clock is a port.
func (n *Node) Within(ctx context.Context, max time.Duration, f func(context.Context) error) error {
	if max <= 0 {
		return f(ctx)
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.Tasks.Go(limited, "limit", func(ctx context.Context) {
		if n.Clock.Sleep(ctx, max) == nil {
			cancel(errTooLong)
		}
	})
	err := f(limited)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(limited), errTooLong) {
		return errors.Join(errTooLong, err)
	}
	return err
}
