package handler

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// pending reads the requests that wait, in the order of the KV, and how many
// tombstones there are. Values that are not ours are joined into the error.
func (a *Agent) pending(pairs []port.Pair) (waiting []app.Request, tombstones []port.Pair, foreign error) {
	for _, p := range pairs {
		r, err := a.Ledger.Request(p)
		if err != nil {
			foreign = errors.Join(foreign, err)
			continue
		}
		if r.Done {
			tombstones = append(tombstones, p)
			continue
		}
		r.Created, r.Index = p.Create, p.Modify
		waiting = append(waiting, r)
	}
	slices.SortFunc(waiting, func(a, b app.Request) int { return cmp.Compare(a.Created, b.Created) })
	return waiting, tombstones, foreign
}

// take looks at the requests and begins those that are first of their apps and
// for this node to begin.
func (a *Agent) take(ctx context.Context) error {
	pairs, _, err := a.KV.List(ctx, ledger.Requests)
	if err != nil {
		return err
	}
	waiting, tombstones, foreign := a.pending(pairs)
	a.report(foreign)
	locked := map[string]bool{}
	for _, r := range waiting {
		first := true
		for _, name := range r.Names() {
			first = first && !locked[name]
			locked[name] = true
		}
		if !first {
			continue
		}
		if err := a.begin(ctx, r); err != nil {
			return err
		}
	}
	return a.bury(ctx, tombstones)
}

// bury removes tombstones older than the protocol's 30 days, beyond the newest
// 1,024. Wall clocks decide, an hour of skew does not matter here.
func (a *Agent) bury(ctx context.Context, tombstones []port.Pair) error {
	spare := len(tombstones) - a.Times.TombstonesKept
	if spare <= 0 {
		return nil
	}
	slices.SortFunc(tombstones, func(x, y port.Pair) int { return cmp.Compare(x.Modify, y.Modify) })
	oldest := a.Clock.Now().Add(-a.Times.Tombstones)
	for _, p := range tombstones[:spare] {
		r, err := a.Ledger.Request(p)
		if err != nil {
			continue
		}
		if done, err := time.Parse(time.RFC3339, r.Finished); err != nil || done.After(oldest) {
			continue
		}
		_, err = a.KV.Apply(ctx, port.Txn{Name: "bury", Ops: []port.Op{{Verb: port.DeleteCAS, Key: p.Key, Index: p.Modify}}})
		if err != nil && !errors.Is(err, port.ErrRefused) {
			return err
		}
	}
	return nil
}

// events turns documented events, whose payload is the whole request, into
// requests. An event that names a request needs nothing: the KV is watched.
func (a *Agent) events(ctx context.Context) {
	var index uint64
	seen := map[string]bool{}
	for ctx.Err() == nil {
		events, next, err := a.Events.Recent(ctx, index, a.Times.Poll)
		if err != nil {
			_ = a.Clock.Sleep(ctx, a.Times.Beat)
			continue
		}
		index = next
		before := seen
		seen = make(map[string]bool, len(events))
		for _, e := range events {
			if seen[e.ID] = true; before[e.ID] {
				continue
			}
			if err := a.Accept(ctx, e); err != nil && ctx.Err() == nil {
				a.Log.Warn("event refused", "node", a.Config.Node, "event", e.ID, "name", e.Name, "err", err)
			}
		}
	}
}

// Accept turns one event into a request in the KV, once: a request that is
// there, waiting or finished, is left alone. Unknown event names are others'
// business.
func (a *Agent) Accept(ctx context.Context, e port.Event) error {
	switch app.Kind(e.Name) {
	case app.Deploy, app.Destroy, app.Migrate:
	default:
		return nil
	}
	if _, ok := request.Ref(e.Payload); ok {
		return nil
	}
	if a.NoEvents {
		return errors.New("this cluster takes no requests from events; use the command: handler " + e.Name)
	}
	r, err := request.Decode(e.Name, e.ID, e.Payload, request.Options{AllowHTTP: a.HTTP})
	if err != nil {
		return err
	}
	return Submit(ctx, a.KV, r)
}

// Submit writes request/<id> unless it is there: waiting, or finished and a
// tombstone.
func Submit(ctx context.Context, kv port.KV, r app.Request) error {
	_, err := kv.Apply(ctx, port.Txn{Name: "request", Ops: []port.Op{
		{Verb: port.CAS, Key: ledger.RequestKey(r.ID), Value: request.Encode(r)}}})
	if errors.Is(err, port.ErrRefused) {
		return nil
	}
	return err
}
