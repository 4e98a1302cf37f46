package sched

import (
	"context"
	"fmt"
	"time"
)

// Owner is one incarnation of a process: the unit that is frozen and killed.
type Owner struct {
	name   string
	ctx    context.Context // the root of every context of its tasks: cancelled by Kill alone
	cancel context.CancelFunc
	dead   bool
	frozen bool
	tasks  []*Task
	held   []*Task
}

// NewOwner makes a living owner called name.
func (s *Scheduler) NewOwner(name string) *Owner {
	o := &Owner{name: name}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	s.owners = append(s.owners, o)
	return o
}

// Name is what the owner was made as.
func (o *Owner) Name() string { return o.name }

// Dead reports that the owner was killed.
func (o *Owner) Dead() bool { return o.dead }

// Frozen reports that the owner is frozen.
func (o *Owner) Frozen() bool { return o.frozen }

// Context is the root context of the owner's tasks; it ends when it is killed.
func (o *Owner) Context() context.Context { return o.ctx }

// Tasks counts the tasks and events that have not ended.
func (o *Owner) Tasks() int { return len(o.tasks) }

// Kill ends the owner: its context is cancelled, its events never happen, and
// each of its tasks unwinds before the next step, with [ErrDead] from every wait.
func (s *Scheduler) Kill(o *Owner) {
	if o.dead {
		return
	}
	o.dead, o.frozen = true, false
	o.cancel()
	for i := len(o.tasks) - 1; i >= 0; i-- {
		t := o.tasks[i]
		if t.state == running { // it finds out at its next call
			continue
		}
		s.forget(t)
		switch {
		case t.event != nil || t.next == nil:
			t.end()
		default:
			t.state = running
			s.dying = append(s.dying, t)
		}
	}
	o.held = nil
	for i := range s.owners {
		if s.owners[i] == o {
			s.owners = append(s.owners[:i], s.owners[i+1:]...)
			break
		}
	}
}

// bury lets the killed tasks unwind.
func (s *Scheduler) bury() {
	for len(s.dying) > 0 {
		t := s.dying[0]
		s.dying = s.dying[1:]
		if t.state != ended {
			s.resume(t)
		}
	}
}

// Freeze stops the owner's tasks and events where they are.
func (s *Scheduler) Freeze(o *Owner) {
	if o.dead || o.frozen {
		return
	}
	o.frozen = true
	rest := s.ready[:0]
	for _, t := range s.ready {
		if t.owner == o {
			t.state = held
			o.held = append(o.held, t)
			continue
		}
		rest = append(rest, t)
	}
	clear(s.ready[len(rest):])
	s.ready = rest
}

// Thaw lets a frozen owner go on: what became due meanwhile is due now.
func (s *Scheduler) Thaw(o *Owner) {
	if !o.frozen {
		return
	}
	o.frozen = false
	late := o.held
	o.held = nil
	for _, t := range late {
		s.makeReady(t)
	}
}

// Panic is a panic inside a task or an event.
type Panic struct {
	Task  string
	At    time.Duration
	Value any
	Stack string
}

func (p *Panic) Error() string {
	return fmt.Sprintf("panic in %s at %v: %v\n%s", p.Task, p.At, p.Value, p.Stack)
}

// Livelock is a run that makes steps without end while no time passes.
type Livelock struct {
	At    time.Duration
	Steps uint64
	Task  string // the one that ran last
}

func (l *Livelock) Error() string {
	return fmt.Sprintf("%d steps at %v without time passing, the last of %s", l.Steps, l.At, l.Task)
}

// Undead is a task that goes on calling after its owner was killed.
type Undead struct {
	Task  string
	At    time.Duration
	Calls int
}

func (u *Undead) Error() string {
	return fmt.Sprintf("%s made %d calls after it was killed at %v and does not end", u.Task, u.Calls, u.At)
}
