package execute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// stack is the release that this operation makes.
func (r *run) stack() app.Stack {
	return app.Stack{Name: r.name, Project: r.op.App.Project(), Dir: app.Checkout(r.name, r.op.ID), Seq: r.op.Seq, ID: r.op.ID, Images: r.ack.Images}
}

func (r *run) checkout(ctx context.Context) error {
	commit, err := r.Source.Checkout(ctx, r.op.App, r.stack().Dir)
	if err != nil {
		return fmt.Errorf("check out %s: %w", r.op.App.Branch, err)
	}
	r.mu.Lock()
	r.ack.Commit = commit
	r.mu.Unlock()
	if r.lead() {
		return nil
	}
	return r.inspect(ctx) // a replica's checkout is ready to run
}

// inspect judges the checkout and writes the canonical file into it.
func (r *run) inspect(ctx context.Context) error {
	files, err := r.Checkouts.Read(ctx, r.stack().Dir)
	if err != nil {
		return fmt.Errorf("read checkout: %w", err)
	}
	in := inspect.Input{App: r.op.App, Files: files, Seq: r.op.Seq, ID: r.op.ID, Drivers: r.Drivers, Ports: r.Ports}
	err = r.Until(ctx, "records and policy", func() error {
		if in.Policy, err = r.Ledger.Policy(ctx, r.name); err != nil {
			return err
		}
		in.Others, in.Swarm, err = r.others(ctx)
		return err
	})
	if err != nil {
		return err
	}
	r.result = r.Memo.Inspect(in)
	if len(r.result.Refused) > 0 {
		return refused(r.result.Refused)
	}
	for _, w := range r.result.Warnings {
		if err := r.warn(ctx, w); err != nil {
			return err
		}
	}
	return r.Checkouts.Write(ctx, r.stack().Dir, r.result.Files)
}

func refused(all []inspect.Refusal) error {
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = f.Where + ": " + f.Why
	}
	return fmt.Errorf("the repository is refused: %s", strings.Join(texts, "; "))
}

func (r *run) pull(ctx context.Context) error {
	if err := r.Images.Pull(ctx, r.stack()); err != nil {
		return fmt.Errorf("pull images: %w", err)
	}
	return nil
}

// buildImages builds, a bounded number at a time, and keeps the ids and the
// volumes for the "prepared" that follows.
func (r *run) buildImages(ctx context.Context) error {
	return r.build(ctx, func() error {
		ids, err := r.Images.Build(ctx, r.stack())
		if err != nil {
			return fmt.Errorf("build images: %w", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ack.Images, r.ack.Volumes = ids, r.result.Volumes
		return nil
	})
}

// tidy takes away what an earlier stay or a failed operation left on a node
// that is about to become master: nothing of the app may run here.
func (r *run) tidy(ctx context.Context) error {
	project := r.op.App.Project()
	if err := r.release(ctx, project, nil); err != nil {
		return err
	}
	return r.Containers.Remove(ctx, project, true)
}

// discard takes checkouts and their image tags away: the operation's own, or
// with OldRelease all others of the app.
func (r *run) discard(ctx context.Context, whose string) error {
	own := r.op.ID
	if r.op.Kind != app.Deploy {
		own = ""
	}
	return r.Discard(ctx, r.op.App, func(id string) bool { return (id == own) == (whose == plan.NewRelease) })
}

// Discard removes the checkouts of a on this node whose operation's id is
// among those to go, with their image tags.
func (n *Node) Discard(ctx context.Context, a app.App, goes func(id string) bool) error {
	dirs, err := n.Checkouts.List(ctx)
	if err != nil {
		return fmt.Errorf("list checkouts: %w", err)
	}
	for _, dir := range dirs {
		id, ok := strings.CutPrefix(dir, a.Name()+"-")
		if !ok || app.CheckID("id", id) != nil || !goes(id) {
			continue
		}
		s := app.Stack{Name: a.Name(), Project: a.Project(), Dir: dir, ID: id}
		if err := n.Images.Drop(ctx, s); err != nil {
			return fmt.Errorf("drop images of %s: %w", dir, err)
		}
		if err := n.Checkouts.Remove(ctx, dir); err != nil {
			return fmt.Errorf("remove checkout %s: %w", dir, err)
		}
	}
	return nil
}

// script runs one of the app's own scripts.
func (r *run) script(ctx context.Context, name string) error {
	s := port.Script{Stack: r.stack(), Name: name, Args: []string{"-r", r.op.App.Repo, "-b", r.op.App.Branch}}
	if r.op.Kind != app.Deploy {
		s.Stack = r.record.Stack()
	}
	if name == "post_migrate.sh" && r.op.Peer != nil {
		s.Args = append([]string{"-R", r.op.Peer.Repo, "-B", r.op.Peer.Branch}, s.Args...)
	}
	err := r.Scripts.Run(ctx, s)
	if errors.Is(err, port.ErrNotFound) {
		return r.warn(ctx, "the repository has no "+name)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// target is the record that this operation commits.
func (r *run) target(ip string) app.Record {
	rec := r.result.Record
	rec.RepoURL, rec.Branch = r.op.App.Repo, r.op.App.Branch
	rec.DeployDate = r.Clock.Now().UTC().Format("2006-01-02T150405.000000Z")
	rec.DeployID, rec.Generation, rec.IP = r.op.ID, r.op.Seq, ip
	rec.Master, rec.Slave = r.op.New.Master, nil
	if r.op.New.Slave != "" {
		rec.Slave = &r.op.New.Slave
	}
	if r.record.DeployID != "" {
		rec.PreviousDeployID = &r.record.DeployID
	}
	rec.Commit = r.ack.Commit
	rec.Release.Images = maps.Clone(r.ack.Images)
	if copies := r.moved(); len(copies) > 0 {
		rec.Release.Snapshots = map[string]string{}
		for _, c := range copies {
			rec.Release.Snapshots[c.Volume] = c.Snapshot
		}
	}
	return rec
}
