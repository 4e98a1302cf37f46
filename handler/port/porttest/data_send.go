package porttest

import (
	"context"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
)

func sendClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Send", Says: "gives the other node a complete copy that it can restore",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "sent", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			complete(ctx, t, e.Other, s)
			ok(t, e.Other.Volumes.Restore(ctx, s.Name, v))
			holds(t, "the other node's volume", e.ReadOther(v), "text")
			ok(t, e.Other.Volumes.Remove(ctx, v))
		},
	}, {
		Method: "Snapshots.Send", Says: "leaves a marker here and none over there",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "marked", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			marker := s.Name + "@" + e.OtherAddress
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{s.Name, marker}) {
				t.Errorf("here: %q", got)
			}
			if m, _ := find(ctx, t, e.Snapshots, marker); m.Volume != v || m.Host != e.OtherAddress || m.UUID == "" || !m.ReadOnly {
				t.Errorf("marker %+v", m)
			}
			if got := listed(ctx, t, e.Other.Snapshots, v); !slices.Equal(got, []string{s.Name}) {
				t.Errorf("over there: %q", got)
			}
		},
	}}
}

func laterSendClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Send", Says: "of a later snapshot brings it whole and moves the marker",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "later", "one")
			a := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, a.Name, e.OtherAddress))
			e.Write(v, "two")
			b := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, b.Name, e.OtherAddress))
			complete(ctx, t, e.Other, a)
			complete(ctx, t, e.Other, b)
			want := []string{a.Name, b.Name, b.Name + "@" + e.OtherAddress}
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, want) {
				t.Errorf("here: %q, want %q", got, want)
			}
			for _, s := range []struct{ name, text string }{{b.Name, "two"}, {a.Name, "one"}} {
				ok(t, e.Other.Volumes.Restore(ctx, s.name, v))
				holds(t, "the other node's volume", e.ReadOther(v), s.text)
			}
		},
	}, {
		Method: "Snapshots.Send", Says: "works without the snapshot that was sent last",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "purged", "one")
			a := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, a.Name, e.OtherAddress))
			ok(t, e.Snapshots.Remove(ctx, a.Name))
			b := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, b.Name, e.OtherAddress))
			complete(ctx, t, e.Other, b)
			ok(t, e.Other.Snapshots.Remove(ctx, b.Name)) // and the receiver may have lost it
			c := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, c.Name, e.OtherAddress))
			complete(ctx, t, e.Other, c)
		},
	}}
}

func passOnClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Send", Says: "passes the origin on, however often a snapshot is sent on",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "origin", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			ok(t, e.Snapshots.Remove(ctx, s.Name))
			ok(t, e.Other.Snapshots.Send(ctx, s.Name, e.Address))
			complete(ctx, t, e.DataPorts, s)
		},
	}, {
		Method: "Snapshots.Take", Says: "of restored data that was received is a snapshot of this node",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "moved", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			ok(t, e.Other.Volumes.Restore(ctx, s.Name, v))
			here, err := e.Other.Snapshots.Take(ctx, v)
			ok(t, err)
			if here.Received != "" || here.Origin() == s.Origin() {
				t.Errorf("got %+v", here)
			}
			ok(t, e.Other.Snapshots.Send(ctx, here.Name, e.Address))
			complete(ctx, t, e.DataPorts, here)
		},
	}}
}

func failedSendClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Send", Says: "to an address where nobody answers is an error and leaves no marker",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "dead", "text")
			s := take(ctx, t, e, v)
			refused(t, "send", e.Snapshots.Send(ctx, s.Name, e.DeadAddress))
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{s.Name}) {
				t.Errorf("here: %q", got)
			}
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			complete(ctx, t, e.Other, s)
		},
	}, {
		Method: "Snapshots.Send", Says: "of a snapshot that is not there is an error and leaves nothing",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "missing", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Remove(ctx, s.Name))
			refused(t, "send", e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			if got := append(listed(ctx, t, e.Snapshots, v), listed(ctx, t, e.Other.Snapshots, v)...); len(got) != 0 {
				t.Errorf("left: %q", got)
			}
		},
	}, {
		Method: "Snapshots.Send", Says: "of one snapshot again is refused or leaves a complete copy", Range: true,
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "again", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			t.Logf("second send: %v", e.Snapshots.Send(ctx, s.Name, e.OtherAddress))
			complete(ctx, t, e.Other, s)
		},
	}}
}

func sendRefusals() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Send", Says: "refuses hostile snapshots and addresses",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "safe", "text")
			s := take(ctx, t, e, v)
			for _, name := range append(hostile(), v, s.Name+";touch x", s.Name+"@h|x", "../snapshots/"+s.Name) {
				refused(t, "send "+name, e.Snapshots.Send(ctx, name, e.OtherAddress))
			}
			for _, host := range append(hostile(), "-oProxyCommand=x", "root@"+e.OtherAddress, "::1", "a_b") {
				refused(t, "send to "+host, e.Snapshots.Send(ctx, s.Name, host))
			}
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{s.Name}) {
				t.Errorf("here: %q", got)
			}
			if got := listed(ctx, t, e.Other.Snapshots, v); len(got) != 0 {
				t.Errorf("over there: %q", got)
			}
		},
	}}
}

// complete checks that a node has the snapshot whole: read-only, and received
// from where it was taken.
func complete(ctx context.Context, t T, node DataPorts, s app.Snapshot) {
	t.Helper()
	got, there := find(ctx, t, node.Snapshots, s.Name)
	if !there || !got.ReadOnly || got.Received != s.Origin() || got.Volume != s.Volume || got.Host != "" || got.UUID == s.UUID {
		t.Errorf("the receiver has %+v (there: %t), want a complete copy of %+v", got, there, s)
	}
}
