package execute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

var errNoGuard = errors.New("the guard process does not look after the leases of this node; start it (handler guard)")

// starting takes the right to run: the transaction first, then the lease file.
// Where another node could run the app the lease ends by itself and every beat
// renews it; where none can, it has no end.
func (r *run) starting(ctx context.Context) error {
	made, err := r.creates(ctx)
	if err != nil {
		return err
	}
	err = r.note(ctx, func(j *app.Journal) {
		j.Ran = true
		j.Made = append(j.Made, made...)
	})
	if err != nil {
		return err
	}
	if r.alone() {
		if err := r.say(ctx, func(a *app.Ack) { a.Started, a.Lease = true, 0 }); err != nil {
			return err
		}
		return r.grant(ctx, r.op.Runner())
	}
	r.mu.Lock()
	r.renewal = true
	r.mu.Unlock()
	return r.renew(ctx)
}

// creates lists the volumes that the start will create on this node.
func (r *run) creates(ctx context.Context) ([]string, error) {
	if r.op.Kind != app.Deploy {
		return nil, nil
	}
	live, err := r.Live(ctx, r.op.App.Project())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(r.fresh()), func(v string) bool { return slices.Contains(live, v) }), nil
}

// alone reports that no other node could run the app in this operation.
func (r *run) alone() bool {
	return r.op.Kind != app.Deploy || r.op.Old.Master == "" || r.op.Old.Master == r.op.New.Master
}

// renew takes or renews the lease of a starting master, counted from the
// sending. Without a living guard nothing is renewed.
func (r *run) renew(ctx context.Context) error {
	age, err := r.Guard.Mark(ctx)
	if err != nil || age > 3*r.Times.GuardPoll {
		return errors.Join(fmt.Errorf("%w (last looked %v ago)", errNoGuard, age), err)
	}
	sent := r.Clock.Boot() // at the latest: what is tried again is sent later
	err = r.say(ctx, func(a *app.Ack) {
		a.Beat++
		a.Started, a.Lease = true, int(r.Times.Lease/time.Second)
	})
	if err != nil {
		return err
	}
	if !r.enter() {
		return errMoved
	}
	defer r.leave()
	lease := app.Lease{Project: r.op.App.Project(), Seq: r.op.Runner(), Until: int64(sent + r.Times.Lease)}
	if err := r.Guard.Grant(ctx, lease); err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	return nil
}

// enter takes the turn to write the lease file while it may be renewed.
func (r *run) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.renewal || r.granting {
		return false
	}
	r.granting = true
	return true
}

func (r *run) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.granting = false
}

// stopRenewal ends the renewals; afterwards no lease file is being written.
func (r *run) stopRenewal(ctx context.Context) error {
	for {
		r.mu.Lock()
		r.renewal = false
		busy := r.granting
		r.mu.Unlock()
		if !busy {
			return nil
		}
		if err := r.Clock.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// grant makes the lease of seq permanent.
func (r *run) grant(ctx context.Context, seq uint64) error {
	if err := r.stopRenewal(ctx); err != nil {
		return err
	}
	if err := r.Guard.Grant(ctx, app.Lease{Project: r.op.App.Project(), Seq: seq}); err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	return nil
}

// revoke takes the lease of seq away: dockerd refuses every start from now on.
func (r *run) revoke(ctx context.Context, seq uint64) error {
	if err := r.stopRenewal(ctx); err != nil {
		return err
	}
	return r.Guard.Release(ctx, r.op.App.Project(), seq)
}
