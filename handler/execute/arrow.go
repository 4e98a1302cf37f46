package execute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// arrow applies one of the operation's own transactions. A refused one was not
// applied: it is built again from what is read. An unanswered one is read
// again until it is known. errMoved: the operation left its state, by this
// transaction or another's.
func (r *run) arrow(ctx context.Context, build func(ledger.Ours) port.Txn) error {
	from, id := r.op.State, r.op.ID
	for try := 1; ; try++ {
		_, err := r.KV.Apply(ctx, build(r.op))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		refused := errors.Is(err, port.ErrRefused)
		if !refused {
			if err := r.Clock.Sleep(ctx, r.Times.Beat/3); err != nil {
				return err
			}
		}
		before := r.op.Index
		if err := r.read(ctx); err != nil {
			return err
		}
		if r.op.State != from || r.op.ID != id {
			return errMoved
		}
		if refused && r.op.Index == before && try >= 3 {
			return err
		}
	}
}

// switchOver moves the operation to switching: from here on the app is down.
func (r *run) switchOver(ctx context.Context) error {
	if last := time.Duration(r.ack.Seconds) * time.Second; 3*last > r.Times.DeltaMax {
		return fmt.Errorf("the last pre-copy took %v: the final delta could pass its maximum of %v", last, r.Times.DeltaMax)
	}
	err := r.arrow(ctx, ledger.Switch)
	if errors.Is(err, port.ErrRefused) && r.op.Failover() {
		return fmt.Errorf("%s is present: a failover is for a master that is off", r.op.Old.Master)
	}
	return err
}

// commit is the one outcome: record, state and routes at once.
func (r *run) commit(ctx context.Context) error {
	var rec *app.Record
	var rep *app.Replica
	if r.op.Kind == app.Deploy {
		if err := r.know(ctx); err != nil {
			return err
		}
		ip, err := r.address(ctx, r.Config.Node)
		if err != nil {
			return err
		}
		if rep, err = r.catalogue(ctx); err != nil {
			return err
		}
		target := r.target(ip)
		rec = &target
	}
	return r.enact(ctx, rec, rep)
}

// catalogue is the replica entry that a commit writes: what the old master
// transferred is, on its own disk, the newest complete replica.
func (r *run) catalogue(ctx context.Context) (*app.Replica, error) {
	old := r.op.Old.Master
	if old == "" || old == r.op.New.Master || r.op.Failover() {
		return nil, nil
	}
	if _, err := r.copies(ctx, plan.Common); err != nil {
		return nil, err
	}
	return &app.Replica{Seq: r.op.Seq, Node: old, Copies: r.transferred, Date: r.Clock.Now().UTC().Format(time.RFC3339)}, nil
}

// giveUp aborts the operation because of cause. The lead insists; another node
// only if the lead has not moved meanwhile.
func (r *run) giveUp(ctx context.Context, cause error) {
	reason := fmt.Sprintf("%s: %v", r.Config.Node, cause)
	r.Log.Warn("abort", "node", r.Config.Node, "app", r.name, "seq", r.op.Seq, "reason", reason)
	if err := r.say(ctx, func(a *app.Ack) { a.Failed = cause.Error() }); err != nil {
		return
	}
	var started *app.Ack
	if !r.lead() {
		acks, _, err := r.look(ctx)
		if err != nil {
			return
		}
		if lead := acks[r.op.Lead]; lead.Started && !lead.Cleared {
			if !r.silent(acks, r.op.Lead) {
				_ = r.Clock.Sleep(ctx, r.Times.Beat/3) // it may still commit: look again
				return
			}
			started = &lead
		}
	}
	if err := r.arrow(ctx, func(o ledger.Ours) port.Txn { return ledger.Abort(o, reason, started) }); err != nil && !errors.Is(err, errMoved) {
		r.Log.Warn("abort refused", "node", r.Config.Node, "app", r.name, "err", err)
	}
}

// close waits for the others' part, then ends the operation.
func (r *run) close(ctx context.Context) error {
	others := slices.DeleteFunc(plan.Finishes(r.op.Operation), func(n string) bool { return n == r.Config.Node })
	var acks map[string]app.Ack
	end := r.Clock.Boot() + r.patience()
	err := r.watch(ctx, func(now map[string]app.Ack) (bool, error) {
		acks = now
		open := slices.DeleteFunc(slices.Clone(others), func(n string) bool {
			a := now[n]
			return a.Finished || a.Failed != "" && a.State == r.op.State || r.silent(now, n)
		})
		return len(open) == 0 || r.Clock.Boot() >= end, nil
	})
	if err != nil {
		return err
	}
	pending := slices.DeleteFunc(others, func(n string) bool { return acks[n].Finished })
	if r.op.Failover() {
		pending = append(pending, r.op.Old.Master) // it finishes when it comes back
	}
	if len(r.undone) > 0 {
		pending = append(pending, r.Config.Node)
	}
	acks[r.Config.Node] = r.draft()
	txn, err := r.Closing(ctx, r.op, pending, acks)
	if err != nil {
		return err
	}
	if err := r.arrow(ctx, txn); err != nil {
		return err
	}
	r.mu.Lock()
	r.op.State = app.Done
	r.mu.Unlock()
	return nil
}

// patience is how long a closer waits for nodes that live but do not end their
// part: after an abort users still see maintenance, after a commit nobody does.
func (r *run) patience() time.Duration {
	if r.op.State == app.Aborted {
		return r.Times.Silence
	}
	return r.Times.Silence + r.Times.Restore
}

// Closing builds the transaction that ends o, with what its participants said
// for the history.
func (n *Node) Closing(ctx context.Context, o ledger.Ours, pending []string, acks map[string]app.Ack) (func(ledger.Ours) port.Txn, error) {
	p, err := n.KV.Get(ctx, ledger.RequestKey(o.ID))
	if err != nil {
		return nil, fmt.Errorf("read request %s: %w", o.ID, err)
	}
	req, err := request.Parse(o.ID, p.Value)
	if err != nil {
		req = app.Request{ID: o.ID, Kind: o.Kind, App: o.App, New: o.New, Flags: o.Flags}
		if o.Peer != nil {
			req.Source, req.New = o.Peer, app.Placement{}
		}
	}
	h := app.History{Took: map[string]map[string]int{}, Date: n.Clock.Now().UTC().Format(time.RFC3339)}
	for _, node := range o.Nodes() {
		if a, ok := acks[node]; ok {
			h.Took[node] = a.Took
			h.Warnings = append(h.Warnings, a.Warnings...)
		}
	}
	return func(o ledger.Ours) port.Txn { return n.Ledger.Close(o, req, pending, h) }, nil
}
