package witness

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type kvPort struct {
	w    *Witness
	next port.KV
}

func (p kvPort) Get(ctx context.Context, key string) (port.Pair, error) {
	show := func(v port.Pair) any { return pair(v) }
	return look(ctx, p.w, "KV.Get", of(key), show, func() (port.Pair, error) { return p.next.Get(ctx, key) })
}

func (p kvPort) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	var index uint64
	show := func(all []port.Pair) any {
		list := List{Pairs: make([]Pair, len(all)), Index: index}
		for i, v := range all {
			list.Pairs[i] = pair(v)
		}
		return list
	}
	all, err := look(ctx, p.w, "KV.List", of(prefix), show, func() (all []port.Pair, err error) {
		all, index, err = p.next.List(ctx, prefix)
		return all, err
	})
	return all, index, err
}

func (p kvPort) Wait(ctx context.Context, prefix string, index uint64, most time.Duration) (uint64, error) {
	return look(ctx, p.w, "KV.Wait", of(prefix, index, most), plain[uint64], func() (uint64, error) { return p.next.Wait(ctx, prefix, index, most) })
}

func (p kvPort) Apply(ctx context.Context, t port.Txn) (uint64, error) {
	return do(ctx, p.w, "KV.Apply", of(txn(t)), plain[uint64], func() (uint64, error) { return p.next.Apply(ctx, t) })
}

type presencePort struct {
	w    *Witness
	next port.Presence
}

func (p presencePort) Join(ctx context.Context, m app.Member) error {
	return act(ctx, p.w, "Presence.Join", of(m), func() error { return p.next.Join(ctx, m) })
}

func (p presencePort) Leave(ctx context.Context) error {
	return act(ctx, p.w, "Presence.Leave", nil, func() error { return p.next.Leave(ctx) })
}

type membersPort struct {
	w    *Witness
	next port.Members
}

func (p membersPort) Members(ctx context.Context) ([]app.Member, error) {
	return look(ctx, p.w, "Members.Members", nil, members, func() ([]app.Member, error) { return p.next.Members(ctx) })
}

type eventsPort struct {
	w    *Witness
	next port.Events
}

func (p eventsPort) Fire(ctx context.Context, name string, payload []byte) error {
	return act(ctx, p.w, "Events.Fire", of(name, Value(payload)), func() error { return p.next.Fire(ctx, name, payload) })
}

// Ring is the answer of Events.Recent.
type Ring struct {
	Events []Event `json:"events"`
	Index  uint64  `json:"index"`
}

// Event is a [port.Event].
type Event struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Payload Value  `json:"payload"`
}

func (p eventsPort) Recent(ctx context.Context, index uint64, most time.Duration) ([]port.Event, uint64, error) {
	var next uint64
	show := func(all []port.Event) any {
		ring := Ring{Events: make([]Event, len(all)), Index: next}
		for i, e := range all {
			ring.Events[i] = Event{e.ID, e.Name, e.Payload}
		}
		return ring
	}
	all, err := look(ctx, p.w, "Events.Recent", of(index, most), show, func() (all []port.Event, err error) {
		all, next, err = p.next.Recent(ctx, index, most)
		return all, err
	})
	return all, next, err
}

type checksPort struct {
	w    *Witness
	next port.Checks
}

func (p checksPort) Register(ctx context.Context, name string, urls []string, service json.RawMessage) error {
	return act(ctx, p.w, "Checks.Register", of(name, urls, definition(service)), func() error { return p.next.Register(ctx, name, urls, service) })
}

func (p checksPort) Deregister(ctx context.Context, name string, service json.RawMessage) error {
	return act(ctx, p.w, "Checks.Deregister", of(name, definition(service)), func() error { return p.next.Deregister(ctx, name, service) })
}

func (p checksPort) Registered(ctx context.Context) ([]string, error) {
	return look(ctx, p.w, "Checks.Registered", nil, plain[[]string], func() ([]string, error) { return p.next.Registered(ctx) })
}
