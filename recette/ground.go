package recette

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// Ground is the cluster under a [Scene]: all that the commands of the language
// need of it. The simulator is one, a cluster of real nodes is another; the
// language is the same on both. What a ground does not have it refuses with an
// error that wraps [ErrCannot] and says why.
//
// Methods with a context may wait. An error says that the ground does not work
// or that something it watches does not hold, never that a user was refused.
type Ground interface {
	Terrain
	Public
	View
	Notice
	Flow
	Hands
	// Close takes everything away. Twice is once.
	Close() error
}

// Terrain is what stands still in a ground, and its clock.
type Terrain interface {
	// Nodes lists the names of the nodes, sorted.
	Nodes() []string
	// Address is where the other nodes reach a node.
	Address(node string) string
	Times() app.Times
	// Now is how long the cluster has been there.
	Now() time.Duration
	// Epoch is the date on the nodes' calendar when Now was 0.
	Epoch() time.Time
}

// Public are those who push, ask and write.
type Public interface {
	// Remote is the repository of the application that people call short.
	Remote(short string) string
	// Push makes files the newest commit of a, which behaves like how.
	Push(ctx context.Context, a app.App, files port.Files, how sim.Behaviour) (commit string, err error)
	// Ask puts the request into the KV under a new id and fires the event that
	// names it at a node's agent.
	Ask(ctx context.Context, node string, r app.Request) (id string, err error)
	// Fire fires any event at a node's agent and returns the event's id.
	Fire(ctx context.Context, node, name string, payload []byte) (id string, err error)
	// Write is one write of a user to a, through the edge of a node, "" for each
	// edge in turn. refused says why nobody acknowledged it.
	Write(ctx context.Context, node string, a app.App) (refused, err error)
}

// Notice is what is noticed besides how things stand.
type Notice interface {
	// Trace is everything that happened so far, oldest first. It only grows.
	Trace() []sim.Entry
	// Get is one pair of the KV; Modify 0: there is none.
	Get(ctx context.Context, key string) (port.Pair, error)
	// Glimpse is how the nodes stood a moment ago at most, and where a was: less
	// sure than Observe and the KV, and cheap enough for every line.
	Glimpse(ctx context.Context, a app.App) (map[string]sim.Observation, app.Placement)
	// Written counts the writes to a: acknowledged ones, whatever became of
	// them later, and refused ones.
	Written(a app.App) (acknowledged, refused int)
	Tally() Tally
}

// Tally is a ground in figures. What a ground does not count is 0.
type Tally struct {
	Steps uint64 // of the simulator
	Looks uint64 // steps after which the invariants were looked at
	Busy  int    // things that daemons have under way
	Hash  uint64 // of the trace
}

// Flow lets time go by.
type Flow interface {
	// Until waits until done says so, for at most limit, and reports whether it
	// did. done is asked often.
	Until(ctx context.Context, done func() (bool, error), limit time.Duration) (bool, error)
	// Quiet reports that nothing is asked for or under way.
	Quiet(ctx context.Context) (bool, error)
	// Every calls f every d from now on, while it returns true and the ground is
	// there: perhaps at any moment, beside everything else.
	Every(d time.Duration, what string, f func(ctx context.Context) bool)
	// Err is what was found broken that the ground watches all the time.
	Err() error
}

// Hands make things go wrong, and end that.
type Hands interface {
	// Act does something at once. said is what there is to tell about it, "" when
	// the trace tells it.
	Act(ctx context.Context, a Act) (said string, err error)
	// Inject lets f happen. then, unless it is nil, is done when it strikes,
	// before its phase, and never beside a command.
	Inject(ctx context.Context, f sim.Fault, then func(context.Context) error) (Hit, error)
	// Armed lists the faults that wait for a call, in words.
	Armed() []string
	// Heal ends all that Act and Inject did and starts what is down.
	Heal(ctx context.Context) error
}

// Hit reports whether an injected fault has struck.
type Hit func() bool

// ErrCannot wraps the error for what a ground does not have.
var ErrCannot = errors.New("not to be had here")

// Quiet reports whether nothing in the KV is asked for or under way: every
// request is a tombstone, every operation done. Values that are not ours are
// left aside.
func Quiet(pairs []port.Pair) bool {
	for _, p := range pairs {
		var r app.Request
		var o app.Operation
		switch {
		case strings.HasPrefix(p.Key, ledger.Requests) && json.Unmarshal(p.Value, &r) == nil && !r.Done:
			return false
		case strings.HasPrefix(p.Key, ledger.Operations) && json.Unmarshal(p.Value, &o) == nil && o.State != app.Done:
			return false
		}
	}
	return true
}
