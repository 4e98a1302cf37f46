package handler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// stall is when an operation or its acks last changed, as this node saw it.
type stall struct {
	index uint64
	since time.Duration
}

// poll is the level-triggered pass: every app that the KV or this node knows
// is looked at, watch or not, and operations that nobody carries on are ended.
func (a *Agent) poll(ctx context.Context) {
	for {
		var names []string
		err := a.Within(ctx, 4*a.Times.Poll, func(ctx context.Context) (err error) {
			names, err = a.pass(ctx)
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("pass ended early", "node", a.Config.Node, "err", err)
			a.unheard(ctx)
		}
		for _, name := range names {
			a.patrol(ctx, name)
		}
		if a.Clock.Sleep(ctx, a.Times.Poll) != nil {
			return
		}
	}
}

// pass returns the apps to look at, those found before an error included.
func (a *Agent) pass(ctx context.Context) (names []string, err error) {
	members, err := a.Members.Members(ctx)
	if err != nil {
		return nil, err
	}
	a.absent(members)
	ops, known, _, err := a.Ledger.Operations(ctx)
	if ops == nil {
		return nil, err
	}
	a.report(err)
	recs, recorded, err := a.Ledger.Records(ctx)
	if recs == nil {
		return nil, err
	}
	a.report(err)
	a.edited(ops, recs, recorded)
	here, err := a.Journal.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range known {
		o := ops[name]
		if o.Involves(a.Config.Node) || slices.Contains(here, name) {
			names = append(names, name)
		}
		if o.State == app.Done || o.Lock {
			continue
		}
		if err := a.rescue(ctx, o, members); err != nil {
			return names, err
		}
	}
	for _, name := range recorded {
		if _, ok := ops[name]; !ok && recs[name].Master == a.Config.Node {
			names = append(names, name)
		}
	}
	if err := a.sweep(ctx, ops); err != nil {
		return names, err
	}
	found, err := a.strangers(ctx, known, recorded)
	return append(names, found...), err
}

// sweep removes half-received snapshots that a later whole one has made
// useless. The last one of a volume may be on its way and stays, but where its
// app runs: nobody sends to a master at rest.
func (a *Agent) sweep(ctx context.Context, ops map[string]app.Operation) error {
	here := map[string]bool{}
	for name, o := range ops {
		if o.State == app.Done && o.Runs().Master == a.Config.Node {
			here[app.Project(name)] = true
		}
	}
	all, err := a.Snapshots.List(ctx, "")
	if err != nil {
		return err
	}
	last := map[string]string{}
	for _, s := range all {
		if s.ReadOnly && s.Host == "" && s.Received != "" {
			last[s.Volume] = max(last[s.Volume], s.Name)
		}
	}
	for _, s := range all {
		project, _, _ := strings.Cut(s.Volume, "_")
		if !s.ReadOnly && (here[project] || s.Name < last[s.Volume]) {
			if err := a.Snapshots.Remove(ctx, s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// strangers returns the known apps of which this node has containers, whoever
// made them. Projects with our label that neither an operation nor a record
// knows are reported; nothing of them is started or removed.
func (a *Agent) strangers(ctx context.Context, known, recorded []string) ([]string, error) {
	names := map[string]string{}
	for _, name := range slices.Concat(recorded, known) {
		names[app.Project(name)] = name
	}
	all, err := a.Containers.List(ctx, "")
	if err != nil {
		return nil, err
	}
	found, err := a.leftover(ctx, slices.Concat(recorded, known))
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		name, ok := names[c.Project]
		if !ok {
			a.Log.Error("nothing in the KV knows this container; it is left alone", "node", a.Config.Node, "container", c.Name, "project", c.Project)
		} else if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// leftover lists the known apps of which this node has a checkout, or lines in
// its schedule: a slave that lost power before its journal said that it is one
// has nothing else of them.
func (a *Agent) leftover(ctx context.Context, known []string) (found []string, err error) {
	dirs, err := a.Checkouts.List(ctx)
	if err != nil {
		return nil, err
	}
	lines, err := a.Schedules.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range known {
		has := slices.ContainsFunc(dirs, func(dir string) bool {
			id, ok := strings.CutPrefix(dir, name+"-")
			return ok && app.CheckID("id", id) == nil
		})
		has = has || slices.ContainsFunc(lines, func(s app.Schedule) bool { return strings.HasPrefix(s.Volume, app.Project(name)+"_") })
		if has && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// absent notes since when nodes have been away, by this node's own clock.
func (a *Agent) absent(members []app.Member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Clock.Boot()
	clear(a.members)
	for _, m := range members {
		a.members[m.Name] = true
		if m.Present {
			delete(a.away, m.Name)
		} else if _, ok := a.away[m.Name]; !ok {
			a.away[m.Name] = now
		}
	}
}

// missing reports that node was away when the members were last looked at, or
// that they have not been yet.
func (a *Agent) missing(node string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, away := a.away[node]
	return away || !a.members[node]
}

// gone reports that node has been away for the protocol's time. A node that is
// no member at all is gone.
func (a *Agent) gone(node string, members []app.Member) bool {
	a.absent(members)
	known, present := find(members, node)
	a.mu.Lock()
	defer a.mu.Unlock()
	since, noted := a.away[node]
	return !present && (!known || noted && a.Clock.Boot()-since >= a.Times.Gone)
}

// rescue ends an operation that those who should cannot: it is closed when the
// closer is gone, and aborted when neither master has moved for long.
func (a *Agent) rescue(ctx context.Context, o app.Operation, members []app.Member) error {
	acks, _, err := a.Ledger.Acks(ctx, o.App.Name(), o.ID)
	if err != nil {
		return err
	}
	still := a.still(o, acks)
	switch o.State {
	case app.Preparing, app.Switching:
		if still < a.Times.Orphan {
			return nil
		}
		return a.end(ctx, o, func(now ledger.Ours) (port.Txn, error) {
			return ledger.Abort(now, a.Config.Node+": neither master has been heard of for "+a.Times.Orphan.String(), nil), nil
		})
	}
	closer := plan.Closer(o)
	if closer == a.Config.Node || !a.gone(closer, members) {
		return nil
	}
	if n := acks[o.Lead]; o.State == app.Aborted && n.Started && !n.Cleared && still < a.Times.Silence {
		return nil
	}
	// A release without an end of its lease runs on where nobody can read the
	// outcome: no user may write to what its master will roll back.
	n := acks[o.Lead]
	hold := o.State == app.Aborted && o.Old.Master == o.Lead && n.Started && !n.Cleared && n.Lease == 0
	pending := []string{closer}
	for _, n := range plan.Finishes(o) {
		if n != closer && !acks[n].Finished {
			pending = append(pending, n)
		}
	}
	return a.end(ctx, o, func(now ledger.Ours) (port.Txn, error) {
		if hold {
			now.Hold = now.ID
		}
		build, err := a.Closing(ctx, now, pending, acks)
		if err != nil {
			return port.Txn{}, err
		}
		return build(now), nil
	})
}

// end applies a transaction on o if it still is as it was seen.
func (a *Agent) end(ctx context.Context, o app.Operation, build func(ledger.Ours) (port.Txn, error)) error {
	now, err := a.Ledger.Read(ctx, o.App.Name())
	if err != nil || now.Index != o.Index {
		return err
	}
	txn, err := build(now)
	if err != nil {
		return err
	}
	if _, err := a.KV.Apply(ctx, txn); err != nil && !errors.Is(err, port.ErrRefused) {
		return err
	}
	return nil
}

// still is for how long neither the operation nor an ack of its masters has
// changed, as this node has seen.
func (a *Agent) still(o app.Operation, acks map[string]app.Ack) time.Duration {
	index := o.Index
	for _, n := range []string{o.Lead, o.Old.Master, o.PeerAt.Master} {
		index = max(index, acks[n].Index)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name, now := o.App.Name(), a.Clock.Boot()
	if s, ok := a.stalled[name]; !ok || s.index != index {
		a.stalled[name] = stall{index: index, since: now}
	}
	return now - a.stalled[name].since
}
