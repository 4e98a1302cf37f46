package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Follower is an edge that is configured by a renderer outside the handler, of
// the kind of consul-template, which follows app/, maintenance/ and swarm/ by
// blocking queries of its own. It only says how far the KV has come for
// everybody who follows it. Its methods may be called side by side.
type Follower struct {
	kv port.KV

	mu   sync.Mutex
	seen map[string]sight
}

// sight is a prefix as it was last listed.
type sight struct {
	listed uint64            // the index of that listing
	newest uint64            // change of a key that it had or has
	left   map[string]string // records that nobody can read
}

var _ port.Edge = (*Follower)(nil)

// New is the follower of kv.
func New(kv port.KV) *Follower { return &Follower{kv: kv, seen: map[string]sight{}} }

// followed are the prefixes that the renderer's templates range over.
func followed() []string { return []string{records, maintenances, swarms} }

// Publish implements port.Edge. It returns the index of the newest key below
// the followed prefixes: the renderer was told of it at that moment, and is as
// far as its own delay allows. It is no proof that the proxies run with it; a
// user who comes in between finds the app stopped instead of in maintenance. Nor
// does it know what the renderer leaves out: it names the records that are no
// JSON, at which a template stops.
//
// The index of the listing would not do: below a prefix that holds nothing it
// is that of the whole KV, which moves when a node tells how far it has
// published, and so for ever.
func (f *Follower) Publish(ctx context.Context) (app.Published, error) {
	var p app.Published
	for _, prefix := range followed() {
		seen, err := f.look(ctx, prefix)
		if err != nil {
			return app.Published{}, fmt.Errorf("publish: %w", err)
		}
		p.Index = max(p.Index, seen.newest)
		if len(seen.left) > 0 {
			p.Left = maps.Clone(seen.left)
		}
	}
	return p, nil
}

// look lists prefix. The values are fetched only when the index, which is
// cheap to ask for, has moved.
func (f *Follower) look(ctx context.Context, prefix string) (sight, error) {
	now, err := f.kv.Wait(ctx, prefix, 0, 0) // from 0 it does not wait
	if err != nil {
		return sight{}, err
	}
	f.mu.Lock()
	last := f.seen[prefix]
	f.mu.Unlock()
	if now == last.listed {
		return last, nil
	}
	pairs, listed, err := f.kv.List(ctx, prefix)
	if err != nil {
		return sight{}, err
	}
	seen := sight{listed: listed, newest: last.newest, left: map[string]string{}}
	for _, p := range pairs {
		seen.newest = max(seen.newest, p.Modify)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(p.Value, &fields); err != nil && prefix == records {
			seen.left[strings.TrimPrefix(p.Key, prefix)] = "the record cannot be read, and stops templates that range over it: " + err.Error()
		}
	}
	f.mu.Lock()
	f.seen[prefix] = seen
	f.mu.Unlock()
	return seen, nil
}
