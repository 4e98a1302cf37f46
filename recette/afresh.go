package recette

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// doAfresh deploys every application once more, a new good commit of the same
// files: where it is, or anywhere when it is nowhere. Whatever went wrong
// before, that must be committed. Where the master is one of the nodes that are
// gone it is a failover to the complete replica. Excused is only an app whose
// data nobody has that is there: its whole replica is on no such node, or its
// node has purged it after a clock had jumped.
func (s *Scene) doAfresh(ctx context.Context, args []string) error {
	off, err := s.off(args)
	if err != nil {
		return err
	}
	there := s.without(off)
	if len(there) == 0 {
		return usage("no node is left")
	}
	for _, c := range slices.Clone(s.apps) {
		r, why, err := s.again(ctx, c, there)
		if err != nil {
			return err
		}
		if why != "" {
			s.say(ctx, "%s is not deployed afresh: %s", c.short, why)
			continue
		}
		if err := s.renewed(ctx, c, r, there[0]); err != nil {
			return fmt.Errorf("a fresh deploy of %s to %s: %w", c.short, r.New, err)
		}
	}
	return nil
}

// again is the request that deploys c once more on nodes that are there, or why
// there can be none.
func (s *Scene) again(ctx context.Context, c *cast, there []string) (r app.Request, why string, err error) {
	o, err := s.operation(ctx, c.Name())
	if err != nil {
		return r, "", err
	}
	rec, err := s.record(ctx, c.Name())
	if err != nil {
		return r, "", err
	}
	r = app.Request{Kind: app.Deploy, New: o.Runs()}
	is := func(node string) bool { return slices.Contains(there, node) }
	switch {
	case r.New.IsZero():
		r.New.Master = there[0]
	case !is(r.New.Master):
		r.Flags.Failover = true
		r.New.Master = there[0]
		if len(rec.Volumes) == 0 {
			break
		}
		pairs, err := s.KV(ctx)
		if err != nil {
			return r, "", err
		}
		var rep app.Replica
		value(pairs, ledger.ReplicaKey(c.Name()), &rep)
		if !is(rep.Node) {
			return r, fmt.Sprintf("its master %s is gone, and the complete replica is on %q", o.Runs().Master, rep.Node), nil
		}
		if s.unordered {
			if why, err := s.purged(ctx, rep); why != "" || err != nil {
				return r, why, err
			}
		}
		r.New.Master = rep.Node
	}
	if r.New.Slave != "" && !is(r.New.Slave) || r.New.Slave == r.New.Master {
		r.New.Slave = ""
	}
	return r, "", nil
}

// purged says which copy of the replica is not on its node any more: where a
// clock jumps over hours, a purge is due before its slave has seen what it could
// take.
func (s *Scene) purged(ctx context.Context, rep app.Replica) (why string, err error) {
	seen, err := s.Observe(ctx)
	for _, c := range rep.Copies {
		if !slices.ContainsFunc(seen[rep.Node].Snapshots, func(x sim.SnapshotState) bool { return x.Name == c.Snapshot }) {
			return fmt.Sprintf("%s has purged %s of the complete replica", rep.Node, c.Snapshot), err
		}
	}
	return "", err
}

// renewed asks for r and waits until it is committed.
func (s *Scene) renewed(ctx context.Context, c *cast, r app.Request, at string) error {
	if _, err := s.push(ctx, c, c.files, sim.Behaviour{}); err != nil {
		return err
	}
	if err := s.ask(ctx, c, r, at); err != nil {
		return err
	}
	if err := s.idle(ctx); err != nil {
		return err
	}
	got, err := s.ended(ctx, c)
	if err == nil && got.Outcome != app.OutcomeCommitted {
		err = fmt.Errorf("it ended %s: %s", got.Outcome, s.short(got.Reason))
	}
	return err
}
