package porttest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

func scheduleClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Schedules.Set", Says: "makes the volume's lines exactly these, again too",
		Check: func(ctx context.Context, t T, e Data) {
			v := volumeName(t, "db")
			replicate, purge := line(v, "replicate:"+e.DeadAddress, 60), line(v, "purge:1h:1d:1w:4w:1y", 1440)
			schedule(ctx, t, e, v, purge, replicate)
			schedule(ctx, t, e, v, purge, replicate)
			schedule(ctx, t, e, v, line(v, "snapshot", 60), purge)
			schedule(ctx, t, e, v, line(v, "snapshot", 30))
			schedule(ctx, t, e, v)
			schedule(ctx, t, e, v)
		},
	}, {
		Method: "Schedules.Set", Says: "leaves the lines of other volumes alone",
		Check: func(ctx context.Context, t T, e Data) {
			v, w := volumeName(t, "db"), volumeName(t, "db2")
			schedule(ctx, t, e, v, line(v, "snapshot", 60))
			schedule(ctx, t, e, w, line(w, "snapshot", 60), line(w, "purge:1h:1d", 1440))
			schedule(ctx, t, e, v)
			if got := lines(ctx, t, e.Schedules, w); len(got) != 2 {
				t.Errorf("the other volume has %+v", got)
			}
			schedule(ctx, t, e, w)
		},
	}, {
		Method: "Schedules.Set", Says: "pauses and resumes a line, or says that the driver cannot", Range: true,
		Check: func(ctx context.Context, t T, e Data) {
			v := volumeName(t, "paused")
			paused := line(v, "snapshot", 60)
			paused.Paused = true
			if err := e.Schedules.Set(ctx, v, []app.Schedule{paused}); err != nil {
				t.Logf("the driver cannot pause: %v", err)
			} else if got := lines(ctx, t, e.Schedules, v); !slices.Equal(got, []app.Schedule{paused}) {
				t.Errorf("got %+v, want %+v", got, paused)
			}
			schedule(ctx, t, e, v, line(v, "snapshot", 60))
			schedule(ctx, t, e, v)
		},
	}}
}

func scheduleRefusals() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Schedules.Set", Says: "refuses hostile volumes and lines that the driver cannot run",
		Check: func(ctx context.Context, t T, e Data) {
			v := volumeName(t, "safe")
			schedule(ctx, t, e, v, line(v, "snapshot", 60))
			for _, name := range append(hostile(), v+"@x") {
				refused(t, "set "+name, e.Schedules.Set(ctx, name, []app.Schedule{line(name, "snapshot", 60)}))
			}
			for _, l := range []app.Schedule{
				line(v, "", 60), line(v, "bogus", 60), line(v, "snapshot:x", 60), line(v, "snapshot", 0), line(v, "snapshot", -5),
				line(v, "replicate:", 60), line(v, "replicate:-x", 60), line(v, "replicate:h;touch x", 60), line(v, "replicate:a\nb", 60),
				line(v, "purge:", 60), line(v, "purge:5x", 60), line(v, "purge:1h:", 60), line(volumeName(t, "foreign"), "snapshot", 60),
			} {
				refused(t, "set "+l.Action, e.Schedules.Set(ctx, v, []app.Schedule{l}))
			}
			refused(t, "set one action twice", e.Schedules.Set(ctx, v, []app.Schedule{line(v, "snapshot", 60), line(v, "snapshot", 30)}))
			if got := lines(ctx, t, e.Schedules, v); !slices.Equal(got, []app.Schedule{line(v, "snapshot", 60)}) {
				t.Errorf("the lines became %+v", got)
			}
			schedule(ctx, t, e, v)
		},
	}, {
		Method: "Schedules.List", Says: "returns all lines sorted by volume and action",
		Check: func(ctx context.Context, t T, e Data) {
			a, b := volumeName(t, "a"), volumeName(t, "b")
			schedule(ctx, t, e, b, line(b, "snapshot", 60), line(b, "purge:1h:1d", 1440))
			schedule(ctx, t, e, a, line(a, "snapshot", 60))
			all, err := e.Schedules.List(ctx)
			ok(t, err)
			if !slices.IsSortedFunc(all, func(x, y app.Schedule) int {
				return cmp.Or(cmp.Compare(x.Volume, y.Volume), cmp.Compare(x.Action, y.Action))
			}) {
				t.Errorf("not sorted: %+v", all)
			}
			for _, l := range []app.Schedule{line(a, "snapshot", 60), line(b, "snapshot", 60), line(b, "purge:1h:1d", 1440)} {
				if !slices.Contains(all, l) {
					t.Errorf("%+v is not in %+v", l, all)
				}
			}
			schedule(ctx, t, e, a)
			schedule(ctx, t, e, b)
		},
	}}
}

// jobClauses are about what the driver's own scheduler does with the lines:
// when its rounds are is its own affair.
func jobClauses() []Clause[Data] {
	return []Clause[Data]{{
		Method: "Schedules.Set", Says: "of a snapshot line makes snapshots appear", Range: true,
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "hourly", "x")
			schedule(ctx, t, e, v, line(v, "snapshot", 60))
			eventually(t, e, func() bool { return len(listed(ctx, t, e.Snapshots, v)) > 0 })
			schedule(ctx, t, e, v)
		},
	}, {
		Method: "Schedules.Set", Says: "of a replicate line brings a complete snapshot to the other node", Range: true,
		Check: func(ctx context.Context, t T, e Data) {
			v := filled(t, e, "replica", "text")
			schedule(ctx, t, e, v, line(v, "replicate:"+e.OtherAddress, 60))
			marked := func() bool {
				return slices.ContainsFunc(snapshots(ctx, t, e, v), func(s app.Snapshot) bool { return s.Host == e.OtherAddress })
			}
			eventually(t, e, marked)
			schedule(ctx, t, e, v)
			all := snapshots(ctx, t, e, v)
			complete(ctx, t, e.Other, all[0])
		},
	}}
}

func eventually(t T, e Data, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		e.Advance(time.Minute)
	}
	t.Fatalf("not after 200 minutes, or rounds, of the scheduler")
}

func snapshots(ctx context.Context, t T, e Data, volume string) []app.Snapshot {
	t.Helper()
	all, err := e.Snapshots.List(ctx, volume)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return all
}

func line(volume, action string, minutes int) app.Schedule {
	return app.Schedule{Volume: volume, Action: action, Minutes: minutes}
}

// schedule sets the volume's lines and checks that they are what is listed.
func schedule(ctx context.Context, t T, e Data, volume string, set ...app.Schedule) {
	t.Helper()
	if err := e.Schedules.Set(ctx, volume, set); err != nil {
		t.Fatalf("set %+v: %v", set, err)
	}
	sorted := slices.SortedFunc(slices.Values(set), func(a, b app.Schedule) int { return cmp.Compare(a.Action, b.Action) })
	if got := lines(ctx, t, e.Schedules, volume); !slices.Equal(got, sorted) {
		t.Errorf("lines are %+v, want %+v", got, sorted)
	}
}

func lines(ctx context.Context, t T, s port.Schedules, volume string) []app.Schedule {
	t.Helper()
	all, err := s.List(ctx)
	if err != nil {
		t.Fatalf("list schedule: %v", err)
	}
	return slices.DeleteFunc(all, func(l app.Schedule) bool { return l.Volume != volume })
}
