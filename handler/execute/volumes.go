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

// Live lists the live Buttervolume volumes of project on this node.
func (n *Node) Live(ctx context.Context, project string) ([]string, error) {
	all, err := n.Volumes.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	return slices.DeleteFunc(all, func(v string) bool { return !strings.HasPrefix(v, project+"_") }), nil
}

// fresh lists the replicated volumes of the release that this operation makes.
func (r *run) fresh() []string {
	if r.result.Files != nil {
		return r.result.Record.Volumes
	}
	if r.next.Generation == r.op.Seq || r.op.Kind != app.Deploy {
		return r.next.Volumes
	}
	return nil
}

// volumes resolves a set among the live volumes of this node.
func (r *run) volumes(ctx context.Context, set plan.Set) ([]string, error) {
	live, err := r.Live(ctx, r.op.App.Project())
	if err != nil {
		return nil, err
	}
	drop := func(gone func(string) bool) []string { return slices.DeleteFunc(live, gone) }
	in := func(vs []string) func(string) bool { return func(v string) bool { return slices.Contains(vs, v) } }
	switch set {
	case plan.Added:
		return drop(func(v string) bool { return in(r.record.Volumes)(v) || !in(r.fresh())(v) }), nil
	case plan.Dropped:
		return drop(in(r.fresh())), nil
	case plan.Made:
		j, err := r.Journal.Read(ctx, r.name)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		return drop(func(v string) bool { return !j.Of(r.op.Operation) || !in(j.Made)(v) }), nil
	}
	return live, nil
}

// claim refuses a first deploy over volumes that somebody left.
func (r *run) claim(ctx context.Context) error {
	found, err := r.Live(ctx, r.op.App.Project())
	if err != nil || len(found) == 0 || r.op.Flags.Adopt {
		return err
	}
	return fmt.Errorf("volumes of this app are already on %s: %s; ask again with adopt to use their data, or remove them",
		r.Config.Node, strings.Join(found, ", "))
}

// retire takes live volumes away, each after a snapshot of it.
func (r *run) retire(ctx context.Context, set plan.Set) error {
	volumes, err := r.volumes(ctx, set)
	if err != nil {
		return err
	}
	if set == plan.Made {
		if err := r.halves(ctx); err != nil {
			return err
		}
	}
	return r.Retire(ctx, volumes)
}

// halves removes what an aborted transfer left here.
func (r *run) halves(ctx context.Context) error {
	projects := []string{r.op.App.Project()}
	if r.op.Peer != nil {
		projects = append(projects, r.op.Peer.Project())
	}
	return r.Halves(ctx, nil, projects...)
}

// Halves removes the projects' snapshots that were never received whole, but
// for those of the volumes expected: nothing tells a part that was left from
// one that arrives just now.
func (n *Node) Halves(ctx context.Context, expected []string, projects ...string) error {
	all, err := n.Snapshots.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	for _, s := range all {
		project, _, _ := strings.Cut(s.Volume, "_")
		if s.ReadOnly || !slices.Contains(projects, project) || slices.Contains(expected, s.Volume) {
			continue
		}
		if err := n.Snapshots.Remove(ctx, s.Name); err != nil {
			return fmt.Errorf("remove half-received %s: %w", s.Name, err)
		}
	}
	return nil
}

// Retire snapshots each live volume, then removes it. No volume goes without
// a snapshot.
func (n *Node) Retire(ctx context.Context, volumes []string) error {
	for _, v := range volumes {
		if _, err := n.Snapshots.Take(ctx, v); errors.Is(err, port.ErrNotFound) {
			continue
		} else if err != nil {
			return fmt.Errorf("snapshot %s: %w", v, err)
		}
		if err := n.Volumes.Remove(ctx, v); err != nil {
			return fmt.Errorf("remove volume %s: %w", v, err)
		}
	}
	return nil
}
