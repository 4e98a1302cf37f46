package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// errRealClock says that the program uses a deadline of the machine's clock:
// no run could be repeated.
var errRealClock = errors.New("a context with a deadline of the real clock reached a port")

// enter is the beginning of every port call: the point where the strategy
// chooses who goes on, where dead callers are turned away and faults strike
// before the effect. What it returns goes to leave, whatever happened.
func (p *process) enter(ctx context.Context, id callID, arg string) (*Armed, error) {
	p.open = append(p.open, opened{task: p.c.sched.Current(), id: id, arg: arg, since: p.c.sched.Now()})
	if err := p.c.sched.Yield(ctx); err != nil {
		return nil, gone(err)
	}
	if _, real := ctx.Deadline(); real {
		p.c.Fail(fmt.Errorf("%s of %s: %w", p.c.sites.name(id), p.n.name, errRealClock))
	}
	p.c.sites.count(p, id)
	if len(p.c.faults) == 0 {
		return nil, nil
	}
	f := p.c.match(p, id, arg)
	if f == nil {
		return nil, nil
	}
	return f, p.strike(ctx, f, id)
}

// gone keeps the sentinel of a dead caller as it is and wraps a context's end.
func gone(err error) error {
	if err == ErrDead {
		return err
	}
	return fmt.Errorf("gave up: %w", err)
}

// leave is the end of every port call: faults strike after the effect, the
// step is noted, invariants are checked.
func (p *process) leave(f *Armed, id callID, arg string, err error) error {
	p.shut()
	if err == ErrDead {
		return err
	}
	if f != nil {
		err = p.aftermath(f, err)
	}
	p.c.trace.call(p, id, arg, err)
	p.c.stepped()
	if p.owner.Dead() {
		return ErrDead
	}
	return err
}

// sleep lets a call take its time. It ends early with ctx or the process.
func (p *process) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if err := p.c.sched.Sleep(ctx, d); err != nil {
		return gone(err)
	}
	return nil
}

// call runs one port call whose effect a daemon has: it takes took, and it
// happens even when the caller is gone by then.
func call[T any](ctx context.Context, p *process, id callID, arg string, took time.Duration, effect func() (T, error)) (T, error) {
	var zero T
	f, err := p.enter(ctx, id, arg)
	switch {
	case err != nil:
		return zero, p.leave(f, id, arg, err)
	case f != nil && f.Phase == Late:
		p.c.later(p.n, f.delay(p.c), func() { _, _ = effect() })
		return zero, p.leave(f, id, arg, nil)
	case took <= 0:
		v, err := effect()
		return answer(v, p.leave(f, id, arg, err))
	}
	v, err := await(ctx, p, took, effect)
	return answer(v, p.leave(f, id, arg, err))
}

// answer is v without an error and the zero value with one.
func answer[T any](v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// later lets effect happen on n after d, whoever asked for it.
func (c *Cluster) later(n *node, d time.Duration, effect func()) {
	n.working++
	c.busy++
	c.sched.At(n.machine, c.Now()+d, "late", func() {
		n.working--
		c.busy--
		effect()
		c.stepped()
	})
}

// await waits for an effect that happens on the caller's machine after took.
func await[T any](ctx context.Context, p *process, took time.Duration, effect func() (T, error)) (T, error) {
	var (
		v    T
		err  error
		done bool
	)
	t := p.c.sched.Current()
	p.c.later(p.n, took, func() {
		v, err = effect()
		done = true
		p.c.sched.Wake(t)
	})
	for !done {
		if err := p.c.sched.Park(ctx, sched.Never); err != nil && !done {
			var zero T
			return zero, gone(err)
		}
	}
	if p.owner.Dead() {
		return v, ErrDead
	}
	return v, err
}

// nothing is the value of a call that only has an error.
type nothing = struct{}

// act is call for effects without a value.
func act(ctx context.Context, p *process, id callID, arg string, took time.Duration, effect func() error) error {
	_, err := call(ctx, p, id, arg, took, func() (nothing, error) { return nothing{}, effect() })
	return err
}
