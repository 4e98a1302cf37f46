package witness

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
)

// World is of, with every call through its ports written down. Clock.Now and
// Clock.Boot are not: they are the times of the lines. A port that of has not
// stays away.
func (w *Witness) World(of port.World) port.World {
	out := of
	w.consul(&out)
	w.code(&out)
	w.data(&out)
	if of.Guard != nil {
		out.Guard = guardPort{w, of.Guard}
	}
	if of.Warden != nil {
		out.Warden = wardenPort{w, of.Warden}
	}
	if of.Journal != nil {
		out.Journal = journalPort{w, of.Journal}
	}
	if of.Edge != nil {
		out.Edge = edgePort{w, of.Edge}
	}
	if of.Clock != nil {
		out.Clock = clockPort{of.Clock, w}
	}
	if of.Tasks != nil {
		out.Tasks = tasksPort{w, of.Tasks}
	}
	return out
}

func (w *Witness) consul(out *port.World) {
	if out.KV != nil {
		out.KV = kvPort{w, out.KV}
	}
	if out.Presence != nil {
		out.Presence = presencePort{w, out.Presence}
	}
	if out.Members != nil {
		out.Members = membersPort{w, out.Members}
	}
	if out.Events != nil {
		out.Events = eventsPort{w, out.Events}
	}
	if out.Checks != nil {
		out.Checks = checksPort{w, out.Checks}
	}
}

func (w *Witness) code(out *port.World) {
	if out.Source != nil {
		out.Source = sourcePort{w, out.Source}
	}
	if out.Checkouts != nil {
		out.Checkouts = checkoutsPort{w, out.Checkouts}
	}
	if out.Images != nil {
		out.Images = imagesPort{w, out.Images}
	}
	if out.Stack != nil {
		out.Stack = stackPort{w, out.Stack}
	}
	if out.Containers != nil {
		out.Containers = containersPort{w, out.Containers}
	}
	if out.Scripts != nil {
		out.Scripts = scriptsPort{w, out.Scripts}
	}
}

func (w *Witness) data(out *port.World) {
	if out.Volumes != nil {
		out.Volumes = volumesPort{w, out.Volumes}
	}
	if out.Snapshots != nil {
		out.Snapshots = snapshotsPort{w, out.Snapshots}
	}
	if out.Schedules != nil {
		out.Schedules = schedulesPort{w, out.Schedules}
	}
}

// clockPort leaves Now and Boot as they are.
type clockPort struct {
	port.Clock
	w *Witness
}

func (c clockPort) Sleep(ctx context.Context, d time.Duration) error {
	_, err := look(ctx, c.w, "Clock.Sleep", of(d), nothing, func() (struct{}, error) { return struct{}{}, c.Clock.Sleep(ctx, d) })
	return err
}

func nothing(struct{}) any { return nil }

type tasksPort struct {
	w    *Witness
	next port.Tasks
}

func (t tasksPort) Go(ctx context.Context, name string, f func(context.Context)) {
	e := t.w.begin(ctx, "Tasks.Go", false, name)
	t.next.Go(ctx, name, named(name, f))
	e.end(nil, nil)
}
