package handler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Guard enforces the end of leases, apart from the handler: it removes a lease
// file whose time is over and kills the containers and scripts that ran by it,
// through dockerd, and by pids if that takes longer than 3 s. It looks every
// guard_poll and leaves its mark, without which no lease is renewed.
func Guard(ctx context.Context, w port.World, t app.Times) error {
	ending := endings{under: map[string]bool{}}
	for ctx.Err() == nil {
		if err := w.Warden.Touch(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot leave its mark", "err", err)
		}
		leases, err := w.Guard.List(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot read the leases", "err", err)
		}
		for _, l := range leases {
			if l.Until != 0 && l.Until <= int64(w.Clock.Boot()) && ending.enter(l) {
				// Each by itself: one that cannot be killed must not keep the
				// others, nor the mark, waiting.
				w.Tasks.Go(ctx, "expire", func(ctx context.Context) {
					defer ending.leave(l)
					expire(ctx, w, l)
				})
			}
		}
		if err := w.Clock.Sleep(ctx, t.GuardPoll); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// endings are the leases that are being ended.
type endings struct {
	mu    sync.Mutex
	under map[string]bool
}

func (e *endings) key(l app.Lease) string { return fmt.Sprintf("%s.%d", l.Project, l.Seq) }

func (e *endings) enter(l app.Lease) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.under[e.key(l)]
	e.under[e.key(l)] = true
	return !was
}

func (e *endings) leave(l app.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.under, e.key(l))
}

// byDockerd is how long dockerd may take to kill before pids are used, and how
// long the killing of scripts may keep the containers waiting.
const byDockerd = 3 * time.Second

// expire kills, takes the lease away, and kills again what dockerd restarted
// in between: a guard that dies on the way finds the lease and starts over.
func expire(ctx context.Context, w port.World, l app.Lease) {
	w.Log.Warn("lease is over", "project", l.Project, "seq", l.Seq)
	slay(ctx, w, l)
	if err := w.Guard.Release(ctx, l.Project, l.Seq); err != nil && ctx.Err() == nil {
		w.Log.Error("guard cannot remove the lease", "project", l.Project, "err", err)
	}
	slay(ctx, w, l)
}

func slay(ctx context.Context, w port.World, l app.Lease) {
	err := limited(ctx, w, func(ctx context.Context) error { return w.Warden.Slay(ctx, l.Project, l.Seq, false) })
	if err != nil && ctx.Err() == nil {
		w.Log.Error("guard cannot kill scripts", "project", l.Project, "err", err)
	}
	err = limited(ctx, w, func(ctx context.Context) error { return w.Containers.Kill(ctx, l.Project, l.Seq) })
	if err != nil && ctx.Err() == nil {
		w.Log.Error("dockerd does not kill, killing by pid", "project", l.Project, "err", err)
		if err := w.Warden.Slay(ctx, l.Project, l.Seq, true); err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot kill containers", "project", l.Project, "err", err)
		}
	}
}

// limited is f with its time.
func limited(ctx context.Context, w port.World, f func(context.Context) error) error {
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	w.Tasks.Go(asked, "guard limit", func(ctx context.Context) {
		if w.Clock.Sleep(ctx, byDockerd) == nil {
			cancel()
		}
	})
	return f(asked)
}
