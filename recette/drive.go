package recette

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

var errVacuous = errors.New("the fault never struck")

// play is one turn of a cell on a world: the driver. It knows nothing of which
// world that is.
type play struct {
	World
	app, source app.App
	before      func(Move) // called before the trouble is armed
}

// newPlay is a driver of w, on which nothing has happened yet.
func newPlay(w World) *play {
	p := &play{World: w}
	p.app, p.source = w.Apps()
	return p
}

// PlayTurn plays one turn of the cell of a row and a column on a world on which
// nothing has happened yet: the moves before it without a fault, then the move
// with the turn's trouble while users write, healing, every check at rest, all
// events again and a fresh deploy. It returns what proves that the trouble
// struck. The caller closes the world.
func PlayTurn(ctx context.Context, w World, r Row, c Column, t Turn) (proof string, err error) {
	trouble, err := c.trouble(r, t)
	if err != nil {
		return "", err
	}
	return newPlay(w).turn(ctx, r, t.at(), c.ends, trouble)
}

// turn plays the move at of the row with a trouble.
func (p *play) turn(ctx context.Context, r Row, at int, ends func(Move) app.Outcome, t Trouble) (proof string, err error) {
	if err := p.prepare(ctx, r, at); err != nil {
		return "", fmt.Errorf("setting the scene: %w", err)
	}
	m := r.Moves[at]
	want := app.Outcome("")
	if ends != nil {
		want = ends(m)
	}
	if p.before != nil {
		p.before(m)
	}
	if proof, err = p.played(ctx, m, want, t); err != nil {
		return proof, err
	}
	return proof, p.epilogue(ctx)
}

// own are the applications of the play.
func (p *play) own() []app.App { return []app.App{p.app, p.source} }

// patience is how long anything may take to come to rest once it is healed,
// and trial how long it is tried while the trouble lasts.
func (p *play) patience() time.Duration { return 24 * p.Times().Orphan }

func (p *play) trial() time.Duration { return p.Times().Orphan + 5*p.Times().Gone }

// prepare lets everything before move at happen, without a fault.
func (p *play) prepare(ctx context.Context, r Row, at int) error {
	if err := p.Pass(ctx, p.Times().Beat); err != nil {
		return err
	}
	first := r.Moves[0]
	if first.Kind == app.Migrate {
		if err := p.settled(ctx, p.source, first.Source); err != nil {
			return err
		}
	}
	if !first.Old.IsZero() {
		if err := p.settled(ctx, p.app, first.Old); err != nil {
			return err
		}
	}
	for _, m := range r.Moves[:at] {
		if err := p.Push(ctx, p.app, Good); err != nil {
			return err
		}
		if _, err := p.played(ctx, m, app.OutcomeCommitted, Trouble{}); err != nil {
			return err
		}
	}
	return p.Push(ctx, p.app, Good)
}

// settled deploys a to at, lets users write to it, and waits for its replica.
func (p *play) settled(ctx context.Context, a app.App, at app.Placement) error {
	if err := p.Push(ctx, a, Good); err != nil {
		return err
	}
	o, err := p.do(ctx, app.Request{Kind: app.Deploy, App: a, New: at})
	if err != nil {
		return err
	}
	if o.Outcome != app.OutcomeCommitted {
		return errors.New(o.Reason)
	}
	if err := p.writes(ctx, a, 5); err != nil {
		return err
	}
	return p.Pass(ctx, p.Times().Poll)
}

// writes lets users write to a until n writes were acknowledged.
func (p *play) writes(ctx context.Context, a app.App, n int) error {
	for done, tries := 0, 0; done < n; tries++ {
		refused, err := p.Write(ctx, nodes[tries%len(nodes)], a)
		switch {
		case err != nil:
			return err
		case refused == nil:
			done++
		case tries > 20*n:
			return refused
		}
		if err := p.Pass(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// played asks for the move while users write and trouble strikes, heals, and
// checks that it ended as wanted ("": either way) and that everything is as
// that says.
func (p *play) played(ctx context.Context, m Move, want app.Outcome, t Trouble) (proof string, err error) {
	now, err := p.KV(ctx)
	if err != nil {
		return "", err
	}
	before := Sight{Pairs: now}.expected(p.app, m.Old, p.Address)
	struck, err := p.Arm(ctx, t)
	if err != nil {
		return "", fmt.Errorf("arm %s: %w", t, err)
	}
	stop, err := p.Users(ctx, p.app)
	if err != nil {
		return "", err
	}
	id, err := p.suffer(ctx, m, t)
	if err = errors.Join(err, stop(ctx)); err != nil {
		return struck(), err
	}
	if proof = struck(); proof == "" {
		return "", errVacuous
	}
	got, err := p.outcome(ctx, p.app, id)
	if err != nil {
		return proof, err
	}
	if want != "" && got.Outcome != want {
		return proof, fmt.Errorf("ended %s (%s), must end %s", got.Outcome, got.Reason, want)
	}
	return proof, p.check(ctx, m, got, before)
}

// suffer asks for the move, lets it go as far as it comes, heals and waits for
// rest.
func (p *play) suffer(ctx context.Context, m Move, t Trouble) (id string, err error) {
	from := nodes[len(nodes)-1]
	if t.Node == from {
		from = nodes[len(nodes)-2]
	}
	if id, err = p.Ask(ctx, from, p.request(m)); err != nil {
		return id, err
	}
	if _, err := p.Settle(ctx, p.trial()); err != nil {
		return id, err
	}
	more := p.Times().Poll // what follows the end of an operation meets the fault too
	if t.What == Paused {
		more += 2 * p.Times().SessionTTL // its session has to go
	}
	if err := p.Pass(ctx, more); err != nil {
		return id, err
	}
	if err := p.Heal(ctx); err != nil {
		return id, err
	}
	return id, p.rest(ctx)
}

// request of a move.
func (p *play) request(m Move) app.Request {
	r := app.Request{Kind: m.Kind, App: p.app, New: m.New}
	if m.Kind == app.Migrate {
		r.Source, r.Flags.Update = &p.source, true
	}
	return r
}

// do asks for r and waits until it is done.
func (p *play) do(ctx context.Context, r app.Request) (app.Operation, error) {
	id, err := p.Ask(ctx, nodes[len(nodes)-1], r)
	if err != nil {
		return app.Operation{}, err
	}
	if err := p.settle(ctx); err != nil {
		return app.Operation{}, err
	}
	return p.outcome(ctx, r.App, id)
}

// settle waits until nothing is asked for or under way.
func (p *play) settle(ctx context.Context) error {
	quiet, err := p.Settle(ctx, p.patience())
	if err != nil || quiet {
		return err
	}
	return fmt.Errorf("%w after %v: %s", errRestless, p.patience(), waiting(ctx, p.World, p.own(), p.Times().CallTimeout))
}

// rest waits until nothing is under way, and two passes longer.
func (p *play) rest(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	if err := p.Pass(ctx, 2*p.Times().Poll+4*p.Times().Beat); err != nil {
		return err
	}
	return p.settle(ctx)
}
