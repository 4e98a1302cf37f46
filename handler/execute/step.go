package execute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// row runs the steps of state that are left, in order.
func (r *run) row(ctx context.Context, state app.State) error {
	row := plan.In(r.steps, state)
	if len(row) == 0 {
		return r.idle(ctx, state)
	}
	for _, s := range row {
		if err := r.step(ctx, s); err != nil {
			return err
		}
		r.drop(s)
	}
	return nil
}

// drop takes a step that is done from what is left.
func (r *run) drop(done plan.Step) {
	if i := slices.Index(r.steps, done); i >= 0 {
		r.steps = slices.Delete(r.steps, i, i+1)
	}
}

// idle waits until the operation leaves a state in which this node has nothing
// left to do.
func (r *run) idle(ctx context.Context, state app.State) error {
	if state == app.Committed || state == app.Aborted {
		return nil
	}
	return r.watch(ctx, func(map[string]app.Ack) (bool, error) { return false, nil })
}

// step runs one step and logs it. After the outcome a step is tried again; one
// that is not needed to keep two nodes apart is given up in the end and left
// to the level-triggered pass.
func (r *run) step(ctx context.Context, s plan.Step) error {
	for try := 1; ; try++ {
		err := r.once(ctx, s)
		after := s.In == app.Committed || s.In == app.Aborted
		switch {
		case err == nil, errors.Is(err, errMoved), ctx.Err() != nil:
			return err
		case s.Flag == plan.BestEffort:
			return r.warn(ctx, fmt.Sprintf("%s: %v", s, err))
		case !after:
			return err
		case try >= 5 && !vital(s):
			r.undone = append(r.undone, fmt.Sprintf("%s: %v", s, err))
			return r.warn(ctx, fmt.Sprintf("%s given up for now: %v", s, err))
		}
		if err := r.Clock.Sleep(ctx, min(time.Duration(try), 10)*r.Times.Beat); err != nil {
			return err
		}
	}
}

// vital steps keep two nodes from running the app, or its data whole: without
// them nothing that follows may be done.
func vital(s plan.Step) bool {
	switch s.Verb {
	case plan.Revoke, plan.Stop, plan.Kill, plan.Await, plan.Announce, plan.Close:
		return true
	case plan.Restore:
		return s.In == app.Aborted
	}
	return false
}

func (r *run) once(ctx context.Context, s plan.Step) error {
	step := s.String()
	r.log.Info("step", "step", step)
	start := r.Clock.Boot()
	r.under(step, r.limit(s))
	held, cancel := context.WithCancelCause(ctx)
	r.interruptible(cancel)
	err := r.Within(held, r.limit(s), func(ctx context.Context) error { return r.do(ctx, s) })
	r.interruptible(nil)
	if moved := context.Cause(held); err != nil && ctx.Err() == nil && errors.Is(moved, errMoved) {
		err = errMoved
	}
	cancel(nil)
	took := r.Clock.Boot() - start
	r.took(string(s.In)+" "+step, took)
	if err != nil {
		r.log.Warn("step ended", "step", step, "took", took, "err", err)
		if s.Verb != plan.Await {
			r.Doubt(r.name)
		}
		return err
	}
	r.log.Info("step done", "step", step, "took", took)
	return nil
}

// limit is the step's maximum; 0 for those that wait for others and know their
// own. A restore that passes it is not given up by the driver: the operation
// aborts, and the volume stays blocked until the driver has answered.
func (r *run) limit(s plan.Step) time.Duration {
	t := r.Times
	switch s.Verb {
	case plan.Checkout:
		return t.Git
	case plan.Pull:
		return t.Pull
	case plan.Build:
		return t.Build
	case plan.Precopy, plan.Lend, plan.Replicate:
		return t.Precopy
	case plan.Send:
		return t.DeltaMax
	case plan.Script:
		return t.Update
	case plan.Start:
		return t.Healthy
	case plan.Await, plan.Switch, plan.Commit, plan.Abort, plan.Close, plan.Healthy:
		return 0
	}
	return t.Restore
}
