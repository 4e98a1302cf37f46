package recette

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

var errVacuous = errors.New("the fault never struck")

// probe is a clone from a node, to prove that it fails.
func (s *Stage) probe(failed *bool) func(context.Context, port.World) {
	return func(ctx context.Context, w port.World) {
		_, err := w.Source.Checkout(ctx, s.app, app.Checkout(s.app.Name(), "probe"))
		*failed = err != nil
	}
}

// otherAddress is the same application under another domain.
func otherAddress(files port.Files) port.Files {
	out := port.Files{}
	for path, content := range files {
		out[path] = bytes.ReplaceAll(content, []byte("hello.example.com"), []byte("production.example.com"))
	}
	return out
}

// Play plays the cell of a row and a column on the simulator: every variant
// for every move of the row to which the column applies, each on a cluster of
// its own.
func Play(r Row, c Column, o Options) Cell {
	cell := Cell{Row: r.Name, Column: c.Name, World: "sim", Verdict: Pass}
	for at, m := range r.Moves {
		if !c.Applies(m) {
			continue
		}
		plays, err := variants(r, c, at, o)
		cell.Plays += plays
		if err != nil {
			cell.Verdict, cell.Reason, cell.Cause = Fail, err.Error(), err
			if errors.Is(err, errVacuous) {
				cell.Verdict = Vacuous
			}
			cell.Replay = replayLine(r, c, err, o.Seed)
			return cell
		}
	}
	return cell
}

func variants(r Row, c Column, at int, o Options) (int, error) {
	if c.Sweep != "" {
		return sweep(r, c, at, o)
	}
	n := 1
	if c.Variants != nil {
		n = c.Variants(r.Moves[at])
	}
	for v := range n {
		err := once(r, at, o, c.Ends, func(s *Stage, m Move) func() bool { return c.Arm(s, m, v) })
		if err != nil {
			return v + 1, &Failed{Turn: Turn{Move: at + 1, Variant: v + 1}, Err: err}
		}
	}
	return n, nil
}

// sweep learns which calls the node makes during the move, and then crashes
// its handler before and after each of them.
func sweep(r Row, c Column, at int, o Options) (int, error) {
	node := r.Moves[at].Node(c.Sweep)
	sites, err := learn(r, at, o, node)
	if err != nil {
		return 1, fmt.Errorf("learning run: %w", err)
	}
	plays := 1
	for _, site := range sites {
		for nth := 1; nth <= site.Calls; nth++ {
			for _, phase := range []sim.Phase{sim.CrashBefore, sim.CrashAfter} {
				f := sim.Fault{Node: node, Call: site.Call, Nth: nth, Phase: phase}
				plays++
				if err := Strike(r, at, o, f); err != nil {
					return plays, &Failed{Turn: Turn{Move: at + 1, Fault: f}, Err: err}
				}
			}
		}
	}
	return plays, nil
}

// Strike plays move at of the row with one fault: it must end either way, whole.
func Strike(r Row, at int, o Options, f sim.Fault) error {
	return once(r, at, o, nil, func(s *Stage, _ Move) func() bool { return s.fault(f) })
}

// Learn lists the calls that node's handler makes during move at of the row.
func Learn(r Row, at int, o Options, node string) ([]sim.Site, error) { return learn(r, at, o, node) }

// learn plays the move without a fault and counts the node's calls while the
// operation is under way.
func learn(r Row, at int, o Options, node string) ([]sim.Site, error) {
	s, err := staged(r, at, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	before := counts(s, node)
	m := r.Moves[at]
	if _, err := s.Ask(nodes[3], s.request(m)); err != nil {
		return nil, err
	}
	if err := s.Run(func() bool { return s.Quiet() || s.Now() > patience }); err != nil {
		return nil, err
	}
	var sites []sim.Site
	for _, site := range s.Sites() {
		if site.Node == node && site.Process == sim.Handler {
			if site.Calls -= before[site.Call]; site.Calls > 0 {
				sites = append(sites, site)
			}
		}
	}
	return sites, nil
}

func counts(s *Stage, node string) map[string]int {
	all := map[string]int{}
	for _, site := range s.Sites() {
		if site.Node == node && site.Process == sim.Handler {
			all[site.Call] = site.Calls
		}
	}
	return all
}

// staged is a cluster in which everything before move at has happened without
// a fault.
func staged(r Row, at int, o Options) (*Stage, error) {
	s, err := NewStage(o)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(r, at); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stage) prepare(r Row, at int) error {
	if err := s.RunFor(s.Times.Beat); err != nil {
		return err
	}
	first := r.Moves[0]
	if first.Kind == app.Migrate {
		s.push(s.source)
		if err := s.settled(s.source, first.Source); err != nil {
			return err
		}
	}
	if !first.Old.IsZero() {
		if err := s.settled(s.app, first.Old); err != nil {
			return err
		}
	}
	for _, m := range r.Moves[:at] {
		s.push(s.app)
		if err := s.played(m, app.OutcomeCommitted, nil); err != nil {
			return err
		}
	}
	s.push(s.app)
	return nil
}

// settled deploys a to p and lets users write to it.
func (s *Stage) settled(a app.App, p app.Placement) error {
	o, err := s.do(app.Request{Kind: app.Deploy, App: a, New: p})
	if err != nil {
		return fmt.Errorf("setting the scene: %w", err)
	}
	if o.Outcome != app.OutcomeCommitted {
		return fmt.Errorf("setting the scene: %s", o.Reason)
	}
	return s.write(a.Name(), 5)
}

// once plays one move with one fault, heals, and looks at everything.
func once(r Row, at int, o Options, ends func(Move) app.Outcome, arm func(*Stage, Move) func() bool) error {
	s, err := staged(r, at, o)
	if err != nil {
		return err
	}
	defer s.end(o)
	m := r.Moves[at]
	struck := arm(s, m)
	want := app.Outcome("")
	if ends != nil {
		want = ends(m)
	}
	if err := s.played(m, want, struck); err != nil {
		return err
	}
	return s.epilogue()
}

// played asks for the move while users write, heals, and checks that it ended
// as wanted ("": either way) and that everything is as that says.
func (s *Stage) played(m Move, want app.Outcome, struck func() bool) error {
	stop := s.users(s.app.Name())
	defer stop()
	before := s.expect(m.Old)
	req := s.request(m)
	id, err := s.Ask(nodes[3], req)
	if err != nil {
		return err
	}
	if err := s.Run(func() bool { return s.Quiet() || s.Now() > patience }); err != nil {
		return err
	}
	if err := s.RunFor(s.Times.Poll); err != nil { // what follows the end of an operation meets the fault too
		return err
	}
	s.heal()
	if err := s.rest(); err != nil {
		return err
	}
	stop()
	if struck != nil && !struck() {
		return errVacuous
	}
	got, err := s.outcome(s.app.Name(), id)
	if err != nil {
		return err
	}
	if want != "" && got.Outcome != want {
		return fmt.Errorf("ended %s (%s), must end %s", got.Outcome, got.Reason, want)
	}
	return s.check(m, got, before)
}

// PlayAll plays every cell that select takes, on all cores, in table order.
func PlayAll(o Options, take func(Row, Column) bool) Result {
	type job struct {
		row  Row
		col  Column
		cell int
	}
	var result Result
	var jobs []job
	for _, r := range Rows() {
		for _, c := range Columns() {
			if Applies(r, c) && (take == nil || take(r, c)) {
				jobs = append(jobs, job{r, c, len(jobs)})
			}
		}
	}
	result.Cells = make([]Cell, len(jobs))
	queue := make(chan job)
	var wait sync.WaitGroup
	var told sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			own := o
			own.Memo = &inspect.Memo{}
			for j := range queue {
				cell := Play(j.row, j.col, own)
				result.Cells[j.cell] = cell
				if o.Done != nil {
					told.Lock()
					o.Done(cell)
					told.Unlock()
				}
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wait.Wait()
	result.Count()
	return result
}
