package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type snapshotsPort struct{ p *process }

var _ port.Snapshots = snapshotsPort{}

func (s snapshotsPort) Take(ctx context.Context, volume string) (app.Snapshot, error) {
	f, err := s.p.enter(ctx, callTake, volume)
	if err == nil {
		err = checkVolume(volume)
	}
	if err == nil {
		err = s.p.driver(ctx, volume)
	}
	var made app.Snapshot
	take := func() error {
		x, err := s.p.n.take(volume)
		if err == nil {
			made = x.Snapshot
		}
		return err
	}
	if err == nil {
		err = s.p.put(ctx, f, s.p.c.o.Timing.Snapshot, take)
	}
	if err = s.p.leave(f, callTake, volume, err); err != nil {
		return app.Snapshot{}, fmt.Errorf("take snapshot: %w", err)
	}
	return made, nil
}

// put puts a call to a daemon: it takes took, or happens late.
func (p *process) put(ctx context.Context, f *Armed, took time.Duration, effect func() error) error {
	switch {
	case f != nil && f.Phase == Late:
		p.c.later(p.n, f.delay(p.c), func() { _ = effect() }) // its caller was told something else
		return nil
	case took <= 0:
		return effect()
	}
	_, err := await(ctx, p, took, func() (nothing, error) { return nothing{}, effect() })
	return err
}

func (s snapshotsPort) List(ctx context.Context, volume string) ([]app.Snapshot, error) {
	f, err := s.p.enter(ctx, callSnapshots, volume)
	if err == nil && volume != "" {
		err = checkVolume(volume)
	}
	if err == nil {
		err = s.p.driver(ctx, volume)
	}
	var list []app.Snapshot
	if err == nil {
		found := s.p.n.driver.snaps
		if volume != "" {
			found = s.p.n.driver.of(volume)
		}
		list = make([]app.Snapshot, len(found))
		for i, x := range found {
			list[i] = x.Snapshot
		}
	}
	return answer(list, s.p.leave(f, callSnapshots, volume, err))
}

func (s snapshotsPort) Remove(ctx context.Context, name string) error {
	f, err := s.p.enter(ctx, callRemoveSnapshot, name)
	volume, bad := volumeOf(name)
	if err == nil {
		err = bad
	}
	if err == nil {
		err = s.p.driver(ctx, volume)
	}
	if err == nil {
		err = s.p.put(ctx, f, s.p.c.o.Timing.Remove, func() error {
			s.p.n.driver.unsnap(name)
			s.p.c.changes.Data++
			return nil
		})
	}
	return s.p.leave(f, callRemoveSnapshot, name, err)
}
