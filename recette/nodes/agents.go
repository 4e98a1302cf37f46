package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/handler/port"
)

// agent is the HTTP API of one node's Consul agent, past every relay.
type agent struct {
	node string
	http *http.Client
}

// agentMax is how long an agent may take to answer: one without a leader tries
// for seven seconds to find one.
const agentMax = 8 * time.Second

// newAgent asks at the agent's own socket.
func newAgent(node, socket string) *agent {
	return &agent{node: node, http: &http.Client{Timeout: agentMax, Transport: &http.Transport{
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
}

// errMissing: there is no such key.
var errMissing = errors.New("there is none")

// ask is the whole answer; a missing key is errMissing.
func (a *agent) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://consul"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask Consul on %s: %w", a.node, err)
	}
	resp, err := a.http.Do(q)
	if err != nil {
		return nil, fmt.Errorf("ask Consul on %s: %w", a.node, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusNotFound:
		err = errMissing
	case resp.StatusCode >= 300:
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(data))
	}
	if err != nil {
		return nil, fmt.Errorf("ask Consul on %s: %w", a.node, err)
	}
	return data, nil
}

// Get reads; path begins with /v1.
func (a *agent) Get(ctx context.Context, path string) ([]byte, error) {
	return a.ask(ctx, http.MethodGet, path, nil)
}

// value is what a key holds, nil when there is no such key.
func (a *agent) value(ctx context.Context, key string) ([]byte, error) {
	data, err := a.Get(ctx, "/v1/kv/"+key+"?raw")
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	return data, err
}

// pairs are those below a prefix; how is "consistent", or "" for what the leader
// has.
func (a *agent) pairs(ctx context.Context, prefix, how string) ([]port.Pair, error) {
	data, err := a.Get(ctx, "/v1/kv/"+prefix+"?recurse&"+how)
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return Pairs(data)
}

// Pairs reads the agent's answer for a tree of the KV, sorted by key.
func Pairs(data []byte) ([]port.Pair, error) {
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

// agents are those of every node.
type agents []*agent

// anyMax is how long it is tried to find an agent that answers: a cluster
// without a leader for longer than that is no cluster.
const anyMax = 40 * time.Second

// any asks one agent after the other until one answers.
func (all agents) any(ctx context.Context, ask func(context.Context, *agent) error) error {
	ctx, cancel := context.WithTimeout(ctx, anyMax)
	defer cancel()
	for {
		var faults []error
		for _, a := range all {
			err := ask(ctx, a)
			if err == nil {
				return nil
			}
			faults = append(faults, err)
		}
		if fixture.Pause(ctx, 100*time.Millisecond) != nil {
			return errors.Join(faults...)
		}
	}
}

// kv is every pair below prefix, read consistently.
func (all agents) kv(ctx context.Context, prefix string) (pairs []port.Pair, err error) {
	return pairs, all.any(ctx, func(ctx context.Context, a *agent) error {
		pairs, err = a.pairs(ctx, prefix, "consistent")
		return err
	})
}

// handlers is what their sessions are called.
const handlers = "handler"

// sessions lists the nodes of the handlers' sessions, sorted.
func (all agents) sessions(ctx context.Context) (nodes []string, err error) {
	err = all.any(ctx, func(ctx context.Context, a *agent) error {
		data, err := a.Get(ctx, "/v1/session/list?consistent")
		if err != nil {
			return err
		}
		var list []struct{ Name, Node string }
		if err := json.Unmarshal(data, &list); err != nil {
			return fmt.Errorf("read the sessions: %w", err)
		}
		nodes = nil
		for _, s := range list {
			if s.Name == handlers { // Caddy's locks have sessions too
				nodes = append(nodes, s.Node)
			}
		}
		slices.Sort(nodes)
		return nil
	})
	return nodes, err
}

// Sessions implements recette.View. A session whose creation had no answer in
// time belongs to nobody, and is there until its time to live is over: Consul
// takes up to twice that.
func (p *Play) Sessions(ctx context.Context) ([]string, error) {
	for end := time.Now().Add(2 * p.bench.times.SessionTTL); ; {
		all, err := p.bench.agents.sessions(ctx)
		if err != nil || len(slices.Compact(slices.Clone(all))) == len(all) || time.Now().After(end) {
			return all, err
		}
		if err := fixture.Pause(ctx, time.Second); err != nil {
			return all, err
		}
	}
}

// find is the pair of a key, nil when there is none.
func find(pairs []port.Pair, key string) *port.Pair {
	i := slices.IndexFunc(pairs, func(p port.Pair) bool { return p.Key == key })
	if i < 0 {
		return nil
	}
	return &pairs[i]
}

// decode reads the value of a key, which must be there.
func decode(pairs []port.Pair, key string, into any) error {
	p := find(pairs, key)
	if p == nil {
		return fmt.Errorf("%s: %w", key, errMissing)
	}
	if err := json.Unmarshal(p.Value, into); err != nil {
		return fmt.Errorf("%w: %s: %w", errOdd, key, err)
	}
	return nil
}
