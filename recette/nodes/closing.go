package nodes

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Close implements recette.Breaker: the handler destroys the play's
// applications, their snapshots, which it keeps by design, go after them, and
// then nothing of the play may be left on any node.
func (p *Play) Close(ctx context.Context) error {
	p.batch.finish(p)
	healed := p.Heal(ctx)
	if !p.inside {
		if err := p.bench.gate.enter(ctx); err != nil {
			return errors.Join(healed, err)
		}
		p.inside = true
	}
	err := errors.Join(healed, p.away(ctx))
	p.inside = false
	p.bench.over(p)
	if err != nil {
		return fmt.Errorf("take play %s away: %w", p.token, err)
	}
	return nil
}

// over lets others go on.
func (b *Bench) over(p *Play) {
	b.mu.Lock()
	delete(b.plays, p)
	for _, s := range []site{p.moved, p.lent} {
		b.gone[s.App] = time.Now()
	}
	b.mu.Unlock()
	b.gate.leave()
}

// destroyMax is how long a destroy may take.
const destroyMax = 3 * time.Minute

func (p *Play) away(ctx context.Context) error {
	for _, s := range []site{p.moved, p.lent} {
		if err := p.destroy(ctx, s.App); err != nil {
			return err
		}
	}
	return p.vanished(ctx)
}

// destroy asks the handler to, where the application is anywhere.
func (p *Play) destroy(ctx context.Context, a app.App) error {
	pairs, err := p.KV(ctx)
	if err != nil {
		return err
	}
	if find(pairs, ledger.OperationKey(a.Name())) == nil {
		return nil
	}
	var o app.Operation
	if err := decode(pairs, ledger.OperationKey(a.Name()), &o); err != nil || o.State == app.Done && o.Runs().IsZero() {
		return err
	}
	id, err := p.Ask(ctx, p.Nodes()[0], app.Request{Kind: app.Destroy, App: a})
	if err != nil {
		return err
	}
	quiet, err := p.Settle(ctx, destroyMax)
	if err != nil {
		return err
	}
	if pairs, err = p.KV(ctx); err != nil {
		return err
	}
	var r app.Request
	if err := decode(pairs, ledger.RequestKey(id), &r); err != nil {
		return err
	}
	if !quiet || r.Outcome != app.OutcomeCommitted {
		return fmt.Errorf("destroy %s: %q after %s: %s", a.Name(), r.Outcome, destroyMax, r.Reason)
	}
	return nil
}

// vanishMax is how long nodes may take to do what is left of their part.
const vanishMax = 30 * time.Second

// vanished takes the play's snapshots away, and waits until nothing of it is
// left.
func (p *Play) vanished(ctx context.Context) error {
	limit := time.Now().Add(vanishMax)
	for {
		if err := p.drop(ctx); err != nil {
			return err
		}
		left, err := p.anywhere(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("left after %s: %s", vanishMax, strings.Join(left, "; "))
		}
		if err := fixture.Pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// anywhere lists what any node has of the play.
func (p *Play) anywhere(ctx context.Context) (left []string, err error) {
	seen, err := p.Observe(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range p.bench.cluster.All() {
		images, err := p.bench.eye(n).tags(ctx, p.token)
		if err != nil {
			return nil, err
		}
		for _, what := range append(p.left(seen[n.Name]), images...) {
			left = append(left, n.Name+": "+what)
		}
	}
	return left, nil
}

// left lists what a node has of the play.
func (p *Play) left(o sim.Observation) (all []string) {
	add := func(what, name string) {
		if strings.Contains(name, p.token) {
			all = append(all, what+" "+name)
		}
	}
	for _, c := range o.Containers {
		add("container", c.Name)
	}
	for _, v := range o.Volumes {
		add("volume", v.Name)
	}
	for _, s := range o.Snapshots {
		add("snapshot", s.Name)
	}
	for _, s := range o.Schedules {
		add("schedule", s.Volume+" "+s.Action)
	}
	for _, l := range slices.Concat(o.Leases, o.Scripts) {
		add("lease or script", l.Project)
	}
	for what, names := range map[string][]string{"checkout": o.Checkouts, "volume": o.Local, "service": o.Services, "maintenance": o.Closed} {
		for _, name := range names {
			add(what, name)
		}
	}
	for name := range o.Routes {
		add("route", name)
	}
	slices.Sort(all)
	return all
}

// drop removes the play's snapshots from every node.
func (p *Play) drop(ctx context.Context) error {
	for _, n := range p.bench.cluster.All() {
		eye, start := p.bench.eye(n), p.bench.notes.now()
		// btrfs finds its way only in its own mounts: the folder tells the names.
		all, err := names(filepath.Join(eye.Root(ctx), machine.Volumes, "snapshots"))
		for _, name := range all {
			if err == nil && strings.Contains(name, p.token) {
				err = eye.driver(ctx).Snapshots.Remove(ctx, name)
				p.bench.notes.add(start, witness.Happening{World: witness.Touched, Node: n.Name, What: "snapshots"})
			}
		}
		if err != nil {
			return fmt.Errorf("remove snapshots of %s: %w", n.Name, err)
		}
	}
	return nil
}

// Whole checks the cluster when nothing is under way but the plays there are:
// every node's handler and guard run and have joined, and nothing on any node
// belongs to nobody.
func (b *Bench) Whole(ctx context.Context) error {
	pairs, err := b.agents.kv(ctx, "")
	if err != nil {
		return err
	}
	present, err := b.agents.sessions(ctx)
	if err != nil {
		return err
	}
	seen, err := b.observe(ctx)
	if err != nil {
		return err
	}
	s := recette.Sight{Seen: seen, Pairs: pairs, Sessions: present}
	faults := append(s.Leftovers(nil, b.known()), s.Absent(b.names()))
	for _, node := range b.names() {
		for _, what := range b.strangers(seen[node]) {
			faults = append(faults, fmt.Errorf("%s: %s belongs to nobody", node, what))
		}
	}
	return errors.Join(faults...)
}

// strangers lists what of a node is nobody's, beside what the recette's own
// checks see: snapshots, markers of hosts that there are not, leases, volumes
// of other drivers, services.
func (b *Bench) strangers(o sim.Observation) (all []string) {
	known := b.known()
	nobody := func(what, name string, of func(app.App) bool) {
		if !slices.ContainsFunc(known, of) {
			all = append(all, what+" "+name)
		}
	}
	for _, s := range o.Snapshots {
		nobody("snapshot", s.Name, func(a app.App) bool { return strings.HasPrefix(s.Volume, a.Project()+"_") })
		there := func(node string) bool { return b.cluster.Node(node).Address == s.Host }
		if s.Host != "" && !slices.ContainsFunc(b.names(), there) {
			all = append(all, "marker "+s.Name)
		}
	}
	for _, l := range slices.Concat(o.Leases, o.Scripts) {
		nobody("lease or script", l.Project, func(a app.App) bool { return a.Project() == l.Project })
	}
	for _, v := range o.Local {
		nobody("volume", v, func(a app.App) bool { return strings.HasPrefix(v, a.Project()+"_") })
	}
	for _, s := range o.Services {
		nobody("service", s, func(a app.App) bool { return a.Name() == s || s == "consul" })
	}
	if !o.Handler || !o.Guard {
		all = append(all, fmt.Sprintf("handler %v, guard %v: a node", o.Handler, o.Guard))
	}
	return all
}
