package witness

import (
	"context"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type volumesPort struct {
	w    *Witness
	next port.Volumes
}

func (p volumesPort) List(ctx context.Context) ([]string, error) {
	return look(ctx, p.w, "Volumes.List", nil, plain[[]string], func() ([]string, error) { return p.next.List(ctx) })
}

func (p volumesPort) Restore(ctx context.Context, snapshot, volume string) error {
	return act(ctx, p.w, "Volumes.Restore", of(snapshot, volume), func() error { return p.next.Restore(ctx, snapshot, volume) })
}

func (p volumesPort) Remove(ctx context.Context, volume string) error {
	return act(ctx, p.w, "Volumes.Remove", of(volume), func() error { return p.next.Remove(ctx, volume) })
}

type snapshotsPort struct {
	w    *Witness
	next port.Snapshots
}

func (p snapshotsPort) Take(ctx context.Context, volume string) (app.Snapshot, error) {
	return do(ctx, p.w, "Snapshots.Take", of(volume), plain[app.Snapshot], func() (app.Snapshot, error) { return p.next.Take(ctx, volume) })
}

func (p snapshotsPort) List(ctx context.Context, volume string) ([]app.Snapshot, error) {
	return look(ctx, p.w, "Snapshots.List", of(volume), plain[[]app.Snapshot], func() ([]app.Snapshot, error) { return p.next.List(ctx, volume) })
}

func (p snapshotsPort) Send(ctx context.Context, snapshot, address string) error {
	return act(ctx, p.w, "Snapshots.Send", of(snapshot, address), func() error { return p.next.Send(ctx, snapshot, address) })
}

func (p snapshotsPort) Remove(ctx context.Context, snapshot string) error {
	return act(ctx, p.w, "Snapshots.Remove", of(snapshot), func() error { return p.next.Remove(ctx, snapshot) })
}

type schedulesPort struct {
	w    *Witness
	next port.Schedules
}

func (p schedulesPort) Set(ctx context.Context, volume string, lines []app.Schedule) error {
	return act(ctx, p.w, "Schedules.Set", of(volume, lines), func() error { return p.next.Set(ctx, volume, lines) })
}

func (p schedulesPort) List(ctx context.Context) ([]app.Schedule, error) {
	return look(ctx, p.w, "Schedules.List", nil, plain[[]app.Schedule], func() ([]app.Schedule, error) { return p.next.List(ctx) })
}
