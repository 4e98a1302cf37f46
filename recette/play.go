package recette

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

var errDriver = errors.New("the driver says no")

// patience is how long, in virtual time, a cell may take to come to rest.
const patience = 4 * time.Hour

// Stage is one simulated cluster on which a cell is played: the production
// handler on every node, an application, users who write to it, invariants
// after every step.
type Stage struct {
	*sim.Cluster
	Times  app.Times
	files  port.Files
	app    app.App // the one that is moved, destroyed or overwritten
	source app.App // of a migrate
	law    *Law
	seen   endings
	fired  []*sim.Armed
	bad    bool // the next push does not start
}

// Options of a stage.
type Options struct {
	Seed     uint64
	Strategy sched.Strategy
	Memo     *inspect.Memo
	Edit     Edit
	Trace    bool
	Timing   sim.Timing
	Done     func(Cell)         // called as each cell ends, by one worker at a time
	Saw      func(*sim.Cluster) // called at the end of each play, before its cluster is closed
}

// NewStage is a cluster of four nodes with the application pushed and nothing
// deployed.
func NewStage(o Options) (*Stage, error) {
	files, err := Files("hello")
	if err != nil {
		return nil, err
	}
	if o.Memo == nil {
		o.Memo = &inspect.Memo{}
	}
	s := &Stage{Times: app.DefaultTimes(), files: files}
	s.app, _ = app.Parse("https://git.example.com/team/hello", "main")
	s.source, _ = app.Parse("https://git.example.com/team/hello", "production")
	agent, guard := Programs(s.Times, o.Memo, o.Edit)
	s.law = newLaw()
	s.Cluster = sim.New(sim.Options{
		Nodes: nodes, Seed: o.Seed, Strategy: o.Strategy, Program: agent, GuardProgram: guard,
		Times: s.Times, Timing: o.Timing, Trace: o.Trace, OnStep: s.step,
	})
	s.push(s.app)
	return s, nil
}

// push makes a new commit of a.
func (s *Stage) push(a app.App) {
	files := s.files
	if a == s.source {
		files = otherAddress(files)
	}
	s.Push(a.Repo, a.Branch, files, sim.Behaviour{Exits: s.bad})
}

// fault arms f.
func (s *Stage) fault(f sim.Fault) func() bool {
	armed := s.Inject(f)
	s.fired = append(s.fired, armed)
	return func() bool { return armed.Fired > 0 }
}

// cutGit takes git from a node, and proves that a clone fails there.
func (s *Stage) cutGit(node string) func() bool {
	s.Cut(sim.Git, node, sim.Outside)
	failed := false
	s.Go(node, "git probe", s.probe(&failed))
	return func() bool { return failed }
}

// badStart lets the next release's containers end at once; a migrate starts
// the release that is there, and dockerd refuses.
func (s *Stage) badStart(m Move) func() bool {
	if m.Kind == app.Migrate {
		return s.fault(sim.Fault{Node: m.Node(NewMaster), Call: "Stack.Up", Phase: sim.ErrorBefore, Err: errors.New("cannot start")})
	}
	s.bad = true
	s.push(s.app)
	s.bad = false
	return func() bool { return true }
}

// request of a move.
func (s *Stage) request(m Move) app.Request {
	r := app.Request{Kind: m.Kind, App: s.app, New: m.New}
	if m.Kind == app.Migrate {
		r.Source, r.Flags.Update = &s.source, true
	}
	return r
}

// do asks for r and waits until everything is at rest.
func (s *Stage) do(r app.Request) (app.Operation, error) {
	id, err := s.Ask(nodes[len(nodes)-1], r)
	if err != nil {
		return app.Operation{}, err
	}
	if err := s.rest(); err != nil {
		return app.Operation{}, err
	}
	return s.outcome(r.App.Name(), id)
}

// rest runs until nothing is asked for or under way, and two passes longer.
func (s *Stage) rest() error {
	limit := s.Now() + patience
	if err := s.Run(func() bool { return s.Quiet() || s.Now() > limit }); err != nil {
		return err
	}
	if !s.Quiet() {
		return fmt.Errorf("%w after %v: %s", errRestless, patience, s.waiting())
	}
	if err := s.RunFor(2*s.Times.Poll + 10*time.Second); err != nil {
		return err
	}
	return s.Run(func() bool { return s.Quiet() || s.Now() > limit })
}

// waiting says in words what is not at rest.
func (s *Stage) waiting() string {
	pairs, _ := s.KV()
	text := fmt.Sprintf("%d daemons busy", s.Busy())
	for _, p := range pairs {
		var o app.Operation
		if len(p.Key) > 10 && p.Key[:10] == ledger.Operations && json.Unmarshal(p.Value, &o) == nil && o.State != app.Done {
			text += fmt.Sprintf("; %s is %s", p.Key, o.State)
		}
		if len(p.Key) > 4 && p.Key[:4] == ledger.Acks {
			text += fmt.Sprintf("; %s says %s", p.Key, p.Value)
		}
	}
	return text
}

// outcome reads how request id of name ended.
func (s *Stage) outcome(name, id string) (app.Operation, error) {
	var o app.Operation
	var r app.Request
	if err := json.Unmarshal(s.Get(ledger.RequestKey(id)).Value, &r); err == nil && r.Outcome == app.OutcomeRefused {
		return app.Operation{Outcome: r.Outcome, Reason: r.Reason}, nil
	}
	if err := json.Unmarshal(s.Get(ledger.OperationKey(name)).Value, &o); err != nil {
		return o, fmt.Errorf("operation of %s: %w", name, err)
	}
	if o.ID != id {
		return o, fmt.Errorf("request %s was not carried out: %s", id, s.Get(ledger.RequestKey(id)).Value)
	}
	return o, nil
}

// write lets users write to name until n writes were acknowledged.
func (s *Stage) write(name string, n int) error {
	for done, tries := 0, 0; done < n; tries++ {
		if _, err := s.Write(name); err == nil {
			done++
		} else if tries > 20*n {
			return err
		}
		if err := s.RunFor(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// users write to name twice a second until 40 writes were acknowledged or they
// are stopped.
func (s *Stage) users(name string) (stop func()) {
	limit, on := len(s.Acked(name))+40, true
	s.Every(500*time.Millisecond, "users of "+name, func() bool {
		if on {
			_, _ = s.Write(name) // what fails was not acknowledged
		}
		return on && len(s.Acked(name)) < limit
	})
	return func() { on = false }
}

// heal ends every fault and starts what is down.
func (s *Stage) heal() {
	s.Disarm()
	s.MendAll()
	for _, n := range s.Nodes() {
		if !s.Powered(n) {
			s.Boot(n)
		}
		for _, p := range []sim.Process{sim.Handler, sim.Guard} {
			s.Thaw(n, p)
			if !s.Alive(n, p) {
				s.Start(n, p)
			}
		}
	}
}
