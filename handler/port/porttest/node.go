package porttest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// nap is a short time that passes in a clause.
const nap = 30 * time.Millisecond

// GuardEnv is a node without leases, whose guard has not looked yet.
type GuardEnv struct {
	Guard  port.Guard
	Warden port.Warden
	Clock  port.Clock
	// Script starts processes as a script of project and seq has them, and
	// tells whether any of them is alive.
	Script func(project string, seq uint64) (alive func() bool)
	// Container does the same for a container with the lease file of project
	// and seq, which has been granted.
	Container func(project string, seq uint64) (alive func() bool)
}

// GuardClauses are the promises of port.Guard.
func GuardClauses() []Clause[GuardEnv] {
	return []Clause[GuardEnv]{
		{Method: "Guard.Grant", Says: "makes a lease, and prolongs it when there is one", Check: guardGrant},
		{Method: "Guard.Grant", Says: "a lease without end stays one", Check: func(ctx context.Context, t T, e GuardEnv) {
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 1})
			wantLeases(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 1})
		}},
		{Method: "Guard.Release", Says: "removes one lease, again is success", Check: func(ctx context.Context, t T, e GuardEnv) {
			keep := app.Lease{Project: "alpha", Seq: 2}
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 1}, keep)
			for range 2 {
				if err := e.Guard.Release(ctx, "alpha", 1); err != nil {
					t.Errorf("release: %v", err)
				}
				wantLeases(ctx, t, e.Guard, keep)
			}
		}},
		{Method: "Guard.List", Says: "is sorted by project and seq", Check: func(ctx context.Context, t T, e GuardEnv) {
			a2, a10, b := app.Lease{Project: "alpha", Seq: 2}, app.Lease{Project: "alpha", Seq: 10}, app.Lease{Project: "beta", Seq: 1}
			wantLeases(ctx, t, e.Guard)
			grant(ctx, t, e.Guard, b, a10, a2)
			wantLeases(ctx, t, e.Guard, a2, a10, b)
		}},
		{Method: "Guard.Mark", Says: "is not found before the guard has looked", Check: func(ctx context.Context, t T, e GuardEnv) {
			if age, err := e.Guard.Mark(ctx); !errors.Is(err, port.ErrNotFound) {
				t.Errorf("mark is %v, %v", age, err)
			}
		}},
		{Method: "Guard.Mark", Says: "grows until the guard looks again", Check: guardMark},
	}
}

func guardGrant(ctx context.Context, t T, e GuardEnv) {
	l := app.Lease{Project: "alpha", Seq: 1, Until: int64(time.Hour)}
	grant(ctx, t, e.Guard, l)
	wantLeases(ctx, t, e.Guard, l)
	l.Until += int64(time.Minute)
	grant(ctx, t, e.Guard, l)
	wantLeases(ctx, t, e.Guard, l)
}

func guardMark(ctx context.Context, t T, e GuardEnv) {
	touch := func() time.Duration {
		if err := e.Warden.Touch(ctx); err != nil {
			t.Fatalf("touch: %v", err)
		}
		return e.Clock.Boot()
	}
	at := touch()
	if err := e.Clock.Sleep(ctx, nap); err != nil {
		t.Fatalf("sleep: %v", err)
	}
	age, err := e.Guard.Mark(ctx)
	if err != nil || age < nap {
		t.Errorf("%v after the guard looked its mark is %v old, %v", e.Clock.Boot()-at, age, err)
	}
	at = touch()
	age, err = e.Guard.Mark(ctx)
	if since := e.Clock.Boot() - at; err != nil || age > since+nap {
		t.Errorf("%v after the guard looked again its mark is %v old, %v", since, age, err)
	}
}

// WardenClauses are the promises of port.Warden.
func WardenClauses() []Clause[GuardEnv] {
	return []Clause[GuardEnv]{
		{Method: "Warden.Touch", Says: "is what the mark counts from", Check: guardMark},
		{Method: "Warden.Slay", Says: "kills the script of one project and seq, and no other", Check: func(ctx context.Context, t T, e GuardEnv) {
			ours, other, older := e.Script("alpha", 2), e.Script("beta", 2), e.Script("alpha", 1)
			slay(ctx, t, e, "alpha", 2, false)
			wantAlive(t, "its script", ours, false)
			wantAlive(t, "another project's script", other, true)
			wantAlive(t, "another seq's script", older, true)
		}},
		{Method: "Warden.Slay", Says: "leaves the containers unless it is told to kill them", Check: func(ctx context.Context, t T, e GuardEnv) {
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 2}, app.Lease{Project: "alpha", Seq: 20}, app.Lease{Project: "beta", Seq: 2})
			ours, other, later := e.Container("alpha", 2), e.Container("beta", 2), e.Container("alpha", 20)
			slay(ctx, t, e, "alpha", 2, false)
			wantAlive(t, "its container, not asked for,", ours, true)
			slay(ctx, t, e, "alpha", 2, true)
			wantAlive(t, "its container", ours, false)
			wantAlive(t, "another project's container", other, true)
			wantAlive(t, "another seq's container", later, true)
		}},
		{Method: "Warden.Slay", Says: "kills containers whose lease file is gone already", Check: func(ctx context.Context, t T, e GuardEnv) {
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 2})
			ours := e.Container("alpha", 2)
			if err := e.Guard.Release(ctx, "alpha", 2); err != nil {
				t.Fatalf("release: %v", err)
			}
			slay(ctx, t, e, "alpha", 2, true)
			wantAlive(t, "its container", ours, false)
		}},
		{Method: "Warden.Slay", Says: "kills containers whose lease was prolonged", Check: func(ctx context.Context, t T, e GuardEnv) {
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 2, Until: int64(time.Hour)})
			ours := e.Container("alpha", 2)
			grant(ctx, t, e.Guard, app.Lease{Project: "alpha", Seq: 2, Until: int64(2 * time.Hour)})
			slay(ctx, t, e, "alpha", 2, true)
			wantAlive(t, "its container", ours, false)
		}},
		{Method: "Warden.Slay", Says: "nothing to kill is success", Check: func(ctx context.Context, t T, e GuardEnv) {
			slay(ctx, t, e, "alpha", 7, true)
		}},
	}
}

func slay(ctx context.Context, t T, e GuardEnv, project string, seq uint64, containers bool) {
	t.Helper()
	if err := e.Warden.Slay(ctx, project, seq, containers); err != nil {
		t.Errorf("slay %s.%d: %v", project, seq, err)
	}
}

func wantAlive(t T, what string, alive func() bool, want bool) {
	t.Helper()
	if alive() != want {
		t.Errorf("%s is alive: %v", what, !want)
	}
}

func grant(ctx context.Context, t T, g port.Guard, leases ...app.Lease) {
	t.Helper()
	for _, l := range leases {
		if err := g.Grant(ctx, l); err != nil {
			t.Fatalf("grant %v: %v", l, err)
		}
	}
}

func wantLeases(ctx context.Context, t T, g port.Guard, want ...app.Lease) {
	t.Helper()
	got, err := g.List(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("leases are %v, %v; not %v", got, err, want)
	}
}

// JournalEnv is a node whose journal is empty.
type JournalEnv struct{ Journal port.Journal }

// JournalClauses are the promises of port.Journal.
func JournalClauses() []Clause[JournalEnv] {
	entry := app.Journal{Seq: 3, ID: "op3", Ran: true}
	const name = "site_main.1b2c3"
	return []Clause[JournalEnv]{
		{Method: "Journal.Read", Says: "is the zero entry where there is none", Check: func(ctx context.Context, t T, e JournalEnv) {
			wantEntry(ctx, t, e.Journal, name, app.Journal{})
		}},
		{Method: "Journal.Write", Says: "sets an entry and replaces it", Check: func(ctx context.Context, t T, e JournalEnv) {
			for _, want := range []app.Journal{entry, {Seq: 4, ID: "op4", Finished: true}} {
				if err := e.Journal.Write(ctx, name, want); err != nil {
					t.Fatalf("write: %v", err)
				}
				wantEntry(ctx, t, e.Journal, name, want)
			}
		}},
		{Method: "Journal.Forget", Says: "removes one entry, again is success", Check: func(ctx context.Context, t T, e JournalEnv) {
			for _, n := range []string{name, "other_main.0a1b2"} {
				if err := e.Journal.Write(ctx, n, entry); err != nil {
					t.Fatalf("write: %v", err)
				}
			}
			for range 2 {
				if err := e.Journal.Forget(ctx, name); err != nil {
					t.Errorf("forget: %v", err)
				}
				wantEntry(ctx, t, e.Journal, name, app.Journal{})
				wantEntries(ctx, t, e.Journal, "other_main.0a1b2")
			}
		}},
		{Method: "Journal.List", Says: "names the apps in order", Check: func(ctx context.Context, t T, e JournalEnv) {
			wantEntries(ctx, t, e.Journal)
			for _, n := range []string{"b.0a1b2", "a-b.0a1b2", "a.0a1b2"} {
				if err := e.Journal.Write(ctx, n, entry); err != nil {
					t.Fatalf("write: %v", err)
				}
			}
			wantEntries(ctx, t, e.Journal, "a-b.0a1b2", "a.0a1b2", "b.0a1b2")
		}},
	}
}

func wantEntry(ctx context.Context, t T, j port.Journal, name string, want app.Journal) {
	t.Helper()
	got, err := j.Read(ctx, name)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("entry is %+v, %v; not %+v", got, err, want)
	}
}

func wantEntries(ctx context.Context, t T, j port.Journal, want ...string) {
	t.Helper()
	got, err := j.List(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("entries are %q, %v; not %q", got, err, want)
	}
}

// ClockEnv is a node's clock and tasks.
type ClockEnv struct {
	Clock port.Clock
	Tasks port.Tasks
}

// ClockClauses are the promises of port.Clock and port.Tasks.
func ClockClauses() []Clause[ClockEnv] {
	return []Clause[ClockEnv]{
		{Method: "Clock.Now", Says: "is in UTC", Check: func(_ context.Context, t T, e ClockEnv) {
			if now := e.Clock.Now(); now.Location() != time.UTC || now.IsZero() {
				t.Errorf("now is %v", now)
			}
		}},
		{Method: "Clock.Boot", Says: "never goes back and passes while one sleeps", Check: func(ctx context.Context, t T, e ClockEnv) {
			before := e.Clock.Boot()
			if err := e.Clock.Sleep(ctx, nap); err != nil {
				t.Fatalf("sleep: %v", err)
			}
			if passed := e.Clock.Boot() - before; passed < nap {
				t.Errorf("%v passed in a sleep of %v", passed, nap)
			}
		}},
		{Method: "Clock.Sleep", Says: "returns the context's error when that has ended", Check: func(ctx context.Context, t T, e ClockEnv) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if err := e.Clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v", err)
			}
		}},
		{Method: "Tasks.Go", Says: "runs every function to its end beside its caller", Check: tasksGo},
	}
}

func tasksGo(ctx context.Context, t T, e ClockEnv) {
	const n = 5
	var ended atomic.Int32
	for range n {
		e.Tasks.Go(ctx, "count", func(ctx context.Context) {
			if e.Clock.Sleep(ctx, nap) == nil {
				ended.Add(1)
			}
		})
	}
	for range 1000 {
		if ended.Load() == n {
			return
		}
		if err := e.Clock.Sleep(ctx, nap); err != nil {
			t.Fatalf("sleep: %v", err)
		}
	}
	t.Errorf("%d of %d tasks ended", ended.Load(), n)
}
