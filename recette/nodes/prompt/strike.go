package prompt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// strike is a fault that waits in a relay.
type strike struct {
	fault sim.Fault
	armed *relay.Armed
}

// order is a command that a fault wants carried out, by whoever commands: the
// scene is one person's.
type order struct {
	do   func(context.Context) error
	done chan error
}

// RefusedFault is the refusal of a fault that real nodes cannot have, with its
// reason, nil for all others.
func RefusedFault(f sim.Fault) error {
	sorry := func(why string) error { return fmt.Errorf("fault %s: %w: %s", f, recette.ErrCannot, why) }
	name, _, _ := strings.Cut(f.Call, ":")
	stream, streams := strings.CutPrefix(f.Call, "Stream.")
	switch {
	case f.Percent > 0:
		return sorry("a relay counts calls and draws none by chance; leave percent out")
	case streams && stream != cluster.StreamSSH && stream != cluster.StreamGitSSH:
		return sorry("its streams are Stream.ssh, transfers into the node, and Stream.gitssh")
	case !streams && !slices.Contains(relay.Addresses(), name):
		return sorry("that call sends nothing that could be held; those that do are " + strings.Join(relay.Addresses(), ", "))
	case f.Phase == sim.Half && f.Call != "Snapshots.Send" && !streams:
		return sorry("only a transfer stops half-way: Snapshots.Send")
	}
	return nil
}

// dark is how long a node is without power when nobody says.
const dark = 10 * time.Second

// Inject implements recette.Hands: the relay of the node holds the call, and
// what happens to node or handler happens by real means.
func (g *Ground) Inject(_ context.Context, f sim.Fault, then func(context.Context) error) (recette.Hit, error) {
	if err := RefusedFault(f); err != nil {
		return nil, err
	}
	n := g.cluster.Node(f.Node)
	r := relay.Fault{
		Node: f.Node, Process: f.Process.String(), Call: f.Call, Arg: f.Arg, Nth: f.Nth, Phase: relay.Phase(f.Phase),
		Times: f.Times, For: f.For, Err: f.Err,
	}
	halved := func() {}
	switch {
	case f.Phase == sim.Half && strings.HasPrefix(f.Call, "Stream."):
		r.Bytes = halfway
	case f.Phase == sim.Half: // of what the driver sends, not of what it answers
		r.Phase, halved = relay.Hook, g.halves(n)
	}
	r.Do = func() {
		g.ear.note(n.Name, "fault: "+f.String())
		if then != nil {
			g.command(then)
		}
		halved()
		g.happen(n, f)
	}
	armed := n.Relay.Arm(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.strikes = append(g.strikes, &strike{fault: f, armed: armed})
	return func() bool { return armed.Fired() > 0 }, nil
}

// halfway is after how many bytes a transfer stops: about ssh's own words and
// the beginning of the stream, of which the smallest has 400 more.
const halfway = 3800

// halves lets the next transfer into any other node stop half-way.
func (g *Ground) halves(from *cluster.Node) func() {
	return func() {
		all := map[*cluster.Node]*relay.Armed{}
		for _, n := range g.cluster.All() {
			if n == from {
				continue
			}
			all[n] = n.Relay.Arm(relay.Fault{
				Node: n.Name, Call: "Stream." + cluster.StreamSSH, Phase: relay.Half, Bytes: halfway,
				Do: func() {
					g.ear.note(n.Name, fmt.Sprintf("fault: a transfer into %s stops after %d bytes", n.Name, halfway))
				},
			})
		}
		g.background(func(ctx context.Context) { // one of them is struck, and the others are not meant
			for nodes.Pause(ctx, 50*time.Millisecond) == nil {
				for n, a := range all {
					if a.Fired() == 0 {
						continue
					}
					for o, other := range all {
						if o != n {
							o.Relay.Spare(other)
						}
					}
					return
				}
			}
		})
	}
}

// happen is what a fault does to the node or to its process as it strikes.
func (g *Ground) happen(n *cluster.Node, f sim.Fault) {
	ctx, cancel := context.WithTimeout(context.Background(), happenMax)
	defer cancel()
	name := program(f.Process)
	switch f.Phase {
	case sim.CrashBefore, sim.CrashAfter:
		if f.Down == 0 { // its unit starts it again at once
			g.told(n.Name)(n.Crash(ctx, name))
			return
		}
		g.told(n.Name)(n.Kill(ctx, name))
		g.later(n, f.Down, "no "+name, func(ctx context.Context) (string, error) { return n.Start(ctx, name) })
	case sim.PowerBefore, sim.PowerAfter:
		g.told(n.Name)(n.PowerCut(ctx))
		down := f.Down
		if down == 0 {
			down = dark
		}
		g.later(n, down, "off", n.Boot)
	}
}

// happenMax bounds what a fault does to a node.
const happenMax = 30 * time.Second

// later brings a node or a process back that is still away; never after a
// negative time.
func (g *Ground) later(n *cluster.Node, d time.Duration, away string, back func(context.Context) (string, error)) {
	if d < 0 {
		return
	}
	g.background(func(ctx context.Context) {
		if nodes.Pause(ctx, d) == nil && has(n, away) {
			g.told(n.Name)(back(ctx))
		}
	})
}

// command has a fault's command carried out by whoever commands, and waits for
// that.
func (g *Ground) command(do func(context.Context) error) {
	o := order{do: do, done: make(chan error, 1)}
	select {
	case g.orders <- o:
	case <-g.ended:
		return
	}
	select {
	case err := <-o.done:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.err = errors.Join(g.err, err)
	case <-g.ended:
	}
}

// pollEvery is how often a condition is looked at.
const pollEvery = 100 * time.Millisecond

// Until implements recette.Flow. Meanwhile it carries out what faults command.
func (g *Ground) Until(ctx context.Context, done func() (bool, error), limit time.Duration) (bool, error) {
	end := time.Now().Add(limit)
	for {
		ok, err := done()
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		left := time.Until(end)
		if ok || err != nil || left <= 0 {
			return ok, err
		}
		t := time.NewTimer(min(left, pollEvery))
		select {
		case <-t.C:
		case o := <-g.orders:
			o.done <- o.do(ctx)
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// Armed implements recette.Hands.
func (g *Ground) Armed() (all []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.strikes {
		if s.fault.Times < 0 || s.armed.Fired() < max(s.fault.Times, 1) {
			all = append(all, s.fault.String())
		}
	}
	return all
}

// Heal implements recette.Hands.
func (g *Ground) Heal(ctx context.Context) error {
	g.mu.Lock()
	mends := g.mends
	g.mends, g.strikes = map[string]func(context.Context) error{}, nil
	g.mu.Unlock()
	var faults []error
	for _, what := range slices.Sorted(maps.Keys(mends)) {
		faults = append(faults, mends[what](ctx))
	}
	faults = append(faults, g.cluster.Heal(ctx))
	if err := errors.Join(faults...); err != nil {
		return err
	}
	g.ear.note("", "operator: everything is healed, every handler has joined")
	return nil
}
