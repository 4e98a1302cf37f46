// Package nodes is the recette's real world: real test nodes with the real
// handler, looked at in the same words as the simulated ones. What comes in is
// an empty folder; what goes out are observations of every node, the KV, and
// whether a node is as its app's record says.
package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
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

// KV is every pair of the KV, sorted by key.
func (w *World) KV(ctx context.Context) ([]port.Pair, error) {
	data, err := w.Node.Get(ctx, "/v1/kv/?recurse&consistent")
	if err != nil {
		return nil, fmt.Errorf("read the KV: %w", err)
	}
	var raw []struct {
		Key                      string
		Value                    []byte
		CreateIndex, ModifyIndex uint64
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read the KV: %w", err)
	}
	pairs := make([]port.Pair, len(raw))
	for i, p := range raw {
		pairs[i] = port.Pair{Key: p.Key, Value: p.Value, Create: p.CreateIndex, Modify: p.ModifyIndex}
	}
	slices.SortFunc(pairs, func(a, b port.Pair) int { return strings.Compare(a.Key, b.Key) })
	return pairs, nil
}

// read is the value of a key, "null" when there is none.
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
