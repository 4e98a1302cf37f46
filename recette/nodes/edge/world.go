// Package edge is the recette of what users meet: a cluster of real nodes whose
// HAProxy and Caddy their handlers configure, with certificates from an ACME
// server of its own. Users enter at a node that is not the master. What comes
// in are applications and crowds of users; what goes out is what became of each
// request, what the nodes say of their edge, and how often a certificate was
// issued.
package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/recette/nodes"
)

// The nodes of a world: applications are on the first two, users enter at the
// third, to which every name leads.
const (
	Left  = "a"
	Right = "b"
	Entry = "c"
)

// World is a cluster with an edge. Make it with [Start].
type World struct {
	*cluster.Cluster
	Times app.Times
}

// Missing says in words why this machine cannot have a world; it is empty when
// it can.
func Missing(ctx context.Context) string { return cluster.MissingEdge(ctx) }

// Options say what kind of world it is.
type Options struct {
	Log    io.Writer // a line for each thing that takes long, nil: none
	Times  app.Times // zero: the smallest that their relations allow
	Cache  string    // see [cluster.Options]
	Direct bool      // nothing stands between transfers, for measuring
}

// Start makes a world.
func Start(ctx context.Context, o Options) (*World, error) {
	if o.Times == (app.Times{}) {
		o.Times = nodes.Short()
	}
	times, err := nodes.Flags(o.Times)
	if err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Nodes: []string{Left, Right, Entry}, Log: o.Log, Times: times, Edge: true, Cache: o.Cache, Direct: o.Direct,
	})
	if err != nil {
		return nil, err
	}
	if err := nodes.Stock(ctx, c, filepath.Join(c.Dir, "bin", "hello")); err != nil {
		return nil, fmt.Errorf("start world: %w", errors.Join(err, c.Close()))
	}
	return &World{c, o.Times}, nil
}

// Entry is the node where users enter.
func (w *World) Entry() *cluster.Node { return w.Node(Entry) }

// Put writes a key as a person does in Consul's interface.
func (w *World) Put(ctx context.Context, key string, value []byte) error {
	_, err := w.consul(ctx, http.MethodPut, "/v1/kv/"+key, value)
	return err
}

// Delete deletes a key likewise.
func (w *World) Delete(ctx context.Context, key string) error {
	_, err := w.consul(ctx, http.MethodDelete, "/v1/kv/"+key, nil)
	return err
}

func (w *World) consul(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialSocket(w.Entry().Consul())}}
	q, err := http.NewRequestWithContext(ctx, method, "http://consul"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask Consul: %w", err)
	}
	resp, err := client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("ask Consul: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(data))
	}
	if err != nil {
		return nil, fmt.Errorf("ask Consul for %s: %w", path, err)
	}
	return data, nil
}

// Read decodes a key of the KV and returns its index.
func (w *World) Read(ctx context.Context, key string, into any) (index uint64, err error) {
	data, err := w.consul(ctx, http.MethodGet, "/v1/kv/"+key+"?consistent", nil)
	if err != nil {
		return 0, err
	}
	pairs, err := nodes.Pairs(data)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(pairs[0].Value, into); err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	return pairs[0].Modify, nil
}

// Left says what the edge of a node leaves out, and why.
func (w *World) Left(ctx context.Context, node string) (map[string]string, error) {
	var m app.Member
	_, err := w.Read(ctx, ledger.NodeKey(node), &m)
	return m.Edge, err
}

// publishMax is how long nodes may take to show what was written.
const publishMax = 30 * time.Second

// Published waits until every node shows what the KV had at an index.
func (w *World) Published(ctx context.Context, index uint64) error {
	return fixture.Poll(ctx, publishMax, func(ctx context.Context) error {
		for _, n := range w.All() {
			var m app.Member
			if _, err := w.Read(ctx, ledger.NodeKey(n.Name), &m); err != nil {
				return err
			}
			if m.Published < index {
				return fmt.Errorf("%s has published up to %d, not %d", n.Name, m.Published, index)
			}
		}
		return nil
	})
}

// Status is what an operator sees.
func (w *World) Status(ctx context.Context, args ...string) (string, error) {
	r, err := w.Entry().Handler(ctx, append([]string{"status"}, args...)...)
	return string(r.Stdout) + string(r.Stderr), err
}

// said is the end of what a command said.
func said(text string) string { return strings.TrimSpace(text[max(0, len(text)-1200):]) }
