package sched

import (
	"errors"
	"fmt"
	"time"
)

// ErrStopped ends a run after its last step, see [Options.Last].
var ErrStopped = errors.New("stopped where it was asked to")

// Choice is one choice of a strategy: which task, of how many that could run.
type Choice struct{ Took, Of uint16 }

// Tape is every choice of a run between more than one task, in order. The same
// code with the same tape makes the same steps.
type Tape []Choice

// Misfit is where a run left its tape: at a choice between another number of
// tasks, or after the tape's end. From there on the strategy that made the tape
// goes on, which has followed it so far.
type Misfit struct {
	Step  uint64 // the first that the tape did not choose
	At    time.Duration
	Place int    // on the tape, from 0
	Tape  Choice // the zero Choice: the tape is over
	Ready int    // how many could run
}

func (m Misfit) String() string {
	where := fmt.Sprintf("step %d, %.3f s", m.Step, m.At.Seconds())
	if m.Tape == (Choice{}) {
		return fmt.Sprintf("%s: the tape ends after %d choices, the run goes on", where, m.Place)
	}
	return fmt.Sprintf("%s: choice %d of the tape is between %d tasks, and %d can run", where, m.Place+1, m.Tape.Of, m.Ready)
}

// replay makes the choices of a tape while they fit.
type replay struct {
	tape Tape
	at   int
	then picker
	lost bool
	lose func(Misfit) // called once
	now  func() time.Duration
}

func (r *replay) meet(t *Task) { r.then.meet(t) }

// pick asks the other strategy in any case: it must be where it would be
// without a tape when it has to go on.
func (r *replay) pick(q []*Task, step uint64) int {
	own := r.then.pick(q, step)
	if r.lost {
		return own
	}
	var c Choice
	if r.at < len(r.tape) {
		c = r.tape[r.at]
	}
	if int(c.Of) == len(q) && c.Took < c.Of {
		r.at++
		return int(c.Took)
	}
	r.lost = true
	r.lose(Misfit{Step: step + 1, At: r.now(), Place: r.at, Tape: c, Ready: len(q)})
	return own
}

// follow lets the scheduler know where the tape does not fit.
func (s *Scheduler) follow(o Strategy) {
	r, ok := s.pick.(*replay)
	if !ok {
		return
	}
	s.replay, r.now = r, s.Now
	r.lose = func(m Misfit) {
		s.misfit = &m
		s.stay = o.Then == Fifo || o.Then == ""
	}
}

// Misfit is where the run left the tape that it replays, nil while it fits.
func (s *Scheduler) Misfit() *Misfit { return s.misfit }

// Unplayed counts the choices of the tape that have not been made.
func (s *Scheduler) Unplayed() int {
	if s.replay == nil {
		return 0
	}
	return len(s.replay.tape) - s.replay.at
}
