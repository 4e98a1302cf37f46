// Package single is the smallest real world of the recette: one node, whose
// handler is driven by its command line, as people do. It shows what the
// cluster's cells do not: the verbs, figures, and commits that are refused.
// What comes in is an empty folder; what goes out are observations, the KV, and
// whether the node is as its app's record says.
package single

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes"
	"github.com/mlfmonde/cluster/sim"
)

// World is one real node with a git repository. Make it with [Start].
type World struct {
	*fixture.World
}

// Missing says in words why this machine cannot have a world; it is empty when
// it can.
func Missing() string { return fixture.Missing() }

// Start makes a world below dir, an empty folder with a short path. log gets a
// line for each thing that is begun.
func Start(ctx context.Context, dir string, log io.Writer) (*World, error) {
	w, err := fixture.Start(ctx, fixture.Options{Dir: dir, Log: log})
	if err != nil {
		return nil, err
	}
	return &World{w}, nil
}

// App is what the handler calls the branch main of a repository.
func App(repo string) (app.App, error) { return app.Parse(repo, "main") }

// Observe looks at the node.
func (w *World) Observe(ctx context.Context) (sim.Observation, error) {
	n := w.Node
	o, err := nodes.Eye{
		Name: n.Name, Root: func(context.Context) string { return n.Root() }, Machine: n.Machine(), Docker: n.DockerHost(), Driver: n.DriverSocket(),
		Handler: fixture.Agent, Guard: fixture.Guard, Get: n.Get,
	}.Look(ctx)
	if err != nil {
		return o, err
	}
	w.answers(ctx, &o)
	return o, nil
}

// answers asks hello, which is the only one that is published.
func (w *World) answers(ctx context.Context, o *sim.Observation) {
	a, err := w.Ask(ctx, w.Client(), "")
	for _, c := range o.Containers {
		if err == nil && a.Status == http.StatusOK && c.Running && !slices.Contains(o.Serving, c.Project) {
			o.Serving = append(o.Serving, c.Project)
		}
	}
}

// KV is every pair of the KV, sorted by key.
func (w *World) KV(ctx context.Context) ([]port.Pair, error) {
	data, err := w.Node.Get(ctx, "/v1/kv/?recurse&consistent")
	if err != nil {
		return nil, fmt.Errorf("read the KV: %w", err)
	}
	return nodes.Pairs(data)
}

// read is the value of a key, left alone when there is none.
func read(pairs []port.Pair, key string, into any) error {
	i := slices.IndexFunc(pairs, func(p port.Pair) bool { return p.Key == key })
	if i < 0 {
		return nil
	}
	if err := json.Unmarshal(pairs[i].Value, into); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// Operation is the last operation of an app, zero when there was none.
func (w *World) Operation(ctx context.Context, a app.App) (o app.Operation, err error) {
	pairs, err := w.KV(ctx)
	if err != nil {
		return o, err
	}
	return o, read(pairs, ledger.OperationKey(a.Name()), &o)
}

// Ack is what the world's node has said in operation o.
func (w *World) Ack(ctx context.Context, o app.Operation) (ack app.Ack, err error) {
	pairs, err := w.KV(ctx)
	if err != nil {
		return ack, err
	}
	return ack, read(pairs, ledger.AckKey(o.App.Name(), o.ID, w.Node.Name), &ack)
}

// AtRest makes the checks of every cell on the node, for the app a: its master,
// with everything of the recorded release and nothing of another, or without a
// trace of it but snapshots, journal and history.
func AtRest(o sim.Observation, kv []port.Pair, a app.App) error {
	var op app.Operation
	var rec app.Record
	if err := errors.Join(read(kv, ledger.OperationKey(a.Name()), &op), read(kv, ledger.RecordKey(a.Name()), &rec)); err != nil {
		return err
	}
	var faults []error
	if op.State != app.Done {
		faults = append(faults, fmt.Errorf("operation %d is %q, not done", op.Seq, op.State))
	}
	s := recette.Sight{Seen: map[string]sim.Observation{o.Node: o}, Pairs: kv}
	e := recette.Expected{App: a, At: op.Runs(), Record: rec, Address: func(string) string { return "" }}
	faults = append(faults, e.Faults(s, nil)...)
	faults = append(faults, s.Leftovers([]app.App{a}, []app.App{a})...)
	for _, name := range o.Services {
		if name != "consul" && name != a.Name() {
			faults = append(faults, fmt.Errorf("service %s belongs to nobody", name))
		}
	}
	if serving := slices.Contains(o.Serving, a.Project()); serving != (op.Runs().Master == o.Node) {
		faults = append(faults, fmt.Errorf("%s answers: %v", strings.Join(o.Serving, ", "), serving))
	}
	return errors.Join(faults...)
}
