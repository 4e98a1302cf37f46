package execute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// schedule makes the lines of a set's volumes those of the flag.
func (r *run) schedule(ctx context.Context, s plan.Step) error {
	of, volumes, slave := r.op.App, r.record.Volumes, r.op.Old.Slave
	switch s.Set {
	case plan.New, plan.Dropped:
		volumes, slave = r.fresh(), r.op.New.Slave
		if r.op.Kind != app.Deploy {
			slave = r.op.Old.Slave
		}
	case plan.Peer:
		of, volumes, slave = *r.op.Peer, r.peer.Volumes, r.op.PeerAt.Slave
	}
	switch {
	case s.Set == plan.Dropped:
		return r.unschedule(ctx, of.Project(), volumes, false)
	case s.Flag == plan.Off:
		return r.unschedule(ctx, of.Project(), nil, false)
	case s.Flag == plan.NoPurge:
		return r.unschedule(ctx, of.Project(), nil, true)
	}
	return r.Arrange(ctx, of, volumes, s.Flag, slave)
}

// unschedule removes the lines of project's volumes, but not of those to keep;
// with purge only the purge lines go.
func (n *Node) unschedule(ctx context.Context, project string, keep []string, purge bool) error {
	all, err := n.Schedules.List(ctx)
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	left := map[string][]app.Schedule{}
	var volumes []string
	for _, l := range all {
		if !strings.HasPrefix(l.Volume, project+"_") || slices.Contains(keep, l.Volume) {
			continue
		}
		if !slices.Contains(volumes, l.Volume) {
			volumes = append(volumes, l.Volume)
		}
		if purge && !strings.HasPrefix(l.Action, "purge:") {
			left[l.Volume] = append(left[l.Volume], l)
		}
	}
	for _, v := range volumes {
		if err := n.Schedules.Set(ctx, v, left[v]); err != nil {
			return fmt.Errorf("schedule %s: %w", v, err)
		}
	}
	return nil
}

// Arrange makes the schedule of an app's volumes that of a role: AsMaster
// replicates to slave (without one it snapshots) and purges, AsSlave purges
// what may be, Off has no lines. Lines of other volumes of the app go.
func (n *Node) Arrange(ctx context.Context, of app.App, volumes []string, role, slave string) error {
	if err := n.unschedule(ctx, of.Project(), volumes, false); err != nil {
		return err
	}
	lines, err := n.lines(ctx, of.Name(), volumes, role, slave)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := n.Schedules.Set(ctx, v, lines(v)); err != nil {
			return fmt.Errorf("schedule %s: %w", v, err)
		}
	}
	return nil
}

// lines are those of each volume in a role.
func (n *Node) lines(ctx context.Context, name string, volumes []string, role, slave string) (func(volume string) []app.Schedule, error) {
	switch role {
	case plan.AsSlave:
		free, err := n.Purging(ctx, name, volumes)
		return func(v string) []app.Schedule { return n.purge(v, slices.Contains(free, v)) }, err
	case plan.Off:
		return func(string) []app.Schedule { return nil }, nil
	}
	keep := app.Schedule{Action: "snapshot", Minutes: n.Every}
	if slave != "" {
		address, err := n.address(ctx, slave)
		if err != nil && !errors.Is(err, port.ErrNotFound) {
			return nil, err
		}
		if err != nil {
			n.Log.Warn("the slave's address is not known: snapshots only", "node", n.Config.Node, "slave", slave, "err", err)
		} else {
			keep.Action = "replicate:" + address
		}
	}
	return func(v string) []app.Schedule {
		first := keep
		first.Volume = v
		return append([]app.Schedule{first}, n.purge(v, true)...)
	}, nil
}
