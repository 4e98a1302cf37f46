package sim

import (
	"context"
	"log/slog"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

// world is what the process sees.
func (p *process) world() port.World {
	return port.World{
		KV: kvPort{p}, Presence: presencePort{p}, Members: membersPort{p}, Events: eventsPort{p}, Checks: checksPort{p},
		Source: sourcePort{p}, Checkouts: checkoutsPort{p}, Images: imagesPort{p}, Stack: stackPort{p},
		Containers: containersPort{p}, Scripts: scriptsPort{p}, Volumes: volumesPort{p}, Snapshots: snapshotsPort{p},
		Schedules: schedulesPort{p}, Guard: guardPort{p}, Warden: wardenPort{p}, Journal: journalPort{p},
		Edge: edgePort{p}, Clock: clockPort{p}, Tasks: tasksPort{p}, Log: slog.New(journalist{p: p}),
	}
}

var (
	_ port.Clock = clockPort{}
	_ port.Tasks = tasksPort{}
)

// epoch is the wall-clock time at which every run begins.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// wall is the wall clock of n.
func (n *node) wall() time.Time {
	if n.skew != 0 {
		n.wrong++
	}
	return epoch.Add(n.c.Now() + n.skew)
}

// local is the wall clock of n in its time zone.
func (n *node) local() time.Time { return n.wall().Add(n.zone) }

// boottime is CLOCK_BOOTTIME of n.
func (n *node) boottime() time.Duration {
	d := n.c.Now() - n.booted
	if n.drift != 0 {
		d += d / 1_000_000 * time.Duration(n.drift)
	}
	return d
}

type clockPort struct{ p *process }

func (k clockPort) Now() time.Time { return k.p.n.wall() }

func (k clockPort) Boot() time.Duration { return k.p.n.boottime() }

func (k clockPort) Sleep(ctx context.Context, d time.Duration) error {
	if drift := k.p.n.drift; drift != 0 {
		d -= d / 1_000_000 * time.Duration(drift)
	}
	return k.p.c.sched.Sleep(ctx, d)
}

type tasksPort struct{ p *process }

func (t tasksPort) Go(ctx context.Context, name string, f func(context.Context)) {
	t.p.c.sched.Go(ctx, t.p.owner, name, f)
}
