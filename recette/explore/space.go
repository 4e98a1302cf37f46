package explore

import (
	"fmt"

	"github.com/mlfmonde/cluster/sim"
)

// plan is one run to make.
type plan struct {
	number     uint64 // in the order of plans
	transition int    // -1: of a random scenario
	faults     []Fault
	name       string // of a random scenario
	knobs      string
	replay     string
	text       []byte
}

// subject is a transition with what can strike it.
type subject struct {
	Transition
	calls  []Call
	faults []Fault
	ways   uint64 // to take as many faults as are asked for
	phases map[sim.Phase]bool
}

func newSubject(t Transition, calls []Call, faults int) subject {
	s := subject{Transition: t, calls: calls, phases: map[sim.Phase]bool{}}
	for _, c := range calls {
		s.faults = append(s.faults, c.faults()...)
	}
	for _, f := range s.faults {
		s.phases[f.Phase] = true
	}
	if faults > 0 {
		s.ways = choose(uint64(len(s.faults)), faults)
	}
	return s
}

// space is the set of plans with a number of faults, in their order: each
// transition without any first, then all combinations of each, spread.
type space struct {
	subjects []subject
	faults   int
	total    uint64
	order    spread
}

func newSpace(subjects []subject, faults int, seed uint64) space {
	s := space{subjects: subjects, faults: faults}
	for _, x := range subjects {
		s.total += x.ways
	}
	s.order = newSpread(s.total, seed)
	return s
}

// size is how many plans there are.
func (s space) size() uint64 { return uint64(len(s.subjects)) + s.total }

// plan is the ith of them.
func (s space) plan(i uint64) plan {
	p := plan{number: i, transition: int(i)}
	if i >= uint64(len(s.subjects)) {
		rank := s.order.at(i - uint64(len(s.subjects)))
		for p.transition = 0; rank >= s.subjects[p.transition].ways; p.transition++ {
			rank -= s.subjects[p.transition].ways
		}
		x := s.subjects[p.transition]
		for _, at := range combination(rank, uint64(len(x.faults)), s.faults) {
			p.faults = append(p.faults, x.faults[at])
		}
	}
	x := s.subjects[p.transition]
	p.name = x.Name
	var lines []string
	for _, f := range p.faults {
		line := f.String()
		if len(p.faults) > 1 {
			line += " maybe" // the first may keep the others from striking
		}
		lines = append(lines, line)
	}
	p.text, p.replay = x.Text(lines...), replay(x.Name, lines)
	return p
}

// replay is the command that plays a plan again.
func replay(transition string, faults []string) string {
	line := "bin/sim explore --rows " + transition
	if len(faults) == 0 {
		return line + " --faults 0"
	}
	for _, f := range faults {
		line += fmt.Sprintf(" --fault %q", f)
	}
	return line
}
