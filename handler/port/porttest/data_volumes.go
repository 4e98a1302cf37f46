package porttest

import (
	"context"
	"slices"

	"github.com/mlfmonde/cluster/handler/port"
)

func volumeClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Volumes.List", Says: "names the live volumes sorted, and no snapshots",
		Check: func(ctx context.Context, t T, e Data) {
			b, a := filled(t, e, "b", "x"), filled(t, e, "a", "x")
			take(ctx, t, e, a)
			names, err := e.Volumes.List(ctx)
			ok(t, err)
			if !slices.IsSorted(names) || !slices.Contains(names, a) || !slices.Contains(names, b) {
				t.Errorf("got %q", names)
			}
			if slices.ContainsFunc(names, func(n string) bool { return len(n) > len(a) && n[:len(a)] == a }) {
				t.Errorf("a snapshot among the volumes: %q", names)
			}
		},
	}, {
		Method: "Volumes.Remove", Says: "takes the volume away and leaves its snapshots and other volumes",
		Check: func(ctx context.Context, t T, e Data) {
			v, w := filled(t, e, "gone", "text"), filled(t, e, "kept", "other")
			s := take(ctx, t, e, v)
			ok(t, e.Volumes.Remove(ctx, v))
			names, err := e.Volumes.List(ctx)
			ok(t, err)
			if slices.Contains(names, v) || !slices.Contains(names, w) {
				t.Errorf("volumes left: %q", names)
			}
			if got := listed(ctx, t, e.Snapshots, v); !slices.Equal(got, []string{s.Name}) {
				t.Errorf("snapshots left: %q", got)
			}
			holds(t, "the other volume", e.Read(w), "other")
		},
	}, {
		Method: "Volumes.Remove", Says: "of a volume that is not there succeeds, again too",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "twice", "x")
			ok(t, e.Volumes.Remove(ctx, v))
			ok(t, e.Volumes.Remove(ctx, v))
			ok(t, e.Volumes.Remove(ctx, volumeName(t, "never")))
		},
	}, {
		Method: "Volumes.Remove", Says: "refuses a hostile name and changes nothing",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "safe", "text")
			s := take(ctx, t, e, v)
			for _, name := range append(hostile(), s.Name, v+"/", v+"@x") {
				refused(t, "remove "+name, e.Volumes.Remove(ctx, name))
			}
			holds(t, "the volume", e.Read(v), "text")
		},
	}, {
		Method: "Volumes.Remove", Says: "ends with a cancelled context", Range: true,
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "cancelled", "x")
			ended, cancel := context.WithCancel(ctx)
			cancel()
			want(t, e.Volumes.Remove(ended, v), context.Canceled)
		},
	}}
}

func restoreClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Volumes.Restore", Says: "brings back exactly the named snapshot, though newer ones are there",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "back", "one")
			first := take(ctx, t, e, v)
			e.Write(v, "two")
			take(ctx, t, e, v)
			e.Write(v, "three")
			ok(t, e.Volumes.Restore(ctx, first.Name, v))
			holds(t, "the volume", e.Read(v), "one")
		},
	}, {
		Method: "Volumes.Restore", Says: "keeps the replaced data as a new snapshot of the volume",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "kept", "one")
			first := take(ctx, t, e, v)
			e.Write(v, "replaced")
			ok(t, e.Volumes.Restore(ctx, first.Name, v))
			names := slices.DeleteFunc(listed(ctx, t, e.Snapshots, v), func(n string) bool { return n == first.Name })
			if len(names) != 1 {
				t.Fatalf("new snapshots: %q", names)
			}
			ok(t, e.Volumes.Restore(ctx, names[0], v))
			holds(t, "the volume", e.Read(v), "replaced")
		},
	}, {
		Method: "Volumes.Restore", Says: "makes the volume when there is none, under another name too",
		Check: func(ctx context.Context, t T, e Data) {
			v, w := filled(t, e, "gone", "text"), volumeName(t, "copy")
			s := take(ctx, t, e, v)
			ok(t, e.Volumes.Remove(ctx, v))
			ok(t, e.Volumes.Restore(ctx, s.Name, v))
			ok(t, e.Volumes.Restore(ctx, s.Name, w))
			holds(t, "the volume", e.Read(v), "text")
			holds(t, "the copy", e.Read(w), "text")
		},
	}, {
		Method: "Volumes.Restore", Says: "makes a writable copy that leaves the snapshot as it was",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "written", "one")
			s := take(ctx, t, e, v)
			ok(t, e.Volumes.Restore(ctx, s.Name, v))
			e.Write(v, "later")
			holds(t, "the volume", e.Read(v), "later")
			if found, there := find(ctx, t, e.Snapshots, s.Name); !there || found != s {
				t.Errorf("the snapshot became %+v, was %+v", found, s)
			}
			ok(t, e.Volumes.Restore(ctx, s.Name, v))
			holds(t, "the volume restored again", e.Read(v), "one")
		},
	}}
}

func restoreRefusals() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Volumes.Restore", Says: "of a snapshot that is not there is ErrNotFound and changes nothing",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "same", "text")
			s := take(ctx, t, e, v)
			ok(t, e.Snapshots.Remove(ctx, s.Name))
			want(t, e.Volumes.Restore(ctx, s.Name, v), port.ErrNotFound)
			holds(t, "the volume", e.Read(v), "text")
		},
	}, {
		Method: "Volumes.Restore", Says: "wants the full name of a snapshot and refuses hostile names",
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "named", "text")
			s := take(ctx, t, e, v)
			for _, name := range append(hostile(), v, v+"@", s.Name+"@", s.Name+"@a@b", s.Name+";x", s.Name+"/../"+s.Name) {
				refused(t, "restore from "+name, e.Volumes.Restore(ctx, name, v))
			}
			for _, name := range append(hostile(), s.Name) {
				refused(t, "restore to "+name, e.Volumes.Restore(ctx, s.Name, name))
			}
			holds(t, "the volume", e.Read(v), "text")
		},
	}}
}
