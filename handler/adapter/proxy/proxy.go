// Package proxy is the edge of a node: what sends traffic to the apps. Words of
// the KV come in, the KV index that the edge has seen goes out.
//
// HAProxy and Caddy are configured by a renderer outside the handler, of the
// kind of consul-template, which follows app/, maintenance/ and swarm/ by
// blocking queries of its own. The handler writes no file of theirs and reloads
// nothing; it only says how far the KV has come for everybody who follows it.
package proxy

import (
	"context"
	"fmt"
	"sync"

	"github.com/mlfmonde/cluster/handler/port"
)

// Follower is an edge that follows the KV by itself. Its methods may be called
// side by side.
type Follower struct {
	kv port.KV

	mu   sync.Mutex
	seen map[string]sight
}

// sight is a prefix as it was last listed: the index of that listing, and the
// newest change of a key that it had or has.
type sight struct{ listed, newest uint64 }

var _ port.Edge = (*Follower)(nil)

// New is the follower of kv.
func New(kv port.KV) *Follower { return &Follower{kv: kv, seen: map[string]sight{}} }

// followed are the prefixes that the renderer's templates range over.
func followed() []string { return []string{"app/", "maintenance/", "swarm/"} }

// Publish implements port.Edge. It returns the index of the newest key below
// the followed prefixes: the renderer was told of it at that moment, and is as
// far as its own delay allows. It is no proof that the proxies run with it; a
// user who comes in between finds the app stopped instead of in maintenance.
//
// The index of the listing would not do: below a prefix that holds nothing it
// is that of the whole KV, which moves when a node tells how far it has
// published, and so for ever.
func (f *Follower) Publish(ctx context.Context) (uint64, error) {
	var index uint64
	for _, prefix := range followed() {
		newest, err := f.look(ctx, prefix)
		if err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		index = max(index, newest)
	}
	return index, nil
}

// look is the newest change below prefix. The values are fetched only when the
// index, which is cheap to ask for, has moved.
func (f *Follower) look(ctx context.Context, prefix string) (uint64, error) {
	now, err := f.kv.Wait(ctx, prefix, 0, 0) // from 0 it does not wait
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	last := f.seen[prefix]
	f.mu.Unlock()
	if now == last.listed {
		return last.newest, nil
	}
	pairs, listed, err := f.kv.List(ctx, prefix)
	if err != nil {
		return 0, err
	}
	newest := last.newest
	for _, p := range pairs {
		newest = max(newest, p.Modify)
	}
	f.mu.Lock()
	f.seen[prefix] = sight{listed: listed, newest: newest}
	f.mu.Unlock()
	return newest, nil
}
