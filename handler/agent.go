package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// Agent is one incarnation of the handler on one node.
type Agent struct {
	*execute.Node

	mu        sync.Mutex
	busy      map[string]bool          // apps with a task
	again     map[string]bool          // apps to look at once more
	patrols   map[string]bool          // apps that the pass has come to
	published app.Published            // how far the edge is
	away      map[string]time.Duration // absent nodes, since when by this node's clock
	members   map[string]bool          // nodes of the cluster, as last seen
	sparedAt  time.Duration            // when this node last looked at its purges without Consul, by its boot clock; 0: never
	stalled   map[string]stall         // operations of others, when they last moved
	edits     map[string]edit          // records that say something else than the operation
}

// New is a handler at the start of an incarnation. memo may be shared; the
// incarnation must differ from every earlier one of this node.
func New(c execute.Config, w port.World, incarnation string, memo *inspect.Memo) *Agent {
	return &Agent{
		Node: execute.New(c, w, incarnation, memo),
		busy: map[string]bool{}, again: map[string]bool{}, patrols: map[string]bool{},
		away: map[string]time.Duration{}, stalled: map[string]stall{}, members: map[string]bool{}, edits: map[string]edit{},
	}
}

// Run works until ctx ends: it joins the cluster, brings every app it finds to
// what the KV says, and then follows requests, operations and events.
func (a *Agent) Run(ctx context.Context) error {
	err := a.Until(ctx, "join the cluster", func() error {
		err := a.join(ctx)
		if err != nil {
			a.unheard(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.Tasks.Go(ctx, "presence", a.presence)
	for _, prefix := range []string{ledger.Records, ledger.Maintenance, "swarm/"} {
		a.Tasks.Go(ctx, "edge "+prefix, func(ctx context.Context) { a.follow(ctx, prefix, a.Times.Poll, a.publish) })
	}
	a.Tasks.Go(ctx, "requests", func(ctx context.Context) { a.follow(ctx, ledger.Requests, a.Times.Poll, a.take) })
	a.Tasks.Go(ctx, "operations", a.operations)
	a.Tasks.Go(ctx, "events", a.events)
	a.Tasks.Go(ctx, "poll", a.poll)
	for ctx.Err() == nil {
		_ = a.Clock.Sleep(ctx, time.Hour)
	}
	return context.Cause(ctx)
}

// join shows this node's presence and what its edge has published.
func (a *Agent) join(ctx context.Context) error {
	a.mu.Lock()
	m := app.Member{Name: a.Config.Node, Version: a.Version, Published: a.published.Index, Edge: a.published.Shown()}
	a.mu.Unlock()
	return a.Presence.Join(ctx, m)
}

// presence renews the session. Without Consul it says so and tries again.
func (a *Agent) presence(ctx context.Context) {
	for a.Clock.Sleep(ctx, a.Times.Beat) == nil {
		if err := a.join(ctx); err != nil && ctx.Err() == nil {
			a.Log.Warn("no presence", "node", a.Config.Node, "err", err)
		}
	}
}

// follow calls f at once, at each change below prefix and at least every max.
func (a *Agent) follow(ctx context.Context, prefix string, max time.Duration, f func(context.Context) error) {
	var index uint64
	for ctx.Err() == nil {
		next, err := a.KV.Wait(ctx, prefix, index, max)
		if err == nil {
			err = f(ctx)
		}
		if err != nil {
			if ctx.Err() == nil {
				a.Log.Warn("cannot follow", "node", a.Config.Node, "prefix", prefix, "err", err)
			}
			_ = a.Clock.Sleep(ctx, a.Times.Beat)
			continue
		}
		index = next
	}
}

// publish makes the edge follow the KV and shows how far it is, and what it
// leaves out. An edge that is held up itself is tried again.
func (a *Agent) publish(ctx context.Context) error {
	var now app.Published
	err := a.Within(ctx, a.Times.Poll, func(ctx context.Context) (err error) {
		now, err = a.Edge.Publish(ctx)
		return err
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	last := a.published
	known := now.Index < last.Index || now.Same(last)
	if !known {
		a.published = now
	}
	a.mu.Unlock()
	if !known {
		a.leftOut(last.Left, now.Left)
		err = a.join(ctx)
	}
	if why := now.Left[app.WholeEdge]; why != "" && err == nil {
		err = fmt.Errorf("publish: %s", why)
	}
	return err
}

// leftOut logs what the edge leaves out since now, and what it shows again.
func (a *Agent) leftOut(was, is map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if name != app.WholeEdge && was[name] != is[name] {
			a.Log.Warn("the edge leaves it out, or shows it as before", "node", a.Config.Node, "app", name, "why", is[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if is[name] == "" {
			a.Log.Info("the edge shows it again", "node", a.Config.Node, "app", name)
		}
	}
}

// operations wakes the app of every operation that moved and concerns this
// node.
func (a *Agent) operations(ctx context.Context) {
	seen := map[string]uint64{}
	a.follow(ctx, ledger.Operations, a.Times.Poll, func(ctx context.Context) error {
		ops, names, _, err := a.Ledger.Operations(ctx)
		if ops == nil {
			return err
		}
		a.report(err)
		for _, name := range names {
			o := ops[name]
			if seen[name] == o.Index {
				continue
			}
			seen[name] = o.Index
			if o.Lock {
				name = o.Peer.Name()
			}
			if o.Involves(a.Config.Node) {
				a.Kick(ctx, name)
			}
		}
		return nil
	})
}

// report logs values of the KV that are not ours; they stop nothing.
func (a *Agent) report(err error) {
	if err != nil {
		a.Log.Error("the KV holds what the handler did not write", "node", a.Config.Node, "err", err)
	}
}

// Kick makes sure that a task looks at the app called name. One task at a time
// works for an app, apps go side by side.
func (a *Agent) Kick(ctx context.Context, name string) {
	a.mu.Lock()
	a.again[name] = true
	start := !a.busy[name]
	a.busy[name] = true
	a.mu.Unlock()
	if start {
		a.Tasks.Go(ctx, "app "+name, func(ctx context.Context) { a.work(ctx, name) })
	}
}

// patrol is Kick by the level-triggered pass: where an effect may still come
// late, it looks at everything again.
func (a *Agent) patrol(ctx context.Context, name string) {
	a.mu.Lock()
	a.patrols[name] = true
	a.mu.Unlock()
	a.Kick(ctx, name)
}

func (a *Agent) patrolled(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.patrols[name]
	delete(a.patrols, name)
	return was
}

// work looks at an app until nobody has asked for it again.
func (a *Agent) work(ctx context.Context, name string) {
	for a.asked(name, ctx.Err() != nil) {
		err := a.Work(ctx, name)
		if err == nil || ctx.Err() != nil {
			continue
		}
		a.Log.Error("app needs attention", "node", a.Config.Node, "app", name, "err", err)
		a.Doubt(name)
		var foreign *ledger.Foreign
		if !errors.As(err, &foreign) {
			_ = a.Clock.Sleep(ctx, a.Times.Beat)
		}
	}
}

// asked reports that somebody wants the app looked at; otherwise, or at the
// end, its task is over.
func (a *Agent) asked(name string, end bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if end || !a.again[name] {
		delete(a.busy, name)
		delete(a.again, name)
		return false
	}
	a.again[name] = false
	return true
}

// Work brings the app called name as far as it goes now: the operation under
// way, else what the last one says.
func (a *Agent) Work(ctx context.Context, name string) error {
	o, err := a.Ledger.Operation(ctx, name)
	if err != nil {
		return err
	}
	if o.Lock && o.State != app.Done {
		return a.source(ctx, o)
	}
	if o.Seq != 0 && o.State != app.Done {
		j, err := a.Journal.Read(ctx, name)
		if err != nil {
			return err
		}
		if err := a.overdue(ctx, name, o, j); err != nil {
			return err
		}
		if err := a.behind(ctx, name, o, j); err != nil {
			return err
		}
		if err := a.Operate(ctx, name); err != nil {
			return err
		}
		if o.Peer != nil {
			a.Doubt(o.Peer.Name()) // its schedules were in this operation's hands
		}
		if o, err = a.Ledger.Operation(ctx, name); err != nil {
			return err
		}
	}
	if o.State != app.Done && o.Index != 0 {
		return nil
	}
	doubt := a.patrolled(name) && a.Doubtful(name)
	return a.Within(ctx, a.Times.Orphan, func(ctx context.Context) error { return a.settle(ctx, name, o, doubt) })
}
