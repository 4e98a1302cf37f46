package execute

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// do is the one switch from verb to effect.
func (r *run) do(ctx context.Context, s plan.Step) error {
	switch s.Verb {
	case plan.Tidy:
		return r.tidy(ctx)
	case plan.Claim:
		return r.claim(ctx)
	case plan.SetAside, plan.Retire:
		return r.retire(ctx, s.Set)
	case plan.Checkout:
		return r.checkout(ctx)
	case plan.Inspect:
		return r.inspect(ctx)
	case plan.Pull:
		return r.pull(ctx)
	case plan.Build:
		return r.buildImages(ctx)
	case plan.Precopy:
		return r.precopy(ctx, s)
	case plan.Lend:
		return r.lend(ctx, s)
	case plan.Snapshot:
		return r.snapshot(ctx)
	case plan.Send:
		return r.send(ctx, s)
	case plan.Verify:
		return r.verify(ctx, s.Set)
	case plan.Restore:
		return r.restore(ctx, s)
	case plan.Replicate:
		return r.Replicate(ctx, r.name, s.Node)
	}
	return r.act(ctx, s)
}

// act is do's second half: what is not code or data.
func (r *run) act(ctx context.Context, s plan.Step) error {
	switch s.Verb {
	case plan.Revoke, plan.Kill, plan.Stop:
		return r.end(ctx, s)
	case plan.Grant:
		return r.grant(ctx, r.seq(s))
	case plan.Script:
		return r.script(ctx, s.Flag)
	case plan.Start:
		return r.start(ctx, s.Flag)
	case plan.Healthy:
		return r.healthy(ctx, s.Flag)
	case plan.Schedule:
		return r.schedule(ctx, s)
	case plan.Register:
		return r.register(ctx)
	case plan.Deregister:
		return r.deregister(ctx)
	case plan.Remove:
		return r.Containers.Remove(ctx, r.op.App.Project(), true)
	case plan.Discard:
		return r.discard(ctx, s.Flag)
	case plan.Announce:
		return r.announce(ctx, s.Flag)
	case plan.Await:
		return r.await(ctx, s)
	case plan.Switch, plan.Commit, plan.Abort, plan.Close:
		return r.transact(ctx, s)
	}
	return fmt.Errorf("no such step: %s", s)
}

// seq is whose lease and containers a step is about.
func (r *run) seq(s plan.Step) uint64 {
	if s.Flag == plan.OldRelease {
		return r.op.Generation
	}
	return r.op.Seq
}

// announce says flag in this node's ack.
func (r *run) announce(ctx context.Context, flag string) error {
	switch flag {
	case plan.Started:
		return r.starting(ctx)
	case plan.Finished:
		if len(r.undone) > 0 {
			return r.say(ctx, func(a *app.Ack) { a.Failed = r.undone[0] })
		}
	}
	return r.say(ctx, func(a *app.Ack) {
		switch flag {
		case plan.Prepared:
			a.Prepared = true
		case plan.Precopied:
			a.Precopied = true
		case plan.Transferred:
			a.Transferred = true
		case plan.Sourced:
			a.Sourced = true
		case plan.Cleared:
			a.Cleared = true
		case plan.Finished:
			a.Finished = true
		}
	})
}

// transact makes one of the operation's own transactions.
func (r *run) transact(ctx context.Context, s plan.Step) error {
	switch s.Verb {
	case plan.Switch:
		return r.switchOver(ctx)
	case plan.Commit:
		return r.commit(ctx)
	case plan.Close:
		return r.close(ctx)
	}
	return errors.New(s.Flag)
}
