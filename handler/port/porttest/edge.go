package porttest

import (
	"context"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// EdgeEnv is a node whose proxies run, and the KV that they follow.
type EdgeEnv struct {
	Edge port.Edge
	KV   port.KV
}

// EdgeClauses are the promises of port.Edge.
func EdgeClauses() []Clause[EdgeEnv] {
	return []Clause[EdgeEnv]{
		{Method: "Edge.Publish", Says: "returns an index at or after that of every write before it", Check: edgeFollows},
		{Method: "Edge.Publish", Says: "again, with nothing new, never falls behind", Check: edgeAgain},
		{Method: "Edge.Publish", Says: "what cannot be published of one app is named, and the others are published", Check: edgeNames},
		{Method: "Edge.Publish", Says: "what was named and is good again is no longer named", Check: edgeForgets},
	}
}

func (e EdgeEnv) publish(ctx context.Context, t T) app.Published {
	t.Helper()
	p, err := e.Edge.Publish(ctx)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	if why := p.Left[app.WholeEdge]; why != "" {
		t.Fatalf("publish: the edge is held up: %s", why)
	}
	return p
}

// put writes a value and returns its index.
func (e EdgeEnv) put(ctx context.Context, t T, key, value string) uint64 {
	t.Helper()
	written, err := e.KV.Apply(ctx, port.Txn{Name: "clause", Ops: []port.Op{{Verb: port.Put, Key: key, Value: []byte(value)}}})
	if err != nil {
		t.Fatalf("write %s: %v", key, err)
	}
	return written
}

func edgeFollows(ctx context.Context, t T, e EdgeEnv) {
	for _, value := range []string{"one", "two"} {
		written := e.put(ctx, t, "maintenance/edge_clause.00000", value)
		if index := e.publish(ctx, t).Index; index < written {
			t.Errorf("published up to %d, the write is at %d", index, written)
		}
	}
}

func edgeAgain(ctx context.Context, t T, e EdgeEnv) {
	first := e.publish(ctx, t)
	if again := e.publish(ctx, t); again.Index < first.Index {
		t.Errorf("published up to %d, then up to %d", first.Index, again.Index)
	}
}

// Two apps for an edge. The one that is bad was written by hand: no deploy
// writes it.
const (
	goodApp    = "edge_good.00000"
	badApp     = "edge_bad.00000"
	goodRecord = `{"repo_url": "https://git.example.com/edge", "branch": "main", "master": "node", "ip": "192.0.2.1", "domains": ["%s.example.com"]}`
	badRecord  = `{"repo_url": "https://git.example.com/edge`
)

// spoil publishes a good app beside one that is not.
func (e EdgeEnv) spoil(ctx context.Context, t T) app.Published {
	t.Helper()
	e.put(ctx, t, "app/"+goodApp, fmt.Sprintf(goodRecord, "good"))
	e.put(ctx, t, "app/"+badApp, badRecord)
	return e.publish(ctx, t)
}

func edgeNames(ctx context.Context, t T, e EdgeEnv) {
	p := e.spoil(ctx, t)
	if p.Left[badApp] == "" {
		t.Errorf("%s is not named: %q", badApp, p.Left)
	}
	if why, named := p.Left[goodApp]; named {
		t.Errorf("%s is named: %s", goodApp, why)
	}
	written := e.put(ctx, t, "app/"+goodApp, fmt.Sprintf(goodRecord, "better"))
	if p := e.publish(ctx, t); p.Index < written || p.Left[badApp] == "" {
		t.Errorf("a change beside what is bad: %+v, the write is at %d", p, written)
	}
}

func edgeForgets(ctx context.Context, t T, e EdgeEnv) {
	e.spoil(ctx, t)
	e.put(ctx, t, "app/"+badApp, fmt.Sprintf(goodRecord, "mended"))
	if p := e.publish(ctx, t); p.Left[badApp] != "" {
		t.Errorf("still named: %s", p.Left[badApp])
	}
}
