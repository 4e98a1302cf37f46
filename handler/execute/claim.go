package execute

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// others reads the records of all other apps and the keys below swarm/: what
// this one's names are compared with.
func (r *run) others(ctx context.Context) (recs []app.Record, swarm map[string][]byte, err error) {
	all, names, err := r.Ledger.Records(ctx)
	if all == nil { // what is not ours is reported elsewhere
		return nil, nil, err
	}
	for _, name := range names {
		if name != r.name || all[name].Branch != r.op.App.Branch {
			recs = append(recs, all[name])
		}
	}
	swarm, err = r.Ledger.Swarm(ctx)
	return recs, swarm, err
}

// unrivalled looks once more whose the names of rec are, and returns the index that
// a commit must find unchanged: of two operations that take one name only the
// first commits. nil: rec takes the names that the app has, and nobody else can.
func (r *run) unrivalled(ctx context.Context, rec app.Record) (index *uint64, err error) {
	if inspect.SameClaims(r.record, rec) {
		return nil, nil
	}
	why := ""
	err = r.Until(ctx, "names of other applications", func() error {
		now, err := r.Ledger.ClaimsIndex(ctx) // before the records: what is written after them is seen by it
		if err != nil {
			return err
		}
		recs, swarm, err := r.others(ctx)
		if err != nil {
			return err
		}
		index, why = &now, inspect.Rival(rec, recs, swarm)
		return nil
	})
	if err == nil && why != "" {
		err = fmt.Errorf("taken while this operation ran: %s", why)
	}
	return index, err
}

// enact commits, with the record and the catalogue's entry of a deploy, unless
// somebody else has one of the record's names.
func (r *run) enact(ctx context.Context, rec *app.Record, rep *app.Replica) error {
	for seen := map[uint64]bool{}; ; {
		var claims *uint64
		var err error
		if rec != nil {
			if claims, err = r.unrivalled(ctx, *rec); err != nil {
				return err
			}
		}
		err = r.arrow(ctx, func(o ledger.Ours) port.Txn {
			txn := ledger.Commit(o, rec, rep)
			if claims == nil {
				return txn
			}
			return ledger.Claiming(txn, o, *claims)
		})
		if !errors.Is(err, port.ErrRefused) {
			return err
		}
		if claims == nil || seen[*claims] {
			return fmt.Errorf("the record was changed by somebody during the operation; their change stays, ask again: %w", err)
		}
		seen[*claims] = true // somebody was faster: look again
	}
}
