package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// take snapshots the volumes.
func (n *Node) take(ctx context.Context, volumes []string) ([]app.Copy, error) {
	copies := make([]app.Copy, 0, len(volumes))
	for _, v := range volumes {
		s, err := n.Snapshots.Take(ctx, v)
		if errors.Is(err, port.ErrNotFound) {
			return nil, fmt.Errorf("volume %s is in the record but not on %s: %w", v, n.Config.Node, err)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", v, err)
		}
		copies = append(copies, app.Copy{Volume: v, Snapshot: s.Name, UUID: s.Origin()})
	}
	return copies, nil
}

// ship sends the copies to a node.
func (n *Node) ship(ctx context.Context, copies []app.Copy, to string) error {
	address, err := n.address(ctx, to)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if err := n.Snapshots.Send(ctx, c.Snapshot, address); err != nil {
			return fmt.Errorf("send %s to %s: %w", c.Snapshot, to, err)
		}
	}
	return nil
}

// unsent removes a snapshot that no other node has: of one that was sent the
// driver has left a marker, whatever became of the answer.
func (n *Node) unsent(ctx context.Context, c app.Copy) error {
	all, err := n.Snapshots.List(ctx, c.Volume)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(s app.Snapshot) bool { return s.Host != "" && s.Name == c.Snapshot+"@"+s.Host }) {
		return nil
	}
	return n.Snapshots.Remove(ctx, c.Snapshot)
}

func (n *Node) address(ctx context.Context, node string) (string, error) {
	var members []app.Member
	err := n.Until(ctx, "address of "+node, func() (err error) {
		members, err = n.Members.Members(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look up the address of %s: %w", node, err)
	}
	for _, m := range members {
		if m.Name == node {
			return m.Address, nil
		}
	}
	return "", fmt.Errorf("node %s is not a member of the cluster: %w", node, port.ErrNotFound)
}

// precopy sends the volumes while the app runs, again until a round is short.
func (r *run) precopy(ctx context.Context, s plan.Step) error {
	for round := 1; round <= r.Times.Rounds && len(r.record.Volumes) > 0; round++ {
		start := r.Clock.Boot()
		copies, err := r.take(ctx, r.record.Volumes)
		if err != nil {
			return err
		}
		if err := r.ship(ctx, copies, s.Node); err != nil {
			return err
		}
		took := r.Clock.Boot() - start
		r.progress(int64(round))
		r.mu.Lock()
		r.ack.Seconds = int(took / time.Second)
		r.mu.Unlock()
		if took < r.Times.DeltaGoal {
			return nil
		}
	}
	return nil
}

// lend takes the source's snapshots of a migrate and brings them to the
// target's master, which may be this node.
func (r *run) lend(ctx context.Context, s plan.Step) error {
	copies, err := r.take(ctx, r.peer.Volumes)
	if err != nil {
		return err
	}
	if s.Node != "" {
		if err := r.ship(ctx, copies, s.Node); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.ack.Source = copies
	r.mu.Unlock()
	r.source = copies
	return nil
}

// snapshot takes the copies that count: after this operation's own stop.
func (r *run) snapshot(ctx context.Context) error {
	copies, err := r.take(ctx, r.record.Volumes)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.ack.Copies = copies
	r.mu.Unlock()
	return r.note(ctx, func(j *app.Journal) { j.Rollback = copies })
}

func (r *run) send(ctx context.Context, s plan.Step) error {
	return r.ship(ctx, r.ack.Copies, s.Node)
}

// moved are the transferred copies of volumes that the new release has too.
func (r *run) moved() []app.Copy {
	return slices.DeleteFunc(slices.Clone(r.transferred), func(c app.Copy) bool { return !slices.Contains(r.fresh(), c.Volume) })
}

// copies resolves the set to what is to be restored, by target volume.
func (r *run) copies(ctx context.Context, set plan.Set) ([]app.Copy, error) {
	switch set {
	case plan.Peer:
		return r.borrowed(), nil
	case plan.Catalog:
		rep, err := r.Ledger.Replica(ctx, r.name)
		if err != nil {
			return nil, err
		}
		if err := Covers(rep, r.record, r.Config.Node); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(rep.Copies, func(c app.Copy) bool { return !slices.Contains(r.fresh(), c.Volume) }), nil
	case plan.Old:
		return r.ack.Copies, nil
	}
	if r.transferred == nil {
		acks, _, err := r.look(ctx)
		if err != nil {
			return nil, err
		}
		r.transferred = acks[r.op.Old.Master].Copies
	}
	return r.moved(), nil
}

// Covers reports whether rep is a complete replica of rec on node.
func Covers(rep app.Replica, rec app.Record, node string) error {
	if len(rec.Volumes) == 0 {
		return nil
	}
	if rep.Node != node {
		return fmt.Errorf("the complete replica of %s is on %s, not on %s", rec.App().Name(), cmp.Or(rep.Node, "no node"), node)
	}
	for _, v := range rec.Volumes {
		if !slices.ContainsFunc(rep.Copies, func(c app.Copy) bool { return c.Volume == v }) {
			return fmt.Errorf("the replica on %s has no copy of %s", node, v)
		}
	}
	return nil
}

// borrowed pairs the source's copies of a migrate with the target's volumes of
// the same key; volumes that are not to be migrated are left out.
func (r *run) borrowed() []app.Copy {
	var out []app.Copy
	for _, c := range r.source {
		_, key, _ := strings.Cut(c.Volume, "_")
		v := r.op.App.Volume(key)
		if slices.Contains(r.record.Volumes, v) && !slices.Contains(r.record.Release.NonMigrable, v) {
			out = append(out, app.Copy{Volume: v, Snapshot: c.Snapshot, UUID: c.UUID})
		}
	}
	return out
}

// verify looks whether this node has every copy whole.
func (r *run) verify(ctx context.Context, set plan.Set) error {
	copies, err := r.copies(ctx, set)
	if err != nil {
		return err
	}
	if set == plan.Peer && len(copies) == 0 {
		return fmt.Errorf("%s and %s have no volume in common that may be migrated", r.op.Peer.Name(), r.name)
	}
	for _, c := range copies {
		if err := r.Complete(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Complete reports nil if this node has c whole: read-only and with the uuid
// that its sender named.
func (n *Node) Complete(ctx context.Context, c app.Copy) error {
	volume, _, _ := strings.Cut(c.Snapshot, "@")
	all, err := n.Snapshots.List(ctx, volume)
	if err != nil {
		return fmt.Errorf("list snapshots of %s: %w", volume, err)
	}
	for _, s := range all {
		if s.Name == c.Snapshot {
			if s.ReadOnly && s.Origin() == c.UUID {
				return nil
			}
			return fmt.Errorf("snapshot %s is not whole on %s", c.Snapshot, n.Config.Node)
		}
	}
	return fmt.Errorf("snapshot %s is not on %s: %w", c.Snapshot, n.Config.Node, port.ErrNotFound)
}
