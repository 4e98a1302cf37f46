// Package prompt is the ground of a person's scene on real nodes: the cluster
// of package fixtures/nodes/cluster behind the words of package recette's
// language. What comes in are the language's acts, faults and questions; what
// goes out is what the real daemons do, told in the simulator's words. It
// stands apart from package nodes, which plays cells with applications of their
// own and never waits for a person. What real nodes cannot do it refuses, each
// with its reason: see [Refused].
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"time"

	tclog "github.com/testcontainers/testcontainers-go/log"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes"
	"github.com/mlfmonde/cluster/sim"
)

// Options say what kind of cluster a person gets.
type Options struct {
	Nodes []string  // names, one to four; nil: [Usual]
	Dir   string    // an empty folder with a short path, "": one is made
	Log   io.Writer // a line for each thing that takes long, nil: none
	Calls bool      // port calls are noticed too, as they begin
	Edge  bool      // every node has HAProxy and Caddy, which its handler configures
}

// Usual are the nodes when nobody names any: those of the simulated prompt and
// one more.
func Usual() []string { return []string{"n1", "n2", "n3", "n4"} }

// most is how many nodes a person may have.
const most = 4

// Ground is a running cluster of real nodes. Make it with [Start]. Its methods
// may be called side by side.
type Ground struct {
	cluster *cluster.Cluster
	doors   Doors
	edges   map[string]*edge
	ear     *ear
	began   time.Time

	ended   chan struct{} // closed at the beginning of the end
	closing sync.Once
	closed  error
	work    sync.WaitGroup // everything that goes on by itself
	orders  chan order     // what a fault wants done by whoever commands
	servers []*http.Server

	writing sync.Mutex // one write at a time: numbers are in order
	mu      sync.Mutex // of what follows
	sites   []site
	number  uint64
	turn    int // of the edges
	acks    map[string][]ack
	refused map[string]int
	history map[string]app.Operation // the last that took data away, by application
	strikes []*strike
	mends   map[string]func(context.Context) error // what cluster.Heal does not know of
	backup  []byte
	seen    map[string]sim.Observation
	seenAt  time.Time
	err     error
}

var _ recette.Ground = (*Ground)(nil)

// Missing says in words why this machine cannot have real nodes, and what to
// do; it is empty when it can.
func Missing(ctx context.Context, o Options) string {
	if o.Edge {
		return cluster.MissingEdge(ctx)
	}
	return cluster.Missing(ctx)
}

// CheckNodes is an error for names that a cluster of real nodes cannot have.
func CheckNodes(names []string) error {
	if len(names) > most {
		return fmt.Errorf("%d nodes: %w: a machine carries %d real ones", len(names), recette.ErrCannot, most)
	}
	for i, name := range names {
		if err := app.CheckNode("node", name); err != nil {
			return err
		}
		if name == "git" || slices.Contains(names[:i], name) {
			return fmt.Errorf("node %q: %w: another machine has that name", name, recette.ErrCannot)
		}
	}
	return nil
}

// Start starts a cluster. It is whole when Start returns, and a failure leaves
// nothing.
func Start(ctx context.Context, o Options) (*Ground, error) {
	if o.Nodes == nil {
		o.Nodes = Usual()
	}
	if err := CheckNodes(o.Nodes); err != nil {
		return nil, err
	}
	flags, err := nodes.Flags(times())
	if err != nil {
		return nil, err
	}
	tclog.SetDefault(log.New(io.Discard, "", 0)) // the library greets on standard error
	c, err := cluster.Start(ctx, cluster.Options{Dir: o.Dir, Log: o.Log, Nodes: slices.Sorted(slices.Values(o.Nodes)), Times: flags, Edge: o.Edge})
	if err != nil {
		return nil, err
	}
	g := &Ground{
		cluster: c, began: time.Now(), edges: map[string]*edge{}, ended: make(chan struct{}), orders: make(chan order),
		acks: map[string][]ack{}, refused: map[string]int{}, history: map[string]app.Operation{}, mends: map[string]func(context.Context) error{},
	}
	for _, n := range c.All() {
		client, err := connect(n)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.edges[n.Name] = &edge{node: n, consul: client, last: map[string]route{}}
	}
	g.ear = newEar(g, o.Calls)
	if err := g.open(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Close ends everything and takes it away.
func (g *Ground) Close() error {
	g.closing.Do(func() {
		g.mu.Lock()
		close(g.ended)
		g.mu.Unlock()
		var faults []error
		for _, s := range g.servers {
			faults = append(faults, s.Close())
		}
		for _, n := range g.cluster.All() {
			n.Relay.Disarm() // who waits in a held call goes on
		}
		g.work.Wait()
		g.closed = errors.Join(append(faults, g.cluster.Close())...)
	})
	return g.closed
}

// background lets f go on by itself. Its context ends with the ground.
func (g *Ground) background(f func(ctx context.Context)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.ended: // nothing begins any more
		return
	default:
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.work.Go(func() {
		defer cancel()
		go func() {
			select {
			case <-g.ended:
				cancel()
			case <-ctx.Done():
			}
		}()
		f(ctx)
	})
}

// Every implements recette.Flow.
func (g *Ground) Every(d time.Duration, _ string, f func(context.Context) bool) {
	g.background(func(ctx context.Context) {
		for fixture.Pause(ctx, d) == nil && f(ctx) {
		}
	})
}

// Nodes implements recette.Terrain.
func (g *Ground) Nodes() (names []string) {
	for _, n := range g.cluster.All() {
		names = append(names, n.Name)
	}
	return names
}

// Address implements recette.Terrain.
func (g *Ground) Address(node string) string { return g.cluster.Node(node).Address }

// Now implements recette.Terrain.
func (g *Ground) Now() time.Duration { return time.Since(g.began) }

// Epoch implements recette.Terrain.
func (g *Ground) Epoch() time.Time { return g.began.UTC() }

// Times implements recette.Terrain.
func (g *Ground) Times() app.Times { return times() }

// Tally implements recette.Notice: nobody counts on real nodes.
func (g *Ground) Tally() recette.Tally { return recette.Tally{} }

// Trace implements recette.Notice.
func (g *Ground) Trace() []sim.Entry { return g.ear.all() }

// Err implements recette.Flow: what a command that a fault carried out ended
// with.
func (g *Ground) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// on reports whether a node can be asked anything.
func on(n *cluster.Node) bool {
	broken := n.Broken()
	return !slices.Contains(broken, "off") && !slices.Contains(broken, "frozen")
}
