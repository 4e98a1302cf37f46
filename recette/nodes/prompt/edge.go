package prompt

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// edge is what sends users on at one node: a follower of the KV as the node's
// own agent has it, which goes on with what it saw last while that does not
// answer. It reaches masters from inside its node.
type edge struct {
	node   *cluster.Node
	consul *api.Client // past the relay

	mu     sync.Mutex
	last   map[string]route
	shown  map[string]string // all routes
	closed []string
}

// route is where an application is, as an edge knows it.
type route struct {
	master string // "": nowhere
	slave  string
	closed bool   // in maintenance
	seq    uint64 // of the operation
	over   bool   // which was committed or done
}

// open is an error when nobody is sent on.
func (r route) open() error {
	switch {
	case r.closed:
		return errMaintenance
	case r.master == "":
		return errUnrouted
	}
	return nil
}

// connect makes a client of the node's agent.
func connect(n *cluster.Node) (*api.Client, error) {
	c, err := api.NewClient(&api.Config{Address: n.Consul()})
	if err != nil {
		return nil, fmt.Errorf("connect to Consul of %s: %w", n.Name, err)
	}
	return c, nil
}

// edgeMax is how long an edge waits for its agent.
const edgeMax = 2 * time.Second

// route is where name is, or was when the agent answered last.
func (e *edge) route(ctx context.Context, name string) route {
	now, err := route{}, errOff
	if on(e.node) {
		one, cancel := context.WithTimeout(ctx, edgeMax)
		defer cancel()
		now, err = e.look(one, name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.last[name] = now
	}
	return e.last[name]
}

// look reads the operation first: a write that comes in after a commit is never
// taken for one before it.
func (e *edge) look(ctx context.Context, name string) (r route, err error) {
	var o app.Operation
	var rec app.Record
	if _, err := e.value(ctx, ledger.OperationKey(name), &o); err != nil {
		return r, err
	}
	if r.closed, err = e.value(ctx, ledger.MaintenanceKey(name), nil); err != nil {
		return r, err
	}
	if _, err := e.value(ctx, ledger.RecordKey(name), &rec); err != nil {
		return r, err
	}
	p := rec.Placement()
	r.master, r.slave, r.seq, r.over = p.Master, p.Slave, o.Seq, o.State == app.Committed || o.State == app.Done
	return r, nil
}

// value decodes a key, unless into is nil. What is not ours stays zero.
func (e *edge) value(ctx context.Context, key string, into any) (there bool, err error) {
	p, _, err := e.consul.KV().Get(key, read(ctx, false))
	if err != nil || p == nil {
		return false, err
	}
	if into != nil {
		_ = json.Unmarshal(p.Value, into) // somebody may have written anything
	}
	return true, nil
}

// routes are what the edge shows, and what it shows as closed: as it was, while
// its agent does not answer.
func (e *edge) routes(ctx context.Context) (routes map[string]string, closed []string) {
	ctx, cancel := context.WithTimeout(ctx, edgeMax)
	defer cancel()
	records, _, err := e.consul.KV().List(ledger.Records, read(ctx, false))
	var maintained api.KVPairs
	if err == nil {
		maintained, _, err = e.consul.KV().List(ledger.Maintenance, read(ctx, false))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		return e.shown, e.closed
	}
	e.shown, e.closed = map[string]string{}, nil
	for _, p := range records {
		var rec app.Record
		if json.Unmarshal(p.Value, &rec) == nil {
			e.shown[strings.TrimPrefix(p.Key, ledger.Records)] = rec.Master
		}
	}
	for _, p := range maintained {
		e.closed = append(e.closed, strings.TrimPrefix(p.Key, ledger.Maintenance))
	}
	return e.shown, e.closed
}

// read are the options of a question.
func read(ctx context.Context, consistent bool) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: consistent}).WithContext(ctx)
}

// write are those of an order.
func write(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }
