package porttest

import (
	"context"

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
	}
}

func (e EdgeEnv) publish(ctx context.Context, t T) uint64 {
	t.Helper()
	index, err := e.Edge.Publish(ctx)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return index
}

func edgeFollows(ctx context.Context, t T, e EdgeEnv) {
	for _, value := range []string{"one", "two"} {
		written, err := e.KV.Apply(ctx, port.Txn{Name: "clause", Ops: []port.Op{
			{Verb: port.Put, Key: "maintenance/edge_clause.00000", Value: []byte(value)},
		}})
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		if index := e.publish(ctx, t); index < written {
			t.Errorf("published up to %d, the write is at %d", index, written)
		}
	}
}

func edgeAgain(ctx context.Context, t T, e EdgeEnv) {
	first := e.publish(ctx, t)
	if again := e.publish(ctx, t); again < first {
		t.Errorf("published up to %d, then up to %d", first, again)
	}
}
