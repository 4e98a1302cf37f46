package sched

import "fmt"

// Rand is a small deterministic source (splitmix64). The zero Rand is seed 0.
type Rand struct{ state uint64 }

// NewRand seeds a source.
func NewRand(seed uint64) *Rand { return &Rand{state: seed} }

// Uint64 is the next number.
func (r *Rand) Uint64() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Intn is a number in [0, n); 0 when n is not positive.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.Uint64() % uint64(n))
}

// Strategy says who runs next among those that can. It is plain data, so that
// a run can print what it used.
type Strategy struct {
	Kind  Kind
	Seed  uint64
	Depth int  // PCT: bugs of so many ordered events are found with a known probability
	Steps int  // PCT: how long a run is expected to be; 0: 2,000
	Tape  Tape // Replay: the choices
	Then  Kind // Replay: who chooses where the tape does not fit, with the fields above
}

// Kind names a strategy.
type Kind string

// The strategies. The empty kind is Fifo: first come, first served, and who
// runs goes on until it waits. Turns gives every task one step in turn.
const (
	Fifo   Kind = "fifo"
	Turns  Kind = "turns"
	Random Kind = "random"
	PCT    Kind = "pct"
	Replay Kind = "replay"
)

func (s Strategy) String() string {
	switch s.Kind {
	case Random:
		return fmt.Sprintf("random seed=%d", s.Seed)
	case PCT:
		return fmt.Sprintf("pct seed=%d depth=%d steps=%d", s.Seed, s.Depth, s.Steps)
	case Replay:
		tape := len(s.Tape)
		s.Kind, s.Then = s.Then, Fifo
		return fmt.Sprintf("replay of %d choices, then ", tape) + s.String()
	case Turns:
		return "turns"
	}
	return "fifo"
}

type picker interface {
	meet(t *Task)                            // a task is made
	pick(ready []*Task, step uint64) (i int) // more than one can run
}

func (s Strategy) picker() picker {
	switch s.Kind {
	case Random:
		return &random{rand: Rand{s.Seed}}
	case PCT:
		return newPCT(s)
	case Replay:
		tape := s.Tape
		s.Kind, s.Then = s.Then, Fifo
		return &replay{tape: tape, then: s.picker()}
	}
	return fifo{}
}

type fifo struct{}

func (fifo) meet(*Task)               {}
func (fifo) pick([]*Task, uint64) int { return 0 }

type random struct{ rand Rand }

func (*random) meet(*Task)                     {}
func (r *random) pick(q []*Task, _ uint64) int { return r.rand.Intn(len(q)) }

// pct is probabilistic concurrency testing: every task has a random priority,
// the highest runs, and at depth-1 random steps the one that would run drops
// below all others.
type pct struct {
	rand    Rand
	changes []uint64 // steps, unsorted
	low     uint64
}

func newPCT(s Strategy) *pct {
	p := &pct{rand: Rand{s.Seed}, low: uint64(max(s.Depth, 1))}
	steps := s.Steps
	if steps <= 0 {
		steps = 2000
	}
	for i := 1; i < s.Depth; i++ {
		p.changes = append(p.changes, p.rand.Uint64()%uint64(steps))
	}
	return p
}

func (p *pct) meet(t *Task) { t.prio = p.rand.Uint64()>>1 + uint64(len(p.changes)) + 2 }

func (p *pct) pick(q []*Task, step uint64) int {
	best := highest(q)
	for i := 0; i < len(p.changes); i++ {
		if step < p.changes[i] {
			continue
		}
		p.changes = append(p.changes[:i], p.changes[i+1:]...)
		p.low--
		q[best].prio = p.low
		best = highest(q)
		i--
	}
	return best
}

func highest(q []*Task) int {
	best := 0
	for i := range q {
		if q[i].prio > q[best].prio {
			best = i
		}
	}
	return best
}
