package prompt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes"
	"github.com/mlfmonde/cluster/sim"
)

const (
	answerMax = 3 * time.Second  // for one agent
	anyMax    = 15 * time.Second // until some agent has answered
)

// any asks one agent after the other until one answers.
func (g *Ground) any(ctx context.Context, ask func(context.Context, *api.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, anyMax)
	defer cancel()
	for {
		faults := []error{errors.New("no agent of Consul answers")}
		for _, n := range g.cluster.All() {
			if !on(n) {
				continue
			}
			one, end := context.WithTimeout(ctx, answerMax)
			err := ask(one, g.edges[n.Name].consul)
			end()
			if err == nil {
				return nil
			}
			faults = append(faults, fmt.Errorf("%s: %w", n.Name, err))
		}
		if fixture.Pause(ctx, 200*time.Millisecond) != nil {
			return errors.Join(faults...)
		}
	}
}

// Get implements recette.Notice.
func (g *Ground) Get(ctx context.Context, key string) (port.Pair, error) {
	found := port.Pair{Key: key}
	err := g.any(ctx, func(ctx context.Context, c *api.Client) error {
		p, _, err := c.KV().Get(key, read(ctx, true))
		if err == nil && p != nil {
			found = pair(p)
		}
		return err
	})
	return found, err
}

func pair(p *api.KVPair) port.Pair {
	return port.Pair{Key: p.Key, Value: p.Value, Create: p.CreateIndex, Modify: p.ModifyIndex}
}

// KV implements recette.View.
func (g *Ground) KV(ctx context.Context) (pairs []port.Pair, err error) {
	err = g.any(ctx, func(ctx context.Context, c *api.Client) error {
		list, _, err := c.KV().List("", read(ctx, true))
		pairs = nil
		for _, p := range list {
			pairs = append(pairs, pair(p))
		}
		return err
	})
	slices.SortFunc(pairs, func(a, b port.Pair) int { return strings.Compare(a.Key, b.Key) })
	if err == nil {
		g.follow(pairs)
	}
	return pairs, err
}

// Quiet implements recette.Flow. While Consul does not answer nobody knows, and
// it is not.
func (g *Ground) Quiet(ctx context.Context) (bool, error) {
	pairs, err := g.KV(ctx)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return err == nil && recette.Quiet(pairs), nil
}

// Sessions implements recette.View.
func (g *Ground) Sessions(ctx context.Context) (names []string, err error) {
	err = g.any(ctx, func(ctx context.Context, c *api.Client) error {
		list, _, err := c.Session().List(read(ctx, true))
		names = nil
		for _, s := range list {
			names = append(names, s.Node)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// follow notes which operations took data away that users had written.
func (g *Ground) follow(pairs []port.Pair) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range pairs {
		var o app.Operation
		name, ours := strings.CutPrefix(p.Key, ledger.Operations)
		if rest, past := strings.CutPrefix(p.Key, ledger.Histories); past {
			name, _, ours = strings.Cut(rest, "/")
		}
		if !ours || json.Unmarshal(p.Value, &o) != nil || o.Lock || o.Kind == app.Deploy && !o.Failover() {
			continue
		}
		committed := o.State == app.Committed || o.Outcome == app.OutcomeCommitted
		if committed && o.Seq > g.history[name].Seq {
			g.history[name] = o
		}
	}
}

// Acked implements recette.View, by the KV as it was read last. What was
// acknowledged before a destroy, a migrate or a failover that was committed
// stays in snapshots.
func (g *Ground) Acked(a app.App) (all []sim.Ack) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := g.history[a.Name()]
	for _, k := range g.acks[a.Name()] {
		if k.seq > last.Seq || k.seq == last.Seq && k.over {
			all = append(all, k.Ack)
		}
	}
	return all
}

// Observe implements recette.View.
func (g *Ground) Observe(ctx context.Context) (map[string]sim.Observation, error) {
	all, err := g.look(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen, g.seenAt = all, time.Now()
	return all, err
}

// lookMax is how long one node may take to be looked at.
const lookMax = 8 * time.Second

// look looks at every node, side by side. What a node does not show is an
// error, and the rest is there.
func (g *Ground) look(ctx context.Context) (map[string]sim.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	return nodes.Observe(g.cluster.All(), func(n *cluster.Node) (sim.Observation, error) { return g.node(ctx, n) })
}

// node looks at one node.
func (g *Ground) node(ctx context.Context, n *cluster.Node) (o sim.Observation, err error) {
	if slices.Contains(n.Broken(), "frozen") {
		return sim.Observation{Node: n.Name, Powered: true, Frozen: true, Handler: true, Guard: true}, nil
	}
	eye := nodes.Eye{
		Name: n.Name, Root: n.Root, Machine: n.Machine(), Docker: n.DockerHost(), Driver: n.DriverSocket(),
		Handler: cluster.Agent, Guard: cluster.Guard, Get: n.Get,
	}
	for range 3 { // what is made or removed meanwhile may be gone while it is looked at
		if o, err = eye.Look(ctx); err == nil || !o.Powered || !on(n) {
			break
		}
	}
	o.Node = n.Name
	if !o.Powered {
		return o, nil
	}
	o.Routes, o.Closed = g.edges[n.Name].routes(ctx)
	for _, c := range o.Containers {
		if c.Running && (c.Health == app.Healthy || c.Health == app.NoHealth) && !slices.Contains(o.Serving, c.Project) {
			o.Serving = append(o.Serving, c.Project)
		}
	}
	return o, err
}

// glimpse is how old what is shown beside every line may be.
const glimpse = time.Second

// Glimpse implements recette.Notice.
func (g *Ground) Glimpse(ctx context.Context, a app.App) (map[string]sim.Observation, app.Placement) {
	g.mu.Lock()
	all, old := g.seen, time.Since(g.seenAt) > glimpse
	g.mu.Unlock()
	if old {
		all, _ = g.Observe(ctx) // what does not show itself is shown as nothing
	}
	for _, n := range g.cluster.All() {
		if e := g.edges[n.Name]; on(n) {
			r := e.known(a.Name())
			if old {
				r = e.route(ctx, a.Name())
			}
			return all, app.Placement{Master: r.master, Slave: r.slave}
		}
	}
	return all, app.Placement{}
}

// known is what the edge saw last.
func (e *edge) known(name string) route {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[name]
}
