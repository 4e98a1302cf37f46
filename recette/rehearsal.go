package recette

import (
	"context"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// rehearsal is a simulated cluster as the ground of a scene: the production
// handler on every node, virtual time, and every invariant after every step.
type rehearsal struct {
	*Stage
	strict  bool
	apps    []app.App // that somebody pushed
	checked uint64    // steps after which the invariants were looked at
	kv      uint64
	backup  []port.Pair
}

var _ Ground = (*rehearsal)(nil)

func newRehearsal(set Setting) *rehearsal {
	if len(set.Nodes) == 0 {
		set.Nodes = []string{"n1", "n2", "n3"}
	}
	if set.Memo == nil {
		set.Memo = &inspect.Memo{}
	}
	g := &rehearsal{strict: set.Strict}
	g.Stage = &Stage{Times: app.DefaultTimes(), law: newLaw(), mend: map[string]func(){}}
	agent, guard := Programs(g.Stage.Times, set.Memo, set.Edit)
	o := sim.Options{
		Nodes: set.Nodes, Seed: set.Seed, Strategy: set.Strategy, Program: agent, GuardProgram: guard,
		Times: g.Stage.Times, Trace: !set.Mute, OnStep: g.watch,
	}
	if set.Tune != nil {
		set.Tune(&o)
	}
	g.Cluster = sim.New(o)
	return g
}

// watch looks at the invariants after a step.
func (g *rehearsal) watch(c *sim.Cluster) {
	g.checked++
	g.law.step(c)
	if now := c.Changes().KV; now != g.kv {
		g.kv = now
		for _, a := range g.apps {
			if !g.strict {
				break
			}
			if err := g.ends(a); err != nil {
				c.Fail(err)
			}
		}
	}
}

// Nodes lists the names of the nodes, a copy.
func (g *rehearsal) Nodes() []string { return slices.Clone(g.Cluster.Nodes()) }

func (g *rehearsal) Times() app.Times { return g.Stage.Times }

// Epoch is the first day of every run.
func (g *rehearsal) Epoch() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

func (g *rehearsal) Remote(short string) string { return "https://git.example.com/team/" + short }

func (g *rehearsal) Push(_ context.Context, a app.App, files port.Files, how sim.Behaviour) (string, error) {
	if !slices.Contains(g.apps, a) {
		g.apps = append(g.apps, a)
	}
	return g.Cluster.Push(a.Repo, a.Branch, files, how), nil
}

func (g *rehearsal) Ask(_ context.Context, node string, r app.Request) (string, error) {
	return g.Cluster.Ask(node, r)
}

func (g *rehearsal) Fire(_ context.Context, node, name string, payload []byte) (string, error) {
	return g.Cluster.Fire(node, name, payload), nil
}

func (g *rehearsal) Write(_ context.Context, node string, a app.App) (refused, err error) {
	if node == "" {
		_, refused = g.Cluster.Write(g.name(a))
		return refused, nil
	}
	_, refused = g.WriteAt(node, g.name(a))
	return refused, nil
}

func (g *rehearsal) Observe(context.Context) (map[string]sim.Observation, error) {
	return g.Cluster.Observe(), nil
}

func (g *rehearsal) Glimpse(_ context.Context, a app.App) (map[string]sim.Observation, app.Placement) {
	return g.Cluster.Observe(), g.expected(a, app.Placement{}).Record.Placement()
}

func (g *rehearsal) KV(context.Context) ([]port.Pair, error) {
	pairs, _ := g.Cluster.KV()
	return pairs, nil
}

func (g *rehearsal) Get(_ context.Context, key string) (port.Pair, error) {
	return g.Cluster.Get(key), nil
}

func (g *rehearsal) Sessions(context.Context) ([]string, error) { return g.Cluster.Sessions(), nil }

func (g *rehearsal) Acked(a app.App) []sim.Ack { return g.law.live(g.Cluster, g.name(a)) }

func (g *rehearsal) Written(a app.App) (acknowledged, refused int) {
	return len(g.Cluster.Acked(g.name(a))), g.Refused(g.name(a))
}

func (g *rehearsal) Tally() Tally {
	return Tally{Steps: g.Steps(), Looks: g.checked, Busy: g.Busy(), Hash: g.Hash()}
}

// Until runs until done says so, at most limit of virtual time.
func (g *rehearsal) Until(_ context.Context, done func() (bool, error), limit time.Duration) (bool, error) {
	end, late := g.Now()+limit, false
	g.At(end, "limit", func() { late = true })
	ok, failed := false, error(nil)
	err := g.Run(func() bool {
		ok, failed = done()
		return ok || late || failed != nil
	})
	if err == nil {
		err = failed
	}
	if ok || err != nil {
		return ok, err
	}
	return done()
}

func (g *rehearsal) Quiet(context.Context) (bool, error) { return g.Cluster.Quiet(), nil }

func (g *rehearsal) Every(d time.Duration, what string, f func(context.Context) bool) {
	g.Cluster.Every(d, what, func() bool { return f(context.Background()) })
}

func (g *rehearsal) Inject(ctx context.Context, f sim.Fault, then func(context.Context) error) (Hit, error) {
	if then != nil {
		f.Do = func(c *sim.Cluster) {
			if err := then(ctx); err != nil {
				c.Fail(err)
			}
		}
	}
	armed := g.Cluster.Inject(f)
	g.fired = append(g.fired, armed)
	return func() bool { return armed.Fired > 0 }, nil
}

func (g *rehearsal) Armed() (all []string) {
	for _, a := range g.Faults() {
		all = append(all, a.Fault.String())
	}
	return all
}

func (g *rehearsal) Heal(context.Context) error {
	g.repair()
	return nil
}

func (g *rehearsal) Close() error {
	g.Cluster.Close()
	return nil
}
