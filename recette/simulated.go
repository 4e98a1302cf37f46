package recette

import (
	"context"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// simulated is a stage as the driver sees it. What an invariant finds ends the
// run, and with it every wait.
type simulated struct{ *Stage }

var _ World = simulated{}

// World is the stage as a world in which the driver plays cells.
func (s *Stage) World() World { return simulated{s} }

func (w simulated) Times() app.Times { return w.Stage.Times }

func (w simulated) Apps() (moved, source app.App) { return w.app, w.source }

func (w simulated) Known() []app.App { return []app.App{w.app, w.source} }

// behaves is how the containers of a release behave.
func behaves(how Release) sim.Behaviour {
	return sim.Behaviour{Exits: how == Exits, NeverHealthy: how == Sick}
}

func (w simulated) Push(_ context.Context, a app.App, how Release) error {
	files := w.files
	if a == w.source {
		files = otherAddress(files)
	}
	w.Cluster.Push(a.Repo, a.Branch, files, behaves(how))
	return w.Err()
}

func (w simulated) Ask(_ context.Context, node string, r app.Request) (string, error) {
	id, err := w.Cluster.Ask(node, r)
	for _, n := range w.deaf { // an event takes no longer than that
		w.At(w.Now()+w.Stage.Times.Beat, "agent", func() { w.AgentDown(n, false) })
	}
	w.deaf, w.asked = nil, id
	return id, err
}

func (w simulated) Fire(_ context.Context, node string, kind app.Kind, id string) error {
	w.Cluster.Fire(node, string(kind), reference(id))
	return w.Err()
}

func (w simulated) Write(_ context.Context, node string, a app.App) (refused, err error) {
	_, refused = w.WriteAt(node, a.Name())
	return refused, w.Err()
}

func (w simulated) Users(_ context.Context, a app.App) (func(context.Context) error, error) {
	limit, on := len(w.Cluster.Acked(a.Name()))+40, true
	w.Every(500*time.Millisecond, "users of "+a.Name(), func() bool {
		if on {
			_, _ = w.Cluster.Write(a.Name()) // what fails was not acknowledged
		}
		return on && len(w.Cluster.Acked(a.Name())) < limit
	})
	return func(context.Context) error { on = false; return nil }, nil
}

func (w simulated) Observe(context.Context) (map[string]sim.Observation, error) {
	return w.Cluster.Observe(), w.Err()
}

func (w simulated) KV(context.Context) ([]port.Pair, error) {
	pairs, _ := w.Cluster.KV()
	return pairs, w.Err()
}

func (w simulated) Sessions(context.Context) ([]string, error) {
	return w.Cluster.Sessions(), w.Err()
}

func (w simulated) Acked(a app.App) []sim.Ack { return w.law.live(w.Cluster, a.Name()) }

func (w simulated) Settle(_ context.Context, most time.Duration) (bool, error) {
	limit := w.Now() + most
	err := w.Run(func() bool { return w.Quiet() || w.Now() > limit })
	return w.Quiet(), err
}

func (w simulated) Pass(_ context.Context, d time.Duration) error { return w.RunFor(d) }

func (w simulated) Heal(context.Context) error {
	w.repair()
	return w.Err()
}

func (w simulated) Close(context.Context) error {
	w.Cluster.Close()
	return nil
}

// Nodes lists the names of the nodes, a copy.
func (w simulated) Nodes() []string { return slices.Clone(w.Cluster.Nodes()) }
