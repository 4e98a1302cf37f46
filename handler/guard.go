package handler

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Guard enforces the end of leases, apart from the handler: it removes a lease
// file whose time is over and kills the containers and scripts that ran by it,
// through dockerd, and by pids if that takes longer than 3 s. It looks every
// guard_poll and leaves its mark, without which no lease is renewed.
func Guard(ctx context.Context, w port.World, t app.Times) error {
	for ctx.Err() == nil {
		if err := w.Warden.Touch(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot leave its mark", "err", err)
		}
		leases, err := w.Guard.List(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot read the leases", "err", err)
		}
		for _, l := range leases {
			if l.Until != 0 && l.Until <= int64(w.Clock.Boot()) {
				expire(ctx, w, l)
			}
		}
		if err := w.Clock.Sleep(ctx, t.GuardPoll); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// byDockerd is how long dockerd may take to kill before pids are used.
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
	if err := w.Warden.Slay(ctx, l.Project, l.Seq, false); err != nil && ctx.Err() == nil {
		w.Log.Error("guard cannot kill scripts", "project", l.Project, "err", err)
	}
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	w.Tasks.Go(asked, "guard limit", func(ctx context.Context) {
		if w.Clock.Sleep(ctx, byDockerd) == nil {
			cancel()
		}
	})
	if err := w.Containers.Kill(asked, l.Project, l.Seq); err != nil && ctx.Err() == nil {
		w.Log.Error("dockerd does not kill, killing by pid", "project", l.Project, "err", err)
		if err := w.Warden.Slay(ctx, l.Project, l.Seq, true); err != nil && ctx.Err() == nil {
			w.Log.Error("guard cannot kill containers", "project", l.Project, "err", err)
		}
	}
}
