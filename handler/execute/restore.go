package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
)

// restore makes the set's live volumes exactly the named snapshots. In aborted
// it is the rollback: only if something of the operation may have changed the
// data, and never again once the old release may have run on it.
func (r *run) restore(ctx context.Context, s plan.Step) error {
	if s.In == app.Aborted {
		return r.Rollback(ctx, r.name, r.op.Operation)
	}
	copies, err := r.copies(ctx, s.Set)
	if err != nil {
		return err
	}
	if err := r.note(ctx, func(j *app.Journal) {
		if s.Set == plan.Peer {
			j.Ran = true // the data is about to change; a rollback is due from here on
			return
		}
		for _, c := range copies {
			j.Made = append(j.Made, c.Volume)
		}
	}); err != nil {
		return err
	}
	return r.restoreAll(ctx, copies)
}

func (n *Node) restoreAll(ctx context.Context, copies []app.Copy) error {
	for _, c := range copies {
		if err := n.Complete(ctx, c); err != nil {
			return err
		}
		if err := n.Volumes.Restore(ctx, c.Snapshot, c.Volume); err != nil {
			return fmt.Errorf("restore %s into %s: %w", c.Snapshot, c.Volume, err)
		}
	}
	return nil
}

// Rollback restores what operation o may have changed on this node, once.
func (n *Node) Rollback(ctx context.Context, name string, o app.Operation) error {
	j, err := n.Journal.Read(ctx, name)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if !j.Of(o) || !j.Ran {
		return nil
	}
	if err := n.restoreAll(ctx, j.Rollback); err != nil {
		return err
	}
	j.Ran = false
	if err := n.Journal.Write(ctx, name, j); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// Replicate makes the first replica of name on node and lists it in the
// catalogue.
func (n *Node) Replicate(ctx context.Context, name, node string) error {
	op, err := n.Ledger.Operation(ctx, name)
	if err != nil {
		return err
	}
	rec, _, err := n.Ledger.Record(ctx, name)
	if err != nil {
		return err
	}
	copies, err := n.take(ctx, rec.Volumes)
	if err != nil {
		return err
	}
	if err := n.ship(ctx, copies, node); err != nil {
		for _, c := range copies { // without this a dead slave fills the disk
			err = errors.Join(err, n.unsent(ctx, c))
		}
		return err
	}
	rep := app.Replica{Seq: op.Seq, Node: node, Copies: copies, Date: n.Clock.Now().UTC().Format(time.RFC3339)}
	_, err = n.KV.Apply(ctx, ledger.Catalogue(op, rep))
	return err
}
