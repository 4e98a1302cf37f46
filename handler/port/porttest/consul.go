package porttest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

// Consul is the environment of [ConsulClauses]: a cluster with an empty KV,
// no session of any handler and no service, as the handler of one node sees it.
type Consul struct {
	KV       port.KV
	Presence port.Presence
	Members  port.Members
	Events   port.Events
	Checks   port.Checks

	Node string // this node's name in the catalogue and in node/<Node>
	Idle string // another node of the catalogue, whose handler never joined
	TTL  time.Duration

	// Reborn is the presence of the next incarnation of this node's handler,
	// which knows nothing of what Presence did. Presence is not used after it.
	Reborn func() port.Presence
	// Lose ends this node's session without its handler's doing.
	Lose func(ctx context.Context) error
	// Other is what the handler of another node sees.
	Other ConsulPeer

	Clock port.Clock
	Tasks port.Tasks
	// Checked says which URLs this node's agent checks for a service, and how often.
	Checked func(ctx context.Context, service string) (map[string]time.Duration, error)
}

// ConsulPeer is the cluster from another node.
type ConsulPeer struct {
	KV      port.KV
	Members port.Members
	Events  port.Events
}

// ConsulClauses are the promises of KV, Presence, Members, Events and Checks.
func ConsulClauses() []Clause[Consul] {
	return slices.Concat(consulReads(), consulWaits(), consulWrites(), consulDeletes(), consulBounds(),
		consulPresence(), consulEvents(), consulServices())
}

// consulSlack is how much longer than asked a real machine may take to answer.
const consulSlack = 3 * time.Second

// apply runs ops, which must be applied, and returns the index.
func (e Consul) apply(ctx context.Context, t T, ops ...port.Op) uint64 {
	t.Helper()
	index, err := e.KV.Apply(ctx, port.Txn{Name: "clause", Ops: ops})
	if err != nil {
		t.Fatalf("apply %v: %v", ops, err)
	}
	return index
}

// refuse runs ops, of which a check must not hold.
func (e Consul) refuse(ctx context.Context, t T, why string, ops ...port.Op) {
	t.Helper()
	index, err := e.KV.Apply(ctx, port.Txn{Name: "clause", Ops: ops})
	if !errors.Is(err, port.ErrRefused) || errors.Is(err, port.ErrUnknown) {
		t.Errorf("%s: index %d and error %v, want refused", why, index, err)
	}
}

// put sets key, whatever it was.
func (e Consul) put(ctx context.Context, t T, key, value string) uint64 {
	t.Helper()
	return e.apply(ctx, t, port.Op{Verb: port.Put, Key: key, Value: []byte(value)})
}

// get reads key as another node sees it.
func (e Consul) get(ctx context.Context, t T, key string) port.Pair {
	t.Helper()
	p, err := e.Other.KV.Get(ctx, key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return p
}

// holds checks the value of key as another node sees it; "" is no key.
func (e Consul) holds(ctx context.Context, t T, key, want string) {
	t.Helper()
	p := e.get(ctx, t, key)
	if string(p.Value) != want || (p.Modify == 0) != (want == "") {
		t.Errorf("key %s has value %q at index %d, want %q", key, p.Value, p.Modify, want)
	}
}

// index is where to wait from for prefix.
func (e Consul) index(ctx context.Context, t T, prefix string) uint64 {
	t.Helper()
	_, index, err := e.KV.List(ctx, prefix)
	if err != nil {
		t.Fatalf("list %s: %v", prefix, err)
	}
	return index
}

// until polls what another node sees until done says so, for at most d.
func (e Consul) until(ctx context.Context, d time.Duration, done func() bool) bool {
	for end := e.Clock.Boot() + d; !done(); {
		if e.Clock.Boot() >= end || e.Clock.Sleep(ctx, 20*time.Millisecond) != nil {
			return false
		}
	}
	return true
}

// took is how long f took.
func (e Consul) took(f func()) time.Duration {
	start := e.Clock.Boot()
	f()
	return e.Clock.Boot() - start
}
