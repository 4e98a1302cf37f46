package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
)

// sparing is how many passes ahead a slave looks: a driver that is at its rounds
// just then still finds no purge line.
const sparing = 10

// Purging lists those volumes of name whose purge may run on this node: where it
// could take what the catalogue names, or a copy that came after it, it may not.
// That is the replica which a failover restores, and the purge of the driver
// keeps the oldest snapshot of an hour or a day, never the newest. While a master
// sends one an hour none comes into reach; without that its slave stops purging,
// and a line that is not there runs at no start of the driver either.
func (n *Node) Purging(ctx context.Context, name string, volumes []string) ([]string, error) {
	rep, err := n.Ledger.Replica(ctx, name)
	var foreign *ledger.Foreign
	if errors.As(err, &foreign) {
		n.Log.Error("what is the replica is not known: nothing is purged", "node", n.Config.Node, "app", name, "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if rep.Node != n.Config.Node {
		return volumes, nil
	}
	free := slices.Clone(volumes)
	for _, c := range rep.Copies {
		spared, err := n.spared(ctx, c.Volume, c.Snapshot, rep.Date)
		if err != nil {
			return nil, err
		}
		if !spared {
			free = slices.DeleteFunc(free, func(v string) bool { return v == c.Volume })
		}
	}
	return free, nil
}

// spared reports that the purge of volume may run: it takes neither the copy
// called first, "" for the last one but one, nor what came after it.
func (n *Node) spared(ctx context.Context, volume, first, listed string) (bool, error) {
	all, err := n.Snapshots.List(ctx, volume)
	if err != nil {
		return false, fmt.Errorf("list snapshots of %s: %w", volume, err)
	}
	return app.Spared(n.Purge, all, cmp.Or(first, beforeLast(all)), listed, n.Clock.Now().UTC(), sparing*n.Times.Poll), nil
}

// beforeLast is the name of the last whole snapshot but one, or of the only one.
func beforeLast(all []app.Snapshot) string {
	last, before := "", ""
	for _, s := range all { // sorted by name
		if s.ReadOnly && s.Host == "" {
			last, before = s.Name, last
		}
	}
	return cmp.Or(before, last)
}

// Spare gives the volumes of a slave their purge, and takes it away, as
// [Node.Purging] says now.
func (n *Node) Spare(ctx context.Context, name string, volumes []string) error {
	free, err := n.Purging(ctx, name, volumes)
	if err != nil {
		return err
	}
	all, err := n.Schedules.List(ctx)
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	for _, v := range volumes {
		has := slices.ContainsFunc(all, func(l app.Schedule) bool { return l.Volume == v && strings.HasPrefix(l.Action, "purge:") })
		may := slices.Contains(free, v)
		if has == may {
			continue
		}
		if may {
			n.Log.Info("the purge goes on", "node", n.Config.Node, "app", name, "volume", v)
		} else {
			n.Log.Info("the purge waits for a newer replica: it could take the last one", "node", n.Config.Node, "app", name, "volume", v)
		}
		if err := n.Schedules.Set(ctx, v, n.purge(v, may)); err != nil {
			return fmt.Errorf("schedule %s: %w", v, err)
		}
	}
	return nil
}

// SpareUnheard takes the purge from slaves' volumes while nobody can read what
// the catalogue names: it is among the last two that came, or older than Consul's
// absence.
func (n *Node) SpareUnheard(ctx context.Context) error {
	all, err := n.Schedules.List(ctx)
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	for i, l := range all { // sorted by volume; a master has a line before its purge, or after it
		alone := (i == 0 || all[i-1].Volume != l.Volume) && (i+1 == len(all) || all[i+1].Volume != l.Volume)
		if !alone || !strings.HasPrefix(l.Action, "purge:") {
			continue
		}
		spared, err := n.spared(ctx, l.Volume, "", "")
		if err != nil {
			return err
		}
		if spared {
			continue
		}
		n.Log.Info("the purge waits until the catalogue can be read: it could take the last replica", "node", n.Config.Node, "volume", l.Volume)
		if err := n.Schedules.Set(ctx, l.Volume, nil); err != nil {
			return fmt.Errorf("schedule %s: %w", l.Volume, err)
		}
	}
	return nil
}

// purge are the lines of a slave's volume.
func (n *Node) purge(volume string, may bool) []app.Schedule {
	if !may {
		return nil
	}
	return []app.Schedule{{Volume: volume, Action: "purge:" + n.Purge, Minutes: n.Cleanup}}
}
