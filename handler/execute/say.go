package execute

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// say changes this node's ack by a transaction that checks the operation. change
// may be called more than once.
// errMoved: the operation is not as this run read it. Without an answer it
// reads again until it knows.
func (r *run) say(ctx context.Context, change func(*app.Ack)) error {
	for {
		o := r.current()
		next := r.draft()
		change(&next)
		next.State = o.State
		txn := ledger.Say(o, next)
		index, err := r.KV.Apply(ctx, txn)
		if err == nil {
			r.Ledger.Wrote(txn, next, index)
			r.said(change, index)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, port.ErrRefused) {
			r.Log.Warn("ack without an answer", "node", r.Config.Node, "app", r.name, "err", err)
			if err := r.Clock.Sleep(ctx, r.Times.Beat/3); err != nil {
				return err
			}
		}
		if err := r.refresh(ctx, o); err != nil {
			return err
		}
	}
}

// refresh reads what a refused or unanswered ack must know: whether the
// operation moved, and this node's ack as it stands.
func (r *run) refresh(ctx context.Context, o ledger.Ours) error {
	return r.Until(ctx, "operation of "+r.name, func() error {
		now, err := r.Ledger.Operation(ctx, r.name)
		if err != nil {
			return err
		}
		if now.Index != o.Index {
			return errMoved
		}
		acks, _, err := r.Ledger.Acks(ctx, r.name, o.ID)
		if err != nil {
			return err
		}
		r.at(acks[r.Config.Node].Index)
		return nil
	})
}

func (r *run) current() ledger.Ours {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.op
}

// draft is a copy of the ack to change.
func (r *run) draft() app.Ack {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.ack
	next.Node, next.Incarnation = r.Config.Node, r.Incarnation
	next.Warnings, next.Took = slices.Clip(r.ack.Warnings), maps.Clone(r.ack.Took)
	return next
}

// said makes the change that the KV now holds to what this node remembers.
// Only the change: while it was on its way a step may have kept its result.
func (r *run) said(change func(*app.Ack), index uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.ack)
	r.ack.Index = max(r.ack.Index, index)
}

// at remembers the index of the ack as the KV has it. Its content comes from
// this incarnation alone.
func (r *run) at(index uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ack.Index = max(r.ack.Index, index)
}

// under notes the step under way, and when its beats end: a call that does not
// return, whatever its context says, must not look like life.
func (r *run) under(step string, limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ack.Step, r.deadline = step, 0
	if limit > 0 {
		r.deadline = r.Clock.Boot() + limit + r.Times.KillMax
	}
}

// stuck reports that the step under way is far beyond its maximum.
func (r *run) stuck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deadline != 0 && r.Clock.Boot() > r.deadline
}

// progress is told with the next beat.
func (r *run) progress(done int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ack.Progress = done
}

func (r *run) took(step string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ack.Took == nil {
		r.ack.Took = map[string]int{}
	}
	r.ack.Took[step] += int(d / time.Millisecond)
}

func (r *run) interruptible(cancel context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel = cancel
}

// interrupt ends the step under way: the operation has moved.
func (r *run) interrupt() {
	r.mu.Lock()
	cancel := r.cancel
	r.mu.Unlock()
	if cancel != nil {
		cancel(errMoved)
	}
}

// warn says something that people should know and that stops nothing.
func (r *run) warn(ctx context.Context, text string) error {
	r.Log.Warn("warning", "node", r.Config.Node, "app", r.name, "warning", text)
	r.mu.Lock()
	r.ack.Warnings = append(slices.Clone(r.ack.Warnings), text)
	r.mu.Unlock()
	if r.current().State == app.Done {
		return nil
	}
	return r.say(ctx, func(*app.Ack) {})
}

// beats says every beat that this node is alive and its step within its
// maximum. For a starting master each beat renews the lease.
func (r *run) beats(ctx context.Context) {
	for r.Clock.Sleep(ctx, r.Times.Beat) == nil {
		if r.over() || errors.Is(r.beat(ctx), errMoved) {
			r.interruptIfMoved(ctx)
		}
	}
}

// over reports that the operation is closed: nothing is said any more, and
// what still goes on ends when the next operation begins.
func (r *run) over() bool { return r.current().State == app.Done }

// interruptIfMoved ends the step under way when the operation left the state
// that the step belongs to. What follows the outcome goes on after the close,
// until another operation begins.
func (r *run) interruptIfMoved(ctx context.Context) {
	o := r.current()
	now, err := r.Ledger.Operation(ctx, r.name)
	if err != nil || r.current().Index != o.Index {
		return
	}
	if now.ID != o.ID || now.State != o.State && now.State != app.Done {
		r.interrupt()
	}
}

func (r *run) beat(ctx context.Context) error {
	if r.stuck() {
		return nil
	}
	r.mu.Lock()
	renew := r.renewal
	r.mu.Unlock()
	if renew {
		return r.Within(ctx, r.Times.Lease, r.renew)
	}
	return r.say(ctx, func(a *app.Ack) { a.Beat++ })
}
