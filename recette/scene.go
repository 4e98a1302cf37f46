package recette

import (
	"context"
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

// Setting is what a scene is made with. Real nodes have no seed, strategy,
// memo or edit.
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
	// Cue is called with each line of a scenario before it is carried out, and
	// Tune may change how the simulator is made: to record or to stop it.
	Cue  func(line int, command string)
	Tune func(*sim.Options)
}

// Scene is a cluster that somebody plays on, a command at a time. It is the
// language; what the commands act on is its ground.
type Scene struct {
	Ground
	set   Setting
	apps  []*cast
	hear  listener
	rests int // at-rest checks
	// Clocks of nodes have jumped, or a sender may be gone for ever: a part that
	// was left of a transfer goes only when a whole one has a later date.
	unordered bool
	striking  bool // a fault carries out a command
	armed     []struck
	verdicts  map[string]int
}

// struck is a fault that somebody asked for.
type struck struct {
	what  string
	maybe bool // it need not strike
	has   Hit
}

// NewScene is a simulated cluster on which nothing has happened yet, with every
// invariant looked at after every step.
func NewScene(set Setting) (*Scene, error) {
	s, err := NewSceneOn(newRehearsal(set), set)
	if err != nil {
		return s, err
	}
	return s, s.Pass(context.Background(), s.Times().Beat)
}

// NewSceneOn is a scene on a ground that is there. Of set only Files, Calls and
// Tell matter.
func NewSceneOn(g Ground, set Setting) (*Scene, error) {
	if set.Files == nil {
		files, err := Files("hello")
		if err != nil {
			return nil, err
		}
		set.Files = files
	}
	return &Scene{Ground: g, set: set, verdicts: map[string]int{}}, nil
}

// node checks the name of a node.
func (s *Scene) node(name string) (string, error) {
	if !slices.Contains(s.Nodes(), name) {
		return "", fmt.Errorf("no node is called %q; there are %s", name, strings.Join(s.Nodes(), ", "))
	}
	return name, nil
}

// act does something at once and tells what there is to tell.
func (s *Scene) act(ctx context.Context, a Act) error {
	said, err := s.Act(ctx, a)
	if err == nil && said != "" {
		s.say(ctx, "%s", said)
	}
	return err
}

// until waits until done says so, at most limit, and reports whether it did.
func (s *Scene) until(ctx context.Context, done func() (bool, error), limit time.Duration) (bool, error) {
	if s.striking {
		return false, usage("a command that lets time pass cannot follow then")
	}
	ok, err := s.Until(ctx, func() (bool, error) {
		s.Flush(ctx)
		return done()
	}, limit)
	s.Flush(ctx)
	return ok, err
}

// Pass lets time go by.
func (s *Scene) Pass(ctx context.Context, d time.Duration) error {
	_, err := s.until(ctx, func() (bool, error) { return false, nil }, d)
	return err
}

// patience is how long anything may take to come to rest.
func (s *Scene) patience() time.Duration { return 24 * s.Times().Orphan }

// idle runs until nothing is asked for or under way.
func (s *Scene) idle(ctx context.Context) error {
	ok, err := s.until(ctx, func() (bool, error) { return s.Quiet(ctx) }, s.patience())
	if err == nil && !ok {
		err = fmt.Errorf("%w after %v: %s", errRestless, s.patience(), s.waiting(ctx))
	}
	return err
}

// operation is the last operation of name, as the KV has it.
func (s *Scene) operation(ctx context.Context, name string) (o app.Operation, err error) {
	p, err := s.Get(ctx, ledger.OperationKey(name))
	if err != nil || json.Unmarshal(p.Value, &o) != nil {
		return app.Operation{}, err
	}
	return o, nil
}

// record is that of name, as the KV has it.
func (s *Scene) record(ctx context.Context, name string) (rec app.Record, err error) {
	p, err := s.Get(ctx, ledger.RecordKey(name))
	if err != nil || json.Unmarshal(p.Value, &rec) != nil {
		return app.Record{}, err
	}
	return rec, nil
}

// ended is how the last request of c ended: by its tombstone.
func (s *Scene) ended(ctx context.Context, c *cast) (r app.Request, err error) {
	if c.last == "" {
		return r, fmt.Errorf("nothing was asked for %s", c.short)
	}
	p, err := s.Get(ctx, ledger.RequestKey(c.last))
	if err == nil {
		err = json.Unmarshal(p.Value, &r)
	}
	if err != nil {
		return r, fmt.Errorf("request %s of %s: %w", c.last, c.short, err)
	}
	if !r.Done {
		return r, fmt.Errorf("the request for %s is not finished: %s", c.short, s.waiting(ctx))
	}
	return r, nil
}

// check waits for rest and looks at everything on every node but those that
// are off: each application is as its last operation says, nothing is left over.
func (s *Scene) check(ctx context.Context, off []string) error {
	if err := s.idle(ctx); err != nil {
		return err
	}
	if err := s.Pass(ctx, 2*s.Times().Poll+4*s.Times().Beat); err != nil {
		return err
	}
	if err := s.idle(ctx); err != nil {
		return err
	}
	s.rests++
	now, err := Look(ctx, s)
	if err != nil {
		return err
	}
	for _, node := range off {
		delete(now.Seen, node)
	}
	var faults []error
	var all []app.App
	for _, c := range s.apps {
		all = append(all, c.App)
		faults = append(faults, s.standing(ctx, now, c, off))
	}
	seen := now // the held ones are looked up in what was seen
	now.Pairs = slices.DeleteFunc(slices.Clone(now.Pairs), func(p port.Pair) bool { return s.held(seen, p, off) })
	faults = append(faults, now.Leftovers(all, all)...)
	return errors.Join(append(faults, now.Absent(s.without(off)))...)
}

// held reports that a pair is the maintenance of an app whose master is off,
// which has to roll a release back first: until then nobody may write to it.
func (s *Scene) held(now Sight, p port.Pair, off []string) bool {
	name, ours := strings.CutPrefix(p.Key, ledger.Maintenance)
	var o app.Operation
	return ours && value(now.Pairs, ledger.OperationKey(name), &o) && o.Hold != "" && o.Hold == string(p.Value) && slices.Contains(off, o.Runs().Master)
}

// standing checks one application at rest.
func (s *Scene) standing(ctx context.Context, now Sight, c *cast, off []string) error {
	o, err := s.operation(ctx, c.Name())
	if err != nil {
		return err
	}
	e := now.expected(c.App, o.Runs(), s.Address)
	e.Parts = s.unordered || len(off) > 0
	e.Without, e.Held = off, o.Hold != "" && slices.Contains(off, e.At.Master)
	want := o.Generation
	if o.Outcome == app.OutcomeCommitted && o.Kind == app.Deploy {
		want = o.Seq
	}
	if !e.At.IsZero() && !o.Lock && e.Record.Generation != want {
		return fmt.Errorf("the record of %s is of generation %d, must be of %d", c.short, e.Record.Generation, want)
	}
	faults := e.Faults(now, s.Acked(c.App))
	if !e.At.IsZero() && !slices.Contains(off, e.At.Master) {
		for _, node := range s.without(off) {
			refused, err := s.Write(ctx, node, c.App)
			if err != nil {
				return err
			}
			if refused != nil {
				faults = append(faults, fmt.Errorf("no write through the edge of %s: %w", node, refused))
			}
		}
	}
	return errors.Join(faults...)
}

// without lists the nodes but those that are off.
func (s *Scene) without(off []string) []string {
	return slices.DeleteFunc(s.Nodes(), func(n string) bool { return slices.Contains(off, n) })
}

// waiting says in words what is not at rest.
func (s *Scene) waiting(ctx context.Context) string {
	return s.short(waiting(ctx, s.Ground, nil, s.Times().CallTimeout))
}

// Vacuous is an error when a fault that was asked for never struck.
func (s *Scene) Vacuous() error {
	for _, a := range s.armed {
		if !a.maybe && !a.has() {
			return fmt.Errorf("%w: %s", errVacuous, a.what)
		}
	}
	return nil
}

// Struck says of each fault that was armed, in order, whether it has struck.
func (s *Scene) Struck() (all []bool) {
	for _, a := range s.armed {
		all = append(all, a.has())
	}
	return all
}
