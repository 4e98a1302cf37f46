package incident

import (
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Play is something that can be played again, to the byte.
type Play struct {
	Name   string // the folder of an incident is called after it
	Plan   []byte // the file that plays it again
	Strict bool   // as of [recette.Setting]
	run    func(*recorder) error
}

// OfScenario is a scenario as it is played with set. Nobody is told anything;
// an Edit of set is a planted mistake, without which the plan holds.
func OfScenario(sc recette.Scenario, set recette.Setting) Play {
	p := Play{Name: sc.Name, Plan: sc.Text(set), Strict: set.Strict}
	p.run = func(r *recorder) error {
		from, own := sc, set
		if r.want.left {
			var err error
			if from, err = recette.ParseScenario(PlanFile, p.Plan); err != nil {
				return err
			}
		}
		own.Tell, own.Mute, own.Cue, own.Tune = nil, false, r.cue, r.tune
		s, err := from.Play(own)
		if s != nil {
			r.end()
			return closed(s, err)
		}
		return err
	}
	return p
}

// closed closes the scene of a play that ended with err.
func closed(s *recette.Scene, err error) error {
	if failed := s.Close(); err == nil {
		return failed
	}
	return err
}

// OfTurn is one turn of a cell of the matrix as it is played with o.
func OfTurn(row recette.Row, column recette.Column, turn recette.Turn, o recette.Options) Play {
	p := Play{Name: row.Name + " " + column.Name, Plan: CellOf(row.Name, column.Name, turn, o.Seed).text()}
	p.run = func(r *recorder) error {
		own := o
		own.Trace, own.Tune = true, r.tune
		proof, err := recette.Replay(row, column, turn, own, func(*sim.Cluster) { r.end() })
		r.proof = proof
		return err
	}
	return p
}

// Options say how something is played once more.
type Options struct {
	Tape sched.Tape // chooses who is next while it fits; nil: the plan's own strategy
	Last uint64     // stop after this step, 0: not
	left bool       // lines are counted as in the plan that is left, not as in the file that was played
}

// Recording is a run with everything that was written down.
type Recording struct {
	Play     Play
	Code     string // version of the code
	Nodes    []string
	Address  map[string]string // of each node
	Seed     uint64
	Strategy sched.Strategy // the plan's own
	Err      error          // how it ended, nil: it holds
	Proof    string         // by what the trouble of a cell is known to have struck
	Hash     uint64
	Step     uint64
	Tape     sched.Tape
	Misfit   *sched.Misfit // where the tape of Options did not fit
	Unplayed int           // choices of it that were not made
	Entries  []sim.Entry
	Cues     []Cue
	Bands    []Band
	Writes   []Answer
	State    State
	names    *names
}

// Cue is a line of a scenario, as it is carried out.
type Cue struct {
	Moment
	Line int
	Text string
}

// Record plays p and writes everything down. How it ended is in the result.
func Record(p Play, o Options) *Recording {
	r := &recorder{want: o, names: &names{}, open: map[string]int{}}
	err := p.run(r)
	if r.done == nil { // nothing has happened
		r.done = &Recording{names: r.names}
	}
	rec := r.done
	rec.Play, rec.Err, rec.Proof, rec.Strategy, rec.Seed = p, err, r.proof, r.own, r.seed
	rec.Cues, rec.Bands = r.cues, r.bands
	return rec
}

// made says how the cluster was made.
func (r *Recording) made() string {
	return fmt.Sprintf("nodes %s, seed %d, %s", strings.Join(r.Nodes, " "), r.Seed, r.Strategy)
}
