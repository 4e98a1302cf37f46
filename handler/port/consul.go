package port

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// Pair is one key with its value and indexes.
type Pair struct {
	Key    string
	Value  []byte
	Create uint64 // CreateIndex
	Modify uint64 // ModifyIndex, 0: the key does not exist
}

// Verb is one kind of operation in a transaction.
type Verb int

// The verbs of a transaction.
const (
	Put        Verb = iota // set Key to Value, whatever it was
	CAS                    // set Key to Value if its ModifyIndex is Index; 0: if it does not exist
	Check                  // Key's ModifyIndex is Index (not 0)
	Absent                 // Key does not exist
	Delete                 // Key away; a missing key is fine
	DeleteCAS              // Key away if its ModifyIndex is Index (not 0); a missing key is fine
	DeleteTree             // every key with the prefix Key away
)

// Op is one operation of a transaction.
type Op struct {
	Verb  Verb
	Key   string
	Value []byte
	Index uint64
}

// Txn is an atomic change of the KV, at most 128 operations and 512 KiB.
// Name is the protocol's word for it (begin, ack, switching, commit …), for
// logs and for fault addresses.
type Txn struct {
	Name string
	Ops  []Op
}

// KV is Consul's key-value store. Reads are consistent: they never come from
// a deposed leader. Identical writes change no index.
type KV interface {
	// Get returns the pair of key; a missing key is a Pair with Modify 0 and
	// no error. Any error means "not known".
	Get(ctx context.Context, key string) (Pair, error)
	// List returns the pairs below prefix sorted by key, and the index to
	// Wait from.
	List(ctx context.Context, prefix string) ([]Pair, uint64, error)
	// Wait returns when something below prefix may have changed since index,
	// or after max (up to 1/16 longer), with the index to wait from next. It
	// may return early and without a change. An index that went backwards is
	// reset to 0 by the implementation.
	Wait(ctx context.Context, prefix string, index uint64, max time.Duration) (uint64, error)
	// Apply runs the transaction: nil and the new index when it was applied,
	// ErrRefused when a check did not hold, else an error that wraps
	// ErrUnknown. It is never retried inside: the caller reads first.
	Apply(ctx context.Context, t Txn) (uint64, error)
}

// Presence is this node's own sign of life in the cluster.
type Presence interface {
	// Join creates the node's session if it has none (TTL app.Times.SessionTTL,
	// lock-delay 0, behaviour delete), else renews it, and holds node/<name>
	// with m as its value. Called every beat.
	Join(ctx context.Context, m app.Member) error
	// Leave destroys the session and with it the key.
	Leave(ctx context.Context) error
}

// Members knows who belongs to the cluster, alive or not.
type Members interface {
	// Members lists all nodes of the catalogue, sorted by name, with Present
	// set for those that hold their node/ key.
	Members(ctx context.Context) ([]app.Member, error)
}

// Event is one Consul event: a wake-up. Events are lost, repeated and reordered.
type Event struct {
	ID      string
	Name    string
	Payload []byte
}

// Events is Consul's gossip.
type Events interface {
	// Fire sends a payload of at most 300 bytes. It is not safe to run twice:
	// two events are two ids.
	Fire(ctx context.Context, name string, payload []byte) error
	// Recent returns the agent's ring (256 events at most), oldest first, when
	// it differs from the one index names or after max, with the next index.
	Recent(ctx context.Context, index uint64, max time.Duration) ([]Event, uint64, error)
}

// Checks is the service registration on the local Consul agent.
type Checks interface {
	// Register makes service name known with an HTTP check of each url every
	// 60 s; service, when not empty, replaces the whole body.
	Register(ctx context.Context, name string, urls []string, service json.RawMessage) error
	// Deregister removes it; an unknown one is success. service is what was
	// given to Register.
	Deregister(ctx context.Context, name string, service json.RawMessage) error
	// Registered lists the names of the services on this agent, sorted.
	Registered(ctx context.Context) ([]string, error)
}
