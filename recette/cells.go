package recette

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/sim"
)

// Play plays the cell of a row and a column on the simulator: every turn on a
// cluster of its own.
func Play(r Row, c Column, o Options) Cell {
	cell := NewCell(WorldSim, r, c)
	began := time.Now()
	for at, m := range r.Moves {
		if !c.Applies(m) {
			continue
		}
		turns := c.turns(at, m)
		if c.Sweep != "" {
			cell.Plays++
			var err error
			if turns, err = sweep(r, c, at, o); err != nil {
				cell.Note(Turn{Move: at + 1}, "", fmt.Errorf("learning run: %w", err))
			}
		}
		for _, t := range turns {
			if cell.Verdict != Pass {
				break
			}
			proof, err := playTurn(r, c, t, o)
			cell.Note(t, proof, err)
		}
	}
	if cell.Cause != nil {
		cell.Replay = replayLine(r, c, cell.Cause, o.Seed)
	}
	cell.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	return cell
}

// playTurn plays one turn on a cluster of its own.
func playTurn(r Row, c Column, t Turn, o Options) (string, error) {
	trouble, err := c.trouble(r, t)
	if err != nil {
		return "", err
	}
	ends := c.ends
	if c.Sweep != "" {
		ends = nil
	}
	return staged(o, func(s *Stage, p *play) (string, error) {
		return p.turn(context.Background(), r, t.at(), ends, trouble)
	})
}

// staged lets f drive a new cluster, and closes it after whoever wants to has
// looked at it.
func staged[T any](o Options, f func(*Stage, *play) (T, error)) (v T, err error) {
	s, err := NewStage(o)
	if err != nil {
		return v, err
	}
	defer s.Close()
	p := newPlay(s.World())
	if o.Besides != nil {
		p.before = func(m Move) { o.Besides(s, m) }
	}
	v, err = f(s, p)
	if o.Saw != nil {
		o.Saw(s.Cluster)
	}
	return v, err
}

// sweep learns which calls the node makes during the move: its handler is
// crashed before and after each of them.
func sweep(r Row, c Column, at int, o Options) (turns []Turn, err error) {
	node := r.Moves[at].Node(c.Sweep)
	sites, err := Learn(r, at, o, node)
	for _, site := range sites {
		for nth := 1; nth <= site.Calls; nth++ {
			for _, phase := range []sim.Phase{sim.CrashBefore, sim.CrashAfter} {
				turns = append(turns, Turn{Move: at + 1, Trouble: Trouble{What: CallStrikes, Node: node, At: Call{Name: site.Call, Nth: nth}, Phase: phase}})
			}
		}
	}
	return turns, err
}

// Strike plays move at of the row with a trouble: it must end either way, whole.
func Strike(r Row, at int, o Options, t Trouble) error {
	_, err := staged(o, func(_ *Stage, p *play) (string, error) {
		return p.turn(context.Background(), r, at, nil, t)
	})
	return err
}

// Learn lists the calls that node's handler makes during move at of the row,
// while the operation is under way.
func Learn(r Row, at int, o Options, node string) ([]sim.Site, error) {
	o.Saw, o.Besides = nil, nil
	return staged(o, func(s *Stage, p *play) (sites []sim.Site, err error) {
		ctx := context.Background()
		if err := p.prepare(ctx, r, at); err != nil {
			return nil, err
		}
		before := map[string]int{}
		for _, site := range s.calls(node) {
			before[site.Call] = site.Calls
		}
		if _, err := p.Ask(ctx, nodes[3], p.request(r.Moves[at])); err != nil {
			return nil, err
		}
		if _, err := p.Settle(ctx, p.patience()); err != nil {
			return nil, err
		}
		for _, site := range s.calls(node) {
			if site.Calls -= before[site.Call]; site.Calls > 0 {
				sites = append(sites, site)
			}
		}
		return sites, nil
	})
}

// calls are those of a node's handler so far.
func (s *Stage) calls(node string) (all []sim.Site) {
	for _, site := range s.Sites() {
		if site.Node == node && site.Process == sim.Handler {
			all = append(all, site)
		}
	}
	return all
}

// PlayAll plays every cell of the simulator that take takes, on all cores, in
// table order.
func PlayAll(o Options, take func(Row, Column) bool) Result {
	var places []Place
	for _, p := range Places(WorldSim) {
		if take == nil || take(p.Row, p.Column) {
			places = append(places, p)
		}
	}
	result := Result{Cells: make([]Cell, len(places))}
	queue := make(chan int)
	var wait sync.WaitGroup
	var told sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			own := o
			own.Memo = &inspect.Memo{}
			for i := range queue {
				cell := Play(places[i].Row, places[i].Column, own)
				result.Cells[i] = cell
				if o.Done != nil {
					told.Lock()
					o.Done(cell)
					told.Unlock()
				}
			}
		})
	}
	for i := range places {
		queue <- i
	}
	close(queue)
	wait.Wait()
	result.Count()
	return result
}

// Replay plays one turn of a cell and says how it ended. look gets the cluster
// before it is closed: with o.Trace its lines, and always its hash.
func Replay(r Row, c Column, t Turn, o Options, look func(*sim.Cluster)) (proof string, err error) {
	if at := t.at(); at >= len(r.Moves) || !c.Applies(r.Moves[at]) {
		return "", fmt.Errorf("row %s has no move %d that %q applies to", r.Name, at+1, c.Name)
	}
	if c.Sweep != "" && t.Trouble.What == Nothing {
		return "", fmt.Errorf("column %q strikes every call: say which (--fault \"node call nth phase\")", c.Name)
	}
	o.Saw = look
	if t.Trouble.What != Nothing {
		return "", Strike(r, t.at(), o, t.Trouble)
	}
	return playTurn(r, c, t, o)
}

// vacuous reports whether err is that a trouble never struck.
func vacuous(err error) bool { return errors.Is(err, errVacuous) }
