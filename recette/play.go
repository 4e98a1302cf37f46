package recette

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Stage is one simulated cluster on which a cell is played: the production
// handler on every node, an application, users who write to it, invariants
// after every step. [Stage.World] is the stage as the driver sees it.
type Stage struct {
	*sim.Cluster
	Times  app.Times
	files  port.Files
	app    app.App // the one that is moved, destroyed or overwritten
	source app.App // of a migrate
	law    *Law
	seen   endings
	fired  []*sim.Armed
	mend   map[string]func() // what healing undoes, by what it is
	deaf   []string          // nodes whose agents are down until the next request was asked
	asked  string            // id of the last request
	names  map[app.App]string
}

// Options of a stage.
type Options struct {
	Seed     uint64
	Strategy sched.Strategy
	Memo     *inspect.Memo
	Edit     Edit
	Trace    bool
	Timing   sim.Timing
	Besides  func(*Stage, Move) // called before the trouble of a play is armed: what else goes wrong
	Done     func(Cell)         // called as each cell ends, by one worker at a time
	Saw      func(*sim.Cluster) // called at the end of each play, before its cluster is closed
	Tune     func(*sim.Options) // may change how the simulator is made: to record or to stop it; nil: nobody does
}

// NewStage is a cluster of four nodes on which nothing has happened yet.
func NewStage(o Options) (*Stage, error) {
	files, err := Files("hello")
	if err != nil {
		return nil, err
	}
	if o.Memo == nil {
		o.Memo = &inspect.Memo{}
	}
	s := &Stage{Times: app.DefaultTimes(), files: files, mend: map[string]func(){}}
	s.app, _ = app.Parse("https://git.example.com/team/hello", "main")
	s.source, _ = app.Parse("https://git.example.com/team/hello", "production")
	agent, guard := Programs(s.Times, o.Memo, o.Edit)
	s.law = newLaw()
	made := sim.Options{
		Nodes: nodes, Seed: o.Seed, Strategy: o.Strategy, Program: agent, GuardProgram: guard,
		Times: s.Times, Timing: o.Timing, Trace: o.Trace, OnStep: s.step,
	}
	if o.Tune != nil {
		o.Tune(&made)
	}
	s.Cluster = sim.New(made)
	return s, nil
}

// name is that of a, which takes its time to be made and is asked for at every
// write.
func (s *Stage) name(a app.App) string {
	name, known := s.names[a]
	if !known {
		if s.names == nil {
			s.names = map[app.App]string{}
		}
		name = a.Name()
		s.names[a] = name
	}
	return name
}

// expected is how a must be when it is at p, by the release of its record.
func (s *Stage) expected(a app.App, p app.Placement) Expected {
	e := Expected{App: a, At: p, Address: s.Address}
	if v := s.Get(ledger.RecordKey(a.Name())); v.Modify != 0 {
		_ = json.Unmarshal(v.Value, &e.Record) // checked against reality
	}
	if v := s.Get(ledger.ReplicaKey(a.Name())); v.Modify != 0 && json.Unmarshal(v.Value, &e.Replica) != nil {
		e.Replica = app.Replica{}
	}
	return e
}

// without lists the nodes but those that are off.
func (s *Stage) without(off []string) []string {
	return slices.DeleteFunc(s.Nodes(), func(n string) bool { return slices.Contains(off, n) })
}

// repair ends every fault and starts what is down.
func (s *Stage) repair() {
	for _, what := range slices.Sorted(maps.Keys(s.mend)) {
		s.mend[what]()
	}
	clear(s.mend)
	s.Disarm()
	s.MendAll()
	for _, n := range s.Nodes() {
		s.Boot(n) // nothing where power is on
		for _, p := range []sim.Process{sim.Handler, sim.Guard} {
			s.Thaw(n, p)
			if s.Powered(n) && !s.Alive(n, p) {
				s.Start(n, p)
			}
		}
	}
}
