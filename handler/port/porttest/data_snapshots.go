package porttest

import (
	"context"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

func takeClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Take", Says: "makes a new read-only snapshot each time, though nothing changed",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "taken", "x")
			a, b := take(ctx, t, e, v), take(ctx, t, e, v)
			if a.Name == b.Name || a.UUID == b.UUID {
				t.Errorf("one snapshot for two: %+v %+v", a, b)
			}
			for _, s := range []app.Snapshot{a, b} {
				if !strings.HasPrefix(s.Name, v+"@") || s.Volume != v || s.Host != "" || s.UUID == "" || s.Received != "" || !s.ReadOnly {
					t.Errorf("got %+v", s)
				}
			}
			if a.Name > b.Name {
				t.Errorf("%s was taken before %s", a.Name, b.Name)
			}
		},
	}, {
		Method: "Snapshots.Take", Says: "of a volume that is not there is ErrNotFound",
		Check: func(ctx context.Context, t T, e Data) {
			_, err := e.Snapshots.Take(ctx, volumeName(t, "never"))
			want(t, err, port.ErrNotFound)
		},
	}, {
		Method: "Snapshots.Take", Says: "refuses a hostile name",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "safe", "x")
			for _, name := range append(hostile(), v+"@x", v+"/") {
				_, err := e.Snapshots.Take(ctx, name)
				refused(t, "take "+name, err)
			}
			if got := listed(ctx, t, e.Snapshots, v); len(got) != 0 {
				t.Errorf("taken: %q", got)
			}
		},
	}}
}

func listClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.List", Says: "returns the volume's own snapshots sorted, as Take returned them",
		Check: func(ctx context.Context, t T, e Data) {
			v, w := filled(t, e, "db", "x"), filled(t, e, "db2", "x")
			a, b := take(ctx, t, e, v), take(ctx, t, e, v)
			other := take(ctx, t, e, w)
			got, err := e.Snapshots.List(ctx, v)
			ok(t, err)
			if !slices.Equal(got, []app.Snapshot{a, b}) {
				t.Errorf("got %+v, want %+v %+v", got, a, b)
			}
			names := listed(ctx, t, e.Snapshots, "")
			for _, s := range []app.Snapshot{a, b, other} {
				if !slices.Contains(names, s.Name) {
					t.Errorf("%s is not among all: %q", s.Name, names)
				}
			}
			if !slices.IsSorted(names) {
				t.Errorf("not sorted: %q", names)
			}
		},
	}, {
		Method: "Snapshots.List", Says: "of a volume without snapshots is empty, unknown ones too",
		Check: func(ctx context.Context, t T, e Data) {
			for _, v := range []string{filled(t, e, "bare", "x"), volumeName(t, "never")} {
				if got := listed(ctx, t, e.Snapshots, v); len(got) != 0 {
					t.Errorf("got %q", got)
				}
			}
		},
	}, {
		Method: "Snapshots.List", Says: "refuses a hostile name",
		Check: func(ctx context.Context, t T, e Data) {
			for _, name := range hostile()[1:] { // the empty one means all
				_, err := e.Snapshots.List(ctx, name)
				refused(t, "list "+name, err)
			}
		},
	}, {
		Method: "Snapshots.List", Says: "ends with a cancelled context",
		Check: func(ctx context.Context, t T, e Data) {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, err := e.Snapshots.List(ended, "")
			want(t, err, context.Canceled)
		},
	}}
}

func dropClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Snapshots.Remove", Says: "takes this one away and no other, and succeeds again",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "fewer", "text")
			a, b := take(ctx, t, e, v), take(ctx, t, e, v)
			ok(t, e.Snapshots.Remove(ctx, a.Name))
			ok(t, e.Snapshots.Remove(ctx, a.Name))
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{b.Name}) {
				t.Errorf("left: %q", got)
			}
			holds(t, "the volume", e.Read(v), "text")
		},
	}, {
		Method: "Snapshots.Remove", Says: "refuses a hostile name and what is no snapshot",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "safe", "text")
			s := take(ctx, t, e, v)
			for _, name := range append(hostile(), v, v+"@", s.Name+"/", s.Name+"@h;x", s.Name+"/../../volumes/"+v) {
				refused(t, "remove "+name, e.Snapshots.Remove(ctx, name))
			}
			holds(t, "the volume", e.Read(v), "text")
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{s.Name}) {
				t.Errorf("left: %q", got)
			}
		},
	}}
}
