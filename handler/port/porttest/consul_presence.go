package porttest

import (
	"context"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

func consulPresence() []Clause[Consul] {
	return []Clause[Consul]{
		{Method: "Presence.Join", Says: "every node sees this one present, with what it says of itself", Check: presenceJoin},
		{Method: "Presence.Join", Says: "again with the same words writes nothing, with others it shows them", Check: presenceAgain},
		{Method: "Presence.Join", Says: "a later incarnation takes the key over, and nobody sees it missing", Check: presenceReborn},
		{Method: "Presence.Join", Says: "a node whose session is gone joins anew", Check: presenceAnew},
		{Method: "Presence.Join", Says: "a key that somebody removed comes back", Check: presenceRemoved},
		{Method: "Presence.Join", Says: "renewing keeps the key; without, it goes after at most twice the TTL", Range: true, Check: presenceExpires},
		{Method: "Presence.Leave", Says: "takes the key away at once, and joining works at once", Check: presenceLeave},
		{Method: "Presence.Leave", Says: "a node that never joined, or has left, leaves", Check: presenceLeaveTwice},
		{Method: "Members.Members", Says: "lists the whole catalogue with addresses, sorted by name, absent nodes too", Check: membersAll},
		{Method: "Members.Members", Says: "a key that no session holds is no sign of life", Check: membersForged},
	}
}

// key is where the environment's node shows that it is alive.
func (e Consul) key() string { return "node/" + e.Node }

// join makes p hold the node's key.
func (e Consul) join(ctx context.Context, t T, p port.Presence, version string) {
	t.Helper()
	m := app.Member{Name: e.Node, Address: "127.0.0.1", Version: version, Published: 7, Edge: map[string]string{"edge_bad.00000": "why " + version}}
	if err := p.Join(ctx, m); err != nil {
		t.Fatalf("join: %v", err)
	}
}

// leave takes p's session away.
func (e Consul) leave(ctx context.Context, t T, p port.Presence) {
	t.Helper()
	if err := p.Leave(ctx); err != nil {
		t.Fatalf("leave: %v", err)
	}
}

// member is what another node is told of name; its zero value: nothing.
func (e Consul) member(ctx context.Context, t T, name string) app.Member {
	t.Helper()
	all, err := e.Other.Members.Members(ctx)
	if err != nil {
		t.Fatalf("list members: %v", err)
	}
	for _, m := range all {
		if m.Name == name {
			return m
		}
	}
	return app.Member{}
}

// present checks whether the environment's node is seen by another.
func (e Consul) present(ctx context.Context, t T, want bool) {
	t.Helper()
	if got := e.member(ctx, t, e.Node).Present; got != want {
		t.Errorf("node %s present: %v, want %v", e.Node, got, want)
	}
	if got := e.get(ctx, t, e.key()).Modify != 0; got != want {
		t.Errorf("key %s there: %v, want %v", e.key(), got, want)
	}
}

func presenceJoin(ctx context.Context, t T, e Consul) {
	e.present(ctx, t, false)
	e.join(ctx, t, e.Presence, "v1")
	e.present(ctx, t, true)
	if m := e.member(ctx, t, e.Node); m.Version != "v1" || m.Published != 7 || m.Edge["edge_bad.00000"] != "why v1" {
		t.Errorf("member %+v, want version v1, published 7 and why its edge leaves an app out", m)
	}
}

func presenceAgain(ctx context.Context, t T, e Consul) {
	e.join(ctx, t, e.Presence, "v1")
	first := e.get(ctx, t, e.key())
	e.join(ctx, t, e.Presence, "v1")
	if p := e.get(ctx, t, e.key()); p.Modify != first.Modify || p.Create != first.Create {
		t.Errorf("the key went from %+v to %+v", first, p)
	}
	e.join(ctx, t, e.Presence, "v2")
	if p := e.get(ctx, t, e.key()); p.Create != first.Create || p.Modify <= first.Modify {
		t.Errorf("the key went from %+v to %+v, want a change in place", first, p)
	}
	if m := e.member(ctx, t, e.Node); m.Version != "v2" || !m.Present {
		t.Errorf("member %+v, want version v2, present", m)
	}
}

func presenceReborn(ctx context.Context, t T, e Consul) {
	e.join(ctx, t, e.Presence, "v1")
	first := e.get(ctx, t, e.key())
	reborn := e.Reborn()
	e.join(ctx, t, reborn, "v2")
	if p := e.get(ctx, t, e.key()); p.Create != first.Create {
		t.Errorf("the key was made again (%d, then %d): a watch sees the node absent", first.Create, p.Create)
	}
	e.present(ctx, t, true)
	e.leave(ctx, t, reborn)
	e.present(ctx, t, false)
}

func presenceAnew(ctx context.Context, t T, e Consul) {
	for range 2 {
		e.join(ctx, t, e.Presence, "v1")
		e.present(ctx, t, true)
		if err := e.Lose(ctx); err != nil {
			t.Fatalf("end the session: %v", err)
		}
		e.present(ctx, t, false)
	}
}

func presenceRemoved(ctx context.Context, t T, e Consul) {
	e.join(ctx, t, e.Presence, "v1")
	e.apply(ctx, t, port.Op{Verb: port.Delete, Key: e.key()})
	e.present(ctx, t, false)
	e.join(ctx, t, e.Presence, "v1")
	e.present(ctx, t, true)
}

func presenceExpires(ctx context.Context, t T, e Consul) {
	for end := e.Clock.Boot() + e.TTL*5/2; e.Clock.Boot() < end; {
		e.join(ctx, t, e.Presence, "v1")
		e.present(ctx, t, true)
		if err := e.Clock.Sleep(ctx, e.TTL/4); err != nil {
			t.Fatalf("sleep: %v", err)
		}
	}
	e.join(ctx, t, e.Presence, "v1")
	gone := false
	took := e.took(func() {
		gone = e.until(ctx, 2*e.TTL+consulSlack, func() bool { return e.get(ctx, t, e.key()).Modify == 0 })
	})
	t.Logf("the key of a node that stopped renewing was gone after %v, TTL %v", took, e.TTL)
	if !gone || took < e.TTL*9/10 {
		t.Errorf("key gone: %v after %v, want %v to %v", gone, took, e.TTL, 2*e.TTL)
	}
	e.join(ctx, t, e.Presence, "v1")
	e.present(ctx, t, true)
}

func presenceLeave(ctx context.Context, t T, e Consul) {
	e.join(ctx, t, e.Presence, "v1")
	e.leave(ctx, t, e.Presence)
	e.present(ctx, t, false)
	e.join(ctx, t, e.Presence, "v1")
	e.present(ctx, t, true)
}

func presenceLeaveTwice(ctx context.Context, t T, e Consul) {
	e.leave(ctx, t, e.Presence)
	e.join(ctx, t, e.Presence, "v1")
	e.leave(ctx, t, e.Presence)
	e.leave(ctx, t, e.Presence)
	e.present(ctx, t, false)
}

func membersAll(ctx context.Context, t T, e Consul) {
	e.join(ctx, t, e.Presence, "v1")
	all, err := e.Members.Members(ctx)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d members and error %v, want at least %s and %s", len(all), err, e.Node, e.Idle)
	}
	if !slices.IsSortedFunc(all, func(a, b app.Member) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("members %+v are not sorted", all)
	}
	for name, want := range map[string]bool{e.Node: true, e.Idle: false} {
		if m := e.member(ctx, t, name); m.Name != name || m.Address == "" || m.Present != want {
			t.Errorf("member %+v, want %s with an address, present: %v", m, name, want)
		}
	}
}

func membersForged(ctx context.Context, t T, e Consul) {
	e.put(ctx, t, "node/"+e.Idle, `{"name":"`+e.Idle+`","version":"v1"}`)
	if m := e.member(ctx, t, e.Idle); m.Present {
		t.Errorf("member %+v is present, its key was written by hand", m)
	}
	e.put(ctx, t, "node/nobody", `{"name":"nobody"}`)
	if m := e.member(ctx, t, "nobody"); m.Name != "" {
		t.Errorf("member %+v is not in the catalogue", m)
	}
}
