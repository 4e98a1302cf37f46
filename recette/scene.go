package recette

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Setting is what a scene is made with.
type Setting struct {
	Nodes    []string // default n1, n2, n3
	Seed     uint64
	Strategy sched.Strategy
	Files    port.Files // of every application; default those of the smallest good one
	Calls    bool       // every port call is a line, not only the steps of plans
	Mute     bool       // no trace is kept: there are no lines
	Strict   bool       // a closed operation must be true at that moment, before any pass
	Memo     *inspect.Memo
	Edit     Edit       // of every agent; nil: none
	Tell     func(Line) // called with each line as it happens; nil: nobody looks
}

// Scene is a simulated cluster that somebody plays on, a command at a time: the
// production handler on every node, and every invariant after every step.
type Scene struct {
	*Stage
	set      Setting
	apps     []*cast
	hear     listener
	checked  uint64 // steps after which the invariants were looked at
	rests    int    // at-rest checks
	accepted map[string]bool
	kv       uint64
	striking bool              // a fault carries out a command
	maybe    []*sim.Armed      // faults that need not strike
	mend     map[string]func() // what heal undoes
	backups  map[string][]port.Pair
	verdicts map[string]int
}

// cast is an application with the short name that a scenario gives it.
type cast struct {
	app.App
	short  string
	writer *writer
	last   string // id of the last request
}

// NewScene is a cluster on which nothing has happened yet.
func NewScene(set Setting) (*Scene, error) {
	if len(set.Nodes) == 0 {
		set.Nodes = []string{"n1", "n2", "n3"}
	}
	if set.Memo == nil {
		set.Memo = &inspect.Memo{}
	}
	if set.Files == nil {
		files, err := Files("hello")
		if err != nil {
			return nil, err
		}
		set.Files = files
	}
	s := &Scene{set: set, accepted: map[string]bool{}, backups: map[string][]port.Pair{}, mend: map[string]func(){}, verdicts: map[string]int{}}
	s.Stage = &Stage{Times: app.DefaultTimes(), files: set.Files, law: newLaw()}
	agent, guard := Programs(s.Times, set.Memo, set.Edit)
	s.Cluster = sim.New(sim.Options{
		Nodes: set.Nodes, Seed: set.Seed, Strategy: set.Strategy, Program: agent, GuardProgram: guard,
		Times: s.Times, Trace: !set.Mute, OnStep: s.watch,
	})
	return s, s.pass(s.Times.Beat)
}

// watch looks at the invariants after a step.
func (s *Scene) watch(c *sim.Cluster) {
	s.checked++
	s.law.step(c)
	if now := c.Changes().KV; now != s.kv {
		s.kv = now
		s.accept()
		for _, a := range s.strict() {
			if err := s.ends(a.App); err != nil {
				c.Fail(err)
			}
		}
	}
}

// strict are the applications whose operations are looked at as they end.
func (s *Scene) strict() []*cast {
	if s.set.Strict {
		return s.apps
	}
	return nil
}

// accept notes from which write on nothing may be missing after a failover:
// what was acknowledged earlier and not replicated is in snapshots only.
func (s *Scene) accept() {
	for name, o := range s.law.ops {
		if o.Failover() && o.State == app.Committed && !s.accepted[o.ID] {
			s.accepted[o.ID] = true
			s.law.Replaced[name] = len(s.Acked(name))
		}
	}
}

// cast finds the application called short, and makes it with a first good
// commit when it is new. A URL#BRANCH is its own short name.
func (s *Scene) cast(short string) (*cast, error) {
	if i := slices.IndexFunc(s.apps, func(c *cast) bool { return c.short == short }); i >= 0 {
		return s.apps[i], nil
	}
	repo, branch, named := strings.Cut(short, "#")
	if !named {
		repo, branch = "https://git.example.com/team/"+short, "main"
	}
	a, err := app.Parse(repo, branch)
	if err != nil {
		return nil, fmt.Errorf("application %q: %w", short, err)
	}
	if slices.Contains(s.Nodes(), short) {
		return nil, fmt.Errorf("%s is a node, not an application", short)
	}
	c := &cast{App: a, short: short}
	s.apps = append(s.apps, c)
	s.push(c, s.set.Files, sim.Behaviour{})
	return c, nil
}

// push makes files the newest commit of the application, under its own domain.
func (s *Scene) push(c *cast, files port.Files, how sim.Behaviour) string {
	own := port.Files{}
	domain := c.short + ".example.com"
	if strings.Contains(c.short, "#") {
		domain = c.Project() + ".example.com"
	}
	for path, content := range files {
		own[path] = []byte(strings.ReplaceAll(string(content), "hello.example.com", domain))
	}
	return s.Push(c.Repo, c.Branch, own, how)
}

// only is the application of commands that name none.
func (s *Scene) only() (*cast, error) {
	if len(s.apps) == 0 {
		return s.cast("app")
	}
	return s.apps[len(s.apps)-1], nil
}

// node checks the name of a node.
func (s *Scene) node(name string) (string, error) {
	if !slices.Contains(s.Nodes(), name) {
		return "", fmt.Errorf("no node is called %q; there are %s", name, strings.Join(s.Nodes(), ", "))
	}
	return name, nil
}

// until runs until done says so, at most limit of virtual time, and reports
// whether it did.
func (s *Scene) until(done func() bool, limit time.Duration) (bool, error) {
	if s.striking {
		return false, usage("a command that lets time pass cannot follow then")
	}
	end, late := s.Now()+limit, false
	s.At(end, "limit", func() { late = true })
	ok := false
	err := s.Run(func() bool {
		s.flush()
		ok = done()
		return ok || late
	})
	s.flush()
	return ok || done(), err
}

// pass lets virtual time go by.
func (s *Scene) pass(d time.Duration) error {
	_, err := s.until(func() bool { return false }, d)
	return err
}

// idle runs until nothing is asked for or under way.
func (s *Scene) idle() error {
	ok, err := s.until(s.Quiet, patience)
	if err == nil && !ok {
		err = fmt.Errorf("%w after %v: %s", errRestless, patience, s.waiting())
	}
	return err
}

// operation is the last operation of name, as the KV has it.
func (s *Scene) operation(name string) app.Operation {
	var o app.Operation
	if json.Unmarshal(s.Get(ledger.OperationKey(name)).Value, &o) != nil {
		return app.Operation{}
	}
	return o
}

// ended is how the last request of c ended: by its tombstone.
func (s *Scene) ended(c *cast) (app.Request, error) {
	var r app.Request
	if c.last == "" {
		return r, fmt.Errorf("nothing was asked for %s", c.short)
	}
	if err := json.Unmarshal(s.Get(ledger.RequestKey(c.last)).Value, &r); err != nil {
		return r, fmt.Errorf("request %s of %s: %w", c.last, c.short, err)
	}
	if !r.Done {
		return r, fmt.Errorf("the request for %s is not finished: %s", c.short, s.waiting())
	}
	return r, nil
}

// check waits for rest and looks at everything on every node but those that
// are off: each application is as its last operation says, nothing is left over.
func (s *Scene) check(off []string) error {
	if err := s.idle(); err != nil {
		return err
	}
	if err := s.pass(2*s.Times.Poll + 10*time.Second); err != nil {
		return err
	}
	if err := s.idle(); err != nil {
		return err
	}
	s.rests++
	var faults []error
	var all []app.App
	for _, c := range s.apps {
		all = append(all, c.App)
		faults = append(faults, s.standing(c, off))
	}
	for _, node := range s.without(off) {
		if err := strangers(s.ObserveNode(node), all...); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", node, err))
		}
	}
	return errors.Join(append(faults, s.keys(off...))...)
}

// standing checks one application at rest.
func (s *Scene) standing(c *cast, off []string) error {
	o := s.operation(c.Name())
	e := s.expected(c.App, o.Runs())
	e.Without = off
	want := o.Generation
	if o.Outcome == app.OutcomeCommitted && o.Kind == app.Deploy {
		want = o.Seq
	}
	if !e.At.IsZero() && !o.Lock && e.Record.Generation != want {
		return fmt.Errorf("the record of %s is of generation %d, must be of %d", c.short, e.Record.Generation, want)
	}
	return s.atRest(e)
}

// without lists the nodes but those that are off.
func (s *Stage) without(off []string) []string {
	return slices.DeleteFunc(s.Nodes(), func(n string) bool { return slices.Contains(off, n) })
}

// Vacuous is an error when a fault that was asked for never struck.
func (s *Scene) Vacuous() error {
	for _, a := range s.fired {
		if a.Fired == 0 && !slices.Contains(s.maybe, a) {
			return fmt.Errorf("%w: %s", errVacuous, a.Fault)
		}
	}
	return nil
}
