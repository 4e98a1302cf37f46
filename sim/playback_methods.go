package sim

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// methods are the calls by name. Those that wait for something are not
// played: what they come back with is read again by the calls after them.
func methods() map[string]method {
	all := map[string]method{}
	for _, part := range []map[string]method{consulMethods(), codeMethods(), stackMethods(), dataMethods(), nodeMethods()} {
		for name, m := range part {
			all[name] = m
		}
	}
	return all
}

func consulMethods() map[string]method {
	return map[string]method{
		"KV.Get": {consul: true, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (port.Pair, error) {
			return w.KV.Get(ctx, arg[string](p, d, 0))
		}, getKV)},
		"KV.List": {consul: true, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (listing, error) {
			pairs, index, err := w.KV.List(ctx, arg[string](p, d, 0))
			return listing{pairs, index}, err
		}, listKV)},
		"KV.Apply": {consul: true, effect: true, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (uint64, error) {
			return w.KV.Apply(ctx, p.translated(arg[witness.Txn](p, d, 0).Port()))
		}, applied)},
		"Presence.Join": {consul: true, effect: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Presence.Join(ctx, arg[app.Member](p, d, 0))
		})},
		"Presence.Leave": {consul: true, effect: true, call: acting(func(ctx context.Context, w port.World, _ *player, _ *deed) error { return w.Presence.Leave(ctx) })},
		"Members.Members": {consul: true, call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]app.Member, error) {
			return w.Members.Members(ctx)
		}, presentMembers)},
		"Events.Fire": {effect: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Events.Fire(ctx, arg[string](p, d, 0), arg[witness.Value](p, d, 1))
		})},
		"Checks.Register": {effect: true, about: []string{"service"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Checks.Register(ctx, arg[string](p, d, 0), arg[[]string](p, d, 1), body(arg[witness.Definition](p, d, 2)))
		})},
		"Checks.Deregister": {effect: true, about: []string{"service"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Checks.Deregister(ctx, arg[string](p, d, 0), body(arg[witness.Definition](p, d, 1)))
		})},
		"Checks.Registered": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]string, error) {
			return w.Checks.Registered(ctx)
		}, registered)},
	}
}

func codeMethods() map[string]method {
	return map[string]method{
		"Source.Checkout": {effect: true, about: []string{"checkout"}, slow: true, before: beforeCheckout, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (string, error) {
			return w.Source.Checkout(ctx, arg[app.App](p, d, 0), arg[string](p, d, 1))
		}, func(_ *player, _ *deed, was, is string, v *verdict) {
			if was != is {
				v.differs("recorded commit %s, the fake has %s", was, is)
			}
		})},
		"Checkouts.Read": {call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (port.Files, error) {
			return w.Checkouts.Read(ctx, arg[string](p, d, 0))
		}, readFiles)},
		"Checkouts.Write": {effect: true, about: []string{"checkout"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Checkouts.Write(ctx, arg[string](p, d, 0), p.written(d))
		})},
		"Checkouts.List": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]string, error) {
			return w.Checkouts.List(ctx)
		}, listCheckouts)},
		"Checkouts.Remove": {effect: true, about: []string{"checkout"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Checkouts.Remove(ctx, arg[string](p, d, 0))
		})},
		"Images.Pull": {effect: true, slow: true, before: beforePull, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Images.Pull(ctx, arg[app.Stack](p, d, 0))
		})},
		"Images.Build": {effect: true, slow: true, before: beforeBuild, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (map[string]string, error) {
			return w.Images.Build(ctx, arg[app.Stack](p, d, 0))
		}, built)},
		"Images.Drop": {effect: true, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Images.Drop(ctx, arg[app.Stack](p, d, 0))
		})},
		"Scripts.Run": {effect: true, slow: true, before: beforeScript, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Scripts.Run(ctx, arg[port.Script](p, d, 0))
		})},
	}
}

func stackMethods() map[string]method {
	return map[string]method{
		"Stack.Up": {effect: true, about: []string{"container", "volume"}, slow: true, before: beforeUp, call: upStack},
		"Stack.Stop": {effect: true, about: []string{"container"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Stack.Stop(ctx, arg[string](p, d, 0), arg[time.Duration](p, d, 1))
		})},
		"Containers.List": {call: asking(func(ctx context.Context, w port.World, p *player, d *deed) ([]app.Container, error) {
			return w.Containers.List(ctx, arg[string](p, d, 0))
		}, listContainers)},
		"Containers.Kill": {effect: true, about: []string{"container"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Containers.Kill(ctx, arg[string](p, d, 0), arg[uint64](p, d, 1))
		})},
		"Containers.Remove": {effect: true, about: []string{"container"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Containers.Remove(ctx, arg[string](p, d, 0), arg[bool](p, d, 1))
		})},
		"Containers.Pin": {effect: true, about: []string{"container"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Containers.Pin(ctx, arg[string](p, d, 0))
		})},
	}
}

func dataMethods() map[string]method {
	return map[string]method{
		"Volumes.List": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]string, error) {
			return w.Volumes.List(ctx)
		}, listVolumes)},
		"Volumes.Restore": {effect: true, about: []string{"volume", "snapshot"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Volumes.Restore(ctx, arg[string](p, d, 0), arg[string](p, d, 1))
		})},
		"Volumes.Remove": {effect: true, about: []string{"volume"}, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Volumes.Remove(ctx, arg[string](p, d, 0))
		})},
		"Snapshots.Take": {effect: true, about: []string{"snapshot"}, call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (app.Snapshot, error) {
			return w.Snapshots.Take(ctx, arg[string](p, d, 0))
		}, took)},
		"Snapshots.List": {call: asking(func(ctx context.Context, w port.World, p *player, d *deed) ([]app.Snapshot, error) {
			return w.Snapshots.List(ctx, arg[string](p, d, 0))
		}, listSnapshots)},
		"Snapshots.Send": {effect: true, about: []string{"snapshot"}, slow: true, call: sending},
		"Snapshots.Remove": {effect: true, about: []string{"snapshot"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Snapshots.Remove(ctx, arg[string](p, d, 0))
		})},
		"Schedules.Set": {effect: true, about: []string{"schedule"}, slow: true, before: beforeSet, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Schedules.Set(ctx, arg[string](p, d, 0), arg[[]app.Schedule](p, d, 1))
		})},
		"Schedules.List": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]app.Schedule, error) {
			return w.Schedules.List(ctx)
		}, listSchedules)},
	}
}

func nodeMethods() map[string]method {
	return map[string]method{
		"Guard.Grant": {effect: true, about: []string{"lease"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Guard.Grant(ctx, arg[app.Lease](p, d, 0))
		})},
		"Guard.Release": {effect: true, about: []string{"lease"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Guard.Release(ctx, arg[string](p, d, 0), arg[uint64](p, d, 1))
		})},
		"Guard.List": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]app.Lease, error) {
			return w.Guard.List(ctx)
		}, listLeases)},
		"Guard.Mark":   {call: marked},
		"Warden.Touch": {effect: true, call: acting(func(ctx context.Context, w port.World, _ *player, _ *deed) error { return w.Warden.Touch(ctx) })},
		"Warden.Slay": {effect: true, slow: true, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Warden.Slay(ctx, arg[string](p, d, 0), arg[uint64](p, d, 1), arg[bool](p, d, 2))
		})},
		"Journal.Read": {call: asking(func(ctx context.Context, w port.World, p *player, d *deed) (app.Journal, error) {
			return w.Journal.Read(ctx, arg[string](p, d, 0))
		}, readJournal)},
		"Journal.Write": {effect: true, about: []string{"journal", "list of journals"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Journal.Write(ctx, arg[string](p, d, 0), arg[app.Journal](p, d, 1))
		})},
		"Journal.Forget": {effect: true, about: []string{"journal", "list of journals"}, call: acting(func(ctx context.Context, w port.World, p *player, d *deed) error {
			return w.Journal.Forget(ctx, arg[string](p, d, 0))
		})},
		"Journal.List": {call: asking(func(ctx context.Context, w port.World, _ *player, _ *deed) ([]string, error) {
			return w.Journal.List(ctx)
		}, listJournals)},
		"Edge.Publish": {effect: true, call: asking[app.Published, struct{}](func(ctx context.Context, w port.World, _ *player, _ *deed) (app.Published, error) {
			return w.Edge.Publish(ctx)
		}, nil)},
	}
}
