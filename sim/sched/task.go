package sched

import (
	"context"
	"iter"
	"runtime/debug"
	"time"
)

type state uint8

const (
	fresh state = iota
	ready
	running
	parked
	held // due, but its owner is frozen
	ended
)

// Never is the deadline of a wait without end.
const Never time.Duration = -1

// Task is one function under the scheduler: a coroutine, or an event that
// runs to its end in one step.
type Task struct {
	s     *Scheduler
	name  string
	owner *Owner
	state state

	event func()
	body  func()
	next  func() (struct{}, bool)
	yield func(struct{}) bool

	ctx   context.Context // of the wait under way
	scan  int             // place among the scanned, -1: not there
	heap  int             // place among the timers, -1: not there
	place int             // place among the owner's tasks
	when  time.Duration
	seq   uint64
	prio  uint64 // PCT
	dead  int    // calls since its owner was killed
}

// Name is what the task was started as.
func (t *Task) Name() string { return t.name }

// Owner is the process the task belongs to, nil for the world's own events.
func (t *Task) Owner() *Owner { return t.owner }

// Ended reports that the task will not run again.
func (t *Task) Ended() bool { return t.state == ended }

func (s *Scheduler) newTask(o *Owner, name string) *Task {
	s.seq++
	t := &Task{s: s, name: name, owner: o, scan: -1, heap: -1, seq: s.seq}
	s.pick.meet(t)
	if o != nil {
		t.place = len(o.tasks)
		o.tasks = append(o.tasks, t)
	}
	return t
}

// Go starts f as a task of o. A dead owner starts nothing and gets nil. ctx
// must descend from the owner's context.
func (s *Scheduler) Go(ctx context.Context, o *Owner, name string, f func(context.Context)) *Task {
	if o.dead {
		return nil
	}
	t := s.newTask(o, name)
	t.body = func() { f(ctx) }
	s.makeReady(t)
	return t
}

// At runs f as one step when the clock reaches when (now, if that is past).
// Events of a frozen owner wait, those of a killed owner never happen; nil is
// the world itself. f must not wait.
func (s *Scheduler) At(o *Owner, when time.Duration, name string, f func()) *Task {
	t := s.newTask(o, name)
	t.event = f
	if o != nil && o.dead {
		t.end()
		return t
	}
	t.state = parked
	t.when = max(when, s.now)
	s.timers.push(t)
	return t
}

// Cancel takes an event away that has not happened yet.
func (s *Scheduler) Cancel(t *Task) {
	if t == nil || t.state == ended || t.event == nil {
		return
	}
	s.forget(t)
	t.end()
}

// forget takes t out of every queue.
func (s *Scheduler) forget(t *Task) {
	s.unscan(t)
	if t.heap >= 0 {
		s.timers.remove(t.heap)
	}
	switch t.state {
	case ready:
		s.ready = without(s.ready, t)
	case held:
		t.owner.held = without(t.owner.held, t)
	}
	if s.picked == t {
		s.picked = nil
	}
}

func without(list []*Task, t *Task) []*Task {
	for i := range list {
		if list[i] == t {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}

// resume runs t until it waits or ends.
func (s *Scheduler) resume(t *Task) {
	if t.event != nil {
		s.happen(t)
		return
	}
	s.cur = t
	defer func() { s.cur = nil }()
	if t.next == nil {
		t.next, _ = iter.Pull(t.run)
	}
	t.state = running
	if _, more := t.next(); !more {
		t.end()
	}
}

func (s *Scheduler) happen(t *Task) {
	t.end()
	t.guarded(t.event)
}

func (t *Task) run(yield func(struct{}) bool) {
	t.yield = yield
	t.guarded(t.body)
}

// guarded runs f and turns its panic into the run's failure.
func (t *Task) guarded(f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *Undead:
			t.s.Fail(p)
		default:
			t.s.Fail(&Panic{Task: t.name, At: t.s.now, Value: p, Stack: string(debug.Stack())})
		}
	}()
	f()
}

func (t *Task) end() {
	if t.state == ended {
		return
	}
	t.state = ended
	t.body, t.ctx = nil, nil
	if o := t.owner; o != nil {
		last := len(o.tasks) - 1
		o.tasks[t.place] = o.tasks[last]
		o.tasks[t.place].place = t.place
		o.tasks[last] = nil
		o.tasks = o.tasks[:last]
	}
}

// wait gives way until t is chosen again. When the choice falls on t itself
// nothing is switched, and events run right here.
func (s *Scheduler) wait(t *Task) {
	for s.err == nil && (s.until == nil || !s.until()) && len(s.dying) == 0 {
		n := s.next()
		if n == t {
			t.state = running
			return
		}
		if n == nil || n.event == nil {
			s.picked = n
			break
		}
		s.cur = nil
		s.happen(n)
		s.cur = t
	}
	t.yield(struct{}{})
}

// Yield lets the strategy choose who runs next.
func (s *Scheduler) Yield(ctx context.Context) error {
	t := s.cur
	switch {
	case t == nil:
		return errNoTask
	case t.owner.dead:
		return t.corpse()
	case s.stays(t):
		return ctx.Err()
	}
	s.makeReady(t)
	s.wait(t)
	return t.verdict(ctx)
}

// stays makes the step of a yielding task under Fifo, whose choice is the task
// itself while nothing has become due.
func (s *Scheduler) stays(t *Task) bool {
	if !s.stay || s.steps&15 == 0 || s.instant >= s.limit || s.steps >= s.last || t.owner.frozen || len(s.dying) > 0 || s.err != nil {
		return false
	}
	if len(s.timers) > 0 && s.timers[0].when <= s.now || s.until != nil && s.until() {
		return false
	}
	if n := len(s.ready); s.record && n > 0 {
		s.tape = append(s.tape, Choice{Took: uint16(n), Of: uint16(n + 1)})
	}
	s.steps++
	s.instant++
	return true
}

// Park stops the running task until [Scheduler.Wake], the deadline (virtual
// time, or [Never]), the end of ctx or of its owner. nil does not tell which
// of the first two it was.
func (s *Scheduler) Park(ctx context.Context, deadline time.Duration) error {
	t := s.cur
	switch {
	case t == nil:
		return errNoTask
	case t.owner.dead:
		return t.corpse()
	}
	if err := ctx.Err(); err != nil {
		if err2 := s.Yield(ctx); err2 != nil {
			return err2
		}
		return err
	}
	t.state = parked
	if ctx != t.owner.ctx { // the owner's own context ends only with the owner
		t.ctx, t.scan = ctx, len(s.scanned)
		s.scanned = append(s.scanned, t)
	}
	if deadline != Never {
		s.seq++
		t.when, t.seq = max(deadline, s.now), s.seq
		s.timers.push(t)
	}
	s.wait(t)
	return t.verdict(ctx)
}

func (t *Task) verdict(ctx context.Context) error {
	t.ctx = nil
	if t.owner.dead {
		return t.corpse()
	}
	return ctx.Err()
}

// Wake readies a parked task; any other is left as it is.
func (s *Scheduler) Wake(t *Task) {
	if t.state != parked || t.event != nil {
		return
	}
	s.unscan(t)
	if t.heap >= 0 {
		s.timers.remove(t.heap)
	}
	s.makeReady(t)
}

// corpse counts a call of a dead task and unwinds one that never ends.
func (t *Task) corpse() error {
	if t.dead++; t.dead > t.s.calls {
		panic(&Undead{Task: t.name, At: t.s.now, Calls: t.dead})
	}
	return ErrDead
}
