package nodes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Bench is one real cluster that many plays share. Make it with [Open].
type Bench struct {
	cluster *cluster.Cluster
	times   app.Times
	agents  agents
	edges   map[string]*edge
	gate    *gate
	log     io.Writer
	filler  int64
	trial   time.Duration
	notes   *notes // nil: nothing is recorded
	proxied bool   // every node has HAProxy and Caddy, and users enter there

	mu     sync.Mutex
	opened int                   // number of the next play
	plays  map[*Play]bool        // under way
	gone   map[app.App]time.Time // applications of plays that are over
}

// Setup says what kind of cluster a bench has.
type Setup struct {
	Log    io.Writer // a line for each thing that takes long, nil: none
	Dir    string    // an empty folder with a short path, "": one is made
	Record bool      // handlers record their calls
	Filler int64     // bytes that a transfer has which is cut, 0: 200 MB
	Times  app.Times // zero: the smallest that their relations allow
	// Trial is how long it is tried at most while a trouble lasts that concerns a
	// whole node, 0: as long as the driver says.
	Trial time.Duration
	// First is the number of the first play: plays of two benches differ in it.
	First  int
	Daemon *cluster.Daemon // where other benches are too, nil: one for this
	Edge   bool            // every node has HAProxy and Caddy, and users enter there
}

// disk is the size of a node's, sparse: room for several films at a time.
const disk = 4 << 30

// Missing says in words why this machine cannot have a cluster, and what to
// do; it is empty when it can.
func Missing(ctx context.Context) string { return cluster.Missing(ctx) }

// Open starts a cluster.
func Open(ctx context.Context, s Setup) (*Bench, error) {
	if s.Log == nil {
		s.Log = io.Discard
	}
	if s.Times == (app.Times{}) {
		s.Times = Short()
	}
	if s.Filler == 0 {
		s.Filler = 200 << 20
	}
	times, err := Flags(s.Times)
	if err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Dir: s.Dir, Log: s.Log, Disk: disk, Times: times, Record: s.Record, Agent: []string{"--builds", "16"}, Daemon: s.Daemon,
		Edge: s.Edge,
	})
	if err != nil {
		return nil, err
	}
	if err := Stock(ctx, c, filepath.Join(c.Dir, "bin", "hello")); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	b := &Bench{
		cluster: c, times: s.Times, edges: map[string]*edge{}, gate: newGate(), log: s.Log, filler: s.Filler, trial: s.Trial,
		plays: map[*Play]bool{}, gone: map[app.App]time.Time{}, opened: s.First, proxied: s.Edge,
	}
	if s.Record {
		if b.notes, err = newNotes(filepath.Join(c.Dir, "world.jsonl")); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	for _, n := range c.All() {
		a := newAgent(n.Name, strings.TrimPrefix(n.Consul(), "unix://"))
		b.agents = append(b.agents, a)
		b.edges[n.Name] = newEdge(a)
	}
	return b, nil
}

// Close takes the cluster away.
func (b *Bench) Close() error {
	for _, a := range b.agents {
		a.http.CloseIdleConnections()
	}
	return b.cluster.Close()
}

// Cluster is the cluster itself: to break by hand, and for evidence.
func (b *Bench) Cluster() *cluster.Cluster { return b.cluster }

func (b *Bench) names() []string { return cluster.Usual() }

func (b *Bench) agent(node string) *agent {
	return b.agents[slices.IndexFunc(b.agents, func(a *agent) bool { return a.node == node })]
}

// Ports of the applications: two for each play, used again after many.
const (
	firstPort = 20000
	ports     = 5000
)

// Play begins a play of a row. over ssh or http the repository is cloned.
func (b *Bench) Play(ctx context.Context, r recette.Row, ssh bool) (*Play, error) {
	if err := b.gate.enter(ctx); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.opened
	b.opened++
	p := &Play{bench: b, token: fmt.Sprintf("p%04dx", n), began: time.Now(), acks: map[string][]ack{}, inside: true}
	repo := b.cluster.Git().HTTP(p.repository())
	if ssh {
		repo = b.cluster.Git().SSH(p.repository())
	}
	p.kind = r.Moves[0].Kind
	lends := p.kind == app.Migrate
	for i, branch := range []string{"main", "production"} {
		a, err := app.Parse(repo, branch)
		if err != nil {
			b.gate.leave()
			return nil, fmt.Errorf("begin a play: %w", err)
		}
		s := site{App: a, port: firstPort + (2*n+i)%ports, domain: p.token + "-" + branch + ".example.com", lends: lends, proxied: b.proxied}
		if i == 0 {
			p.moved = s
		} else {
			p.lent = s
		}
	}
	b.plays[p] = true
	return p, nil
}

// newID is that of a new request.
func newID() string { return strings.ToLower(rand.Text()) }

// remembered is how long the applications of a play that is over are known:
// somebody may have looked while they were there.
const remembered = time.Minute

// known lists the applications of every play.
func (b *Bench) known() (all []app.App) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.plays {
		all = append(all, p.moved.App, p.lent.App)
	}
	for a, since := range b.gone {
		if time.Since(since) < remembered {
			all = append(all, a)
		}
	}
	return all
}

// eye looks at a node.
func (b *Bench) eye(n *cluster.Node) Eye {
	return Eye{
		Name: n.Name, Root: n.Root, Machine: n.Machine(), Docker: n.DockerHost(), Driver: n.DriverSocket(),
		Handler: cluster.Agent, Guard: cluster.Guard, Get: b.agent(n.Name).Get,
	}
}

// tries of a look: what others do side by side may be gone while it is looked
// at.
const tries = 5

// lookMax is how long a look at a node takes at most: on a busy machine a
// dockerd was seen that answered nobody any more, about any container.
const lookMax = time.Minute

// observe looks at every node, side by side.
func (b *Bench) observe(ctx context.Context) (map[string]sim.Observation, error) {
	return Observe(b.cluster.All(), func(n *cluster.Node) (sim.Observation, error) { return b.look(ctx, n) })
}

// Observe looks at the nodes side by side. What cannot be looked at is an
// error, and the rest is there.
func Observe(nodes []*cluster.Node, look func(*cluster.Node) (sim.Observation, error)) (map[string]sim.Observation, error) {
	all := map[string]sim.Observation{}
	var mu sync.Mutex
	var faults []error
	var wait sync.WaitGroup
	for _, n := range nodes {
		wait.Go(func() {
			o, err := look(n)
			mu.Lock()
			defer mu.Unlock()
			all[n.Name] = o
			faults = append(faults, err)
		})
	}
	wait.Wait()
	return all, errors.Join(faults...)
}

func (b *Bench) look(ctx context.Context, n *cluster.Node) (o sim.Observation, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	var before []string
	for range tries {
		if o, err = b.eye(n).Look(ctx); err == nil && o.Powered {
			o.Routes, o.Closed, err = b.edges[n.Name].routes(ctx)
		}
		if err == nil {
			now := unnamed(o)
			if before != nil {
				now = slices.DeleteFunc(now, func(name string) bool { return !slices.Contains(before, name) })
			}
			before = now
			o.Containers = slices.DeleteFunc(o.Containers, func(c app.Container) bool { return c.Project == "" && !slices.Contains(now, c.Name) })
			if len(now) == 0 && !arriving(o) {
				return o, nil
			}
		}
		if fixture.Pause(ctx, time.Second) != nil {
			break
		}
	}
	return o, err
}

// arriving reports that a snapshot is not whole: while the driver's own
// scheduler replicates that is no leftover. One that stays so is seen all the
// same, after the last try.
func arriving(o sim.Observation) bool {
	return slices.ContainsFunc(o.Snapshots, func(s sim.SnapshotState) bool { return !s.Complete })
}

// unnamed are the containers of no project: those that an image is built in
// are there for a moment, and are not looked at.
func unnamed(o sim.Observation) []string {
	names := []string{}
	for _, c := range o.Containers {
		if c.Project == "" {
			names = append(names, c.Name)
		}
	}
	return names
}
