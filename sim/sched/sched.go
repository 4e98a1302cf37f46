// Package sched runs ordinary blocking functions as coroutines under one
// virtual clock: exactly one runs at a time, and who runs next is a
// strategy's choice, so a seed fixes every run to the byte. What comes in are
// functions with an owner (a process), and points in time; what goes out is an
// order of steps. It starts no goroutine of its own, uses no channel, timer or
// mutex and never reads the machine's clock.
package sched

import (
	"context"
	"errors"
	"math"
	"time"
)

// ErrDead is what every wait of a killed owner's task returns.
var ErrDead = errors.New("this incarnation is dead")

// ErrIdle says that nothing can run and nothing will ever wake up.
var ErrIdle = errors.New("nothing can run and nothing is due")

var errNoTask = errors.New("called outside of any task")

// Options configure a scheduler.
type Options struct {
	Strategy Strategy
	// Instant bounds the steps at one virtual instant; beyond it the run ends
	// with a [Livelock]. 0: 200,000.
	Instant uint64
	// DeadCalls bounds the calls of a killed task; beyond it the task is
	// unwound by force and the run ends with an [Undead]. 0: 10,000.
	DeadCalls int
	// Record keeps every choice, see [Scheduler.Tape].
	Record bool
	// Last is the step after which the run ends with [ErrStopped]. 0: none.
	Last uint64
}

// Scheduler is one virtual world of tasks. It is used from one goroutine.
type Scheduler struct {
	now     time.Duration
	steps   uint64
	instant uint64
	limit   uint64
	calls   int
	seq     uint64

	ready   []*Task
	scanned []*Task // parked tasks whose context may end by itself
	dying   []*Task
	timers  timers
	owners  []*Owner
	cur     *Task
	picked  *Task

	pick   picker
	stay   bool // Fifo
	record bool
	last   uint64
	tape   Tape
	replay *replay
	misfit *Misfit
	until  func() bool
	err    error
}

// New returns a scheduler at time 0 with no task.
func New(o Options) *Scheduler {
	s := &Scheduler{limit: o.Instant, calls: o.DeadCalls, pick: o.Strategy.picker(), record: o.Record}
	s.stay = o.Strategy.Kind == Fifo || o.Strategy.Kind == ""
	if s.limit == 0 {
		s.limit = 200_000
	}
	if s.calls == 0 {
		s.calls = 10_000
	}
	if s.last = o.Last; s.last == 0 {
		s.last = math.MaxUint64
	}
	s.follow(o.Strategy)
	return s
}

// Now is the virtual time since the scheduler was made.
func (s *Scheduler) Now() time.Duration { return s.now }

// Steps counts the choices made so far: resumed tasks and due events.
func (s *Scheduler) Steps() uint64 { return s.steps }

// Current is the running task, nil between steps and in events.
func (s *Scheduler) Current() *Task { return s.cur }

// Err is why the run ended for good: a [Panic], [Livelock], [Undead] or what
// was given to [Scheduler.Fail].
func (s *Scheduler) Err() error { return s.err }

// Fail ends the run with err, unless it has failed already.
func (s *Scheduler) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Tape is the list of choices made, for a [Replay], when they are recorded.
func (s *Scheduler) Tape() Tape { return s.tape }

// Run makes steps until until is true (asked before every step), the run
// fails, or nothing is left to do ([ErrIdle]).
func (s *Scheduler) Run(until func() bool) error {
	s.until = until
	defer func() { s.until = nil }()
	for {
		t := s.picked
		s.picked = nil
		if t == nil {
			s.bury()
			switch {
			case s.err != nil:
				return s.err
			case until != nil && until():
				return nil
			}
			if t = s.next(); t == nil {
				if s.err == nil {
					return ErrIdle
				}
				continue
			}
		}
		s.resume(t)
	}
}

// RunUntil makes every step due before virtual time end, and moves the clock there.
func (s *Scheduler) RunUntil(end time.Duration) error {
	stop := s.At(nil, end, "end", func() {})
	err := s.Run(func() bool { return stop.state == ended })
	if err != nil {
		s.Cancel(stop)
	}
	return err
}

// next chooses the task of the next step, moving the clock when nothing can
// run now. nil: nothing left, or the run failed.
func (s *Scheduler) next() *Task {
	if s.steps >= s.last {
		s.Fail(ErrStopped)
		return nil
	}
	if len(s.ready) == 0 {
		s.scan()
	} else if s.steps&15 == 0 {
		s.scan()
	}
	for len(s.ready) == 0 {
		if len(s.timers) == 0 {
			return nil
		}
		s.advance(s.timers[0].when)
	}
	for len(s.timers) > 0 && s.timers[0].when <= s.now {
		s.advance(s.now)
	}
	i := 0
	if n := len(s.ready); n > 1 {
		if i = s.pick.pick(s.ready, s.steps); i >= n {
			i %= n
		}
		if s.record {
			s.tape = append(s.tape, Choice{Took: uint16(i), Of: uint16(n)})
		}
	}
	t := s.ready[i]
	copy(s.ready[i:], s.ready[i+1:])
	s.ready[len(s.ready)-1] = nil
	s.ready = s.ready[:len(s.ready)-1]
	s.steps++
	if s.instant++; s.instant > s.limit {
		s.Fail(&Livelock{At: s.now, Steps: s.instant, Task: t.name})
		s.makeReady(t)
		return nil
	}
	return t
}

// advance moves the clock to when and readies everything due then.
func (s *Scheduler) advance(when time.Duration) {
	if when > s.now {
		s.now, s.instant = when, 0
	}
	for len(s.timers) > 0 && s.timers[0].when <= s.now {
		t := s.timers.pop()
		s.unscan(t)
		s.makeReady(t)
	}
}

// scan readies the parked tasks whose context has ended.
func (s *Scheduler) scan() {
	for i := 0; i < len(s.scanned); {
		t := s.scanned[i]
		if t.ctx.Err() == nil {
			i++
			continue
		}
		s.Wake(t)
	}
}

func (s *Scheduler) unscan(t *Task) {
	if t.scan < 0 {
		return
	}
	last := len(s.scanned) - 1
	s.scanned[t.scan] = s.scanned[last]
	s.scanned[t.scan].scan = t.scan
	s.scanned[last] = nil
	s.scanned = s.scanned[:last]
	t.scan = -1
}

// makeReady puts t among those that may run, or with the held ones of a
// frozen owner.
func (s *Scheduler) makeReady(t *Task) {
	if t.owner != nil && t.owner.frozen {
		t.state = held
		t.owner.held = append(t.owner.held, t)
		return
	}
	t.state = ready
	s.ready = append(s.ready, t)
}

// Close ends every task; the scheduler cannot run any more. Tasks unwind as
// those of a killed owner do.
func (s *Scheduler) Close() {
	for len(s.owners) > 0 {
		s.Kill(s.owners[0])
	}
	s.bury()
	s.ready, s.timers, s.scanned = nil, nil, nil
}

// Sleep parks the running task for d. It returns the context's error when ctx
// ends first, [ErrDead] when its owner is killed.
func (s *Scheduler) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return s.Yield(ctx)
	}
	return s.Park(ctx, s.now+d)
}
