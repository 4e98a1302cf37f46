package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
)

// settle brings this node, for one app at rest, to what the last operation
// says: nothing runs that may not, what must run is started after a reboot,
// and a part of the operation that this node has not finished is finished.
// Absence of knowledge removes nothing. In doubt what is there counts, not what
// the journal says was done.
func (a *Agent) settle(ctx context.Context, name string, o app.Operation, doubt bool) error {
	rec, index, err := a.Ledger.Record(ctx, name)
	if err != nil {
		return err
	}
	if o.Index == 0 {
		if index != 0 && rec.Master == a.Config.Node {
			return a.adopt(ctx, name, rec, index)
		}
		return nil
	}
	j, err := a.Journal.Read(ctx, name)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if j.Seq > o.Seq {
		return fmt.Errorf("this node has seen operation %d of %s, the KV knows only %d: restored from a backup? nothing is touched", j.Seq, name, o.Seq)
	}
	if o.Runs().Role(a.Config.Node) == app.Master {
		return a.settleMaster(ctx, o, rec, index, j, doubt)
	}
	return a.settleOther(ctx, o, rec, j, doubt)
}

// adopt takes over an app of the old tool: the key that decides, and no
// restart of containers that carry no lease.
func (a *Agent) adopt(ctx context.Context, name string, rec app.Record, index uint64) error {
	if err := a.Containers.Pin(ctx, rec.App().Project()); err != nil {
		return fmt.Errorf("pin containers of %s: %w", name, err)
	}
	_, err := a.KV.Apply(ctx, ledger.Adopt(name, rec, index))
	if errors.Is(err, port.ErrRefused) {
		return nil
	}
	return err
}

func (a *Agent) settleMaster(ctx context.Context, o app.Operation, rec app.Record, index uint64, j app.Journal, doubt bool) error {
	if index == 0 {
		return fmt.Errorf("operation %d says that %s runs here, but there is no record: restored from a backup? nothing is touched", o.Seq, o.App.Name())
	}
	finished := j.Seq == o.Seq && j.Finished
	if !finished && o.Outcome == app.OutcomeAborted {
		if err := a.Rollback(ctx, o.App.Name(), o.Seq); err != nil {
			return err
		}
	}
	finished = finished && !doubt
	if err := a.mayRun(ctx, o.App.Project(), rec, finished); err != nil {
		return err
	}
	if finished {
		return a.replicaOf(ctx, o, rec)
	}
	slave := o.Runs().Slave
	if err := a.Halves(ctx, o.App.Project()); err != nil {
		return err
	}
	if err := a.Arrange(ctx, o.App.Project(), rec.Volumes, plan.AsMaster, slave); err != nil {
		return err
	}
	if err := a.Checks.Register(ctx, o.App.Name(), rec.Release.Checks, rec.Release.Service); err != nil {
		return fmt.Errorf("register service: %w", err)
	}
	if err := a.dropped(ctx, o, rec); err != nil {
		return err
	}
	if err := a.Discard(ctx, o.App, func(id string) bool { return id != rec.DeployID }); err != nil {
		return err
	}
	if err := a.finished(ctx, o); err != nil {
		return err
	}
	return a.replicaOf(ctx, o, rec)
}

// source keeps the app that a migrate has locked as its source running: its
// master may have been rebooted.
func (a *Agent) source(ctx context.Context, o app.Operation) error {
	if o.Runs().Role(a.Config.Node) != app.Master {
		return nil
	}
	rec, index, err := a.Ledger.Record(ctx, o.App.Name())
	if err != nil || index == 0 {
		return err
	}
	return a.mayRun(ctx, o.App.Project(), rec, true)
}

// dropped retires live volumes that the record does not have.
func (a *Agent) dropped(ctx context.Context, o app.Operation, rec app.Record) error {
	live, err := a.Live(ctx, o.App.Project())
	if err != nil {
		return err
	}
	return a.Retire(ctx, slices.DeleteFunc(live, func(v string) bool { return slices.Contains(rec.Volumes, v) }))
}

// mayRun starts the recorded release where its lease is missing: after a
// reboot, or when this node's part was cut short. With the lease there and
// everything finished a stopped container is an operator's doing and is only
// reported.
func (a *Agent) mayRun(ctx context.Context, project string, rec app.Record, finished bool) error {
	leases, err := a.Guard.List(ctx)
	if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	held := false
	for _, l := range leases {
		switch {
		case l.Project != project:
		case l.Seq == rec.Generation && l.Until == 0:
			held = true
		case l.Seq != rec.Generation:
			if err := a.strange(ctx, project, l.Seq); err != nil {
				return err
			}
		}
	}
	if held && finished {
		return nil
	}
	if up, err := a.Runs(ctx, rec); err != nil || up && held {
		return err
	}
	if err := a.Guard.Grant(ctx, app.Lease{Project: project, Seq: rec.Generation}); err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	a.Log.Info("start what must run", "node", a.Config.Node, "app", rec.App().Name(), "seq", rec.Generation)
	if err := a.Stack.Up(ctx, rec.Stack()); err != nil {
		// Without the lease the next pass tries again.
		a.Doubt(rec.App().Name())
		return errors.Join(fmt.Errorf("start: %w", err), a.Guard.Release(ctx, project, rec.Generation))
	}
	return nil
}

// strange ends what runs of another release than the recorded one.
func (a *Agent) strange(ctx context.Context, project string, seq uint64) error {
	if err := a.Guard.Release(ctx, project, seq); err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	if err := a.Containers.Kill(ctx, project, seq); err != nil {
		return fmt.Errorf("kill containers: %w", err)
	}
	return nil
}

func (a *Agent) settleOther(ctx context.Context, o app.Operation, rec app.Record, j app.Journal, doubt bool) error {
	project := o.App.Project()
	if err := a.Fence(ctx, project); err != nil {
		return err
	}
	if j.Seq == o.Seq && j.Finished && !doubt {
		return nil
	}
	if err := a.Halves(ctx, project); err != nil {
		return err
	}
	if err := a.Checks.Deregister(ctx, o.App.Name(), rec.Release.Service); err != nil {
		return fmt.Errorf("deregister service: %w", err)
	}
	if err := a.Containers.Remove(ctx, project, true); err != nil {
		return fmt.Errorf("remove containers: %w", err)
	}
	live, err := a.Live(ctx, project)
	if err != nil {
		return err
	}
	if err := a.Retire(ctx, live); err != nil {
		return err
	}
	role, keep := plan.Off, ""
	if o.Runs().Role(a.Config.Node) == app.Slave {
		role, keep = plan.AsSlave, rec.DeployID
	}
	if err := a.Arrange(ctx, project, rec.Volumes, role, ""); err != nil {
		return err
	}
	if err := a.Discard(ctx, o.App, func(id string) bool { return id != keep }); err != nil {
		return err
	}
	return a.finished(ctx, o)
}

// finished writes on disk that this node is as operation o wants it.
func (a *Agent) finished(ctx context.Context, o app.Operation) error {
	j := app.Journal{Seq: o.Seq, ID: o.ID, Finished: true}
	if err := a.Journal.Write(ctx, o.App.Name(), j); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// replicaOf keeps the catalogue: a slave that has no replica gets one, and the
// newest copies that this master's own markers say it has whole are listed.
func (a *Agent) replicaOf(ctx context.Context, o app.Operation, rec app.Record) error {
	slave := o.Runs().Slave
	if slave == "" || len(rec.Volumes) == 0 {
		return nil
	}
	rep, err := a.Ledger.Replica(ctx, o.App.Name())
	if err != nil {
		return err
	}
	members, err := a.Members.Members(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m app.Member) bool { return m.Name == slave })
	if i < 0 {
		return nil
	}
	if (rep.Node != slave || rep.Seq < o.Seq) && members[i].Present {
		return a.Replicate(ctx, o.App.Name(), slave)
	}
	next := app.Replica{Seq: o.Seq, Node: slave, Date: a.Clock.Now().UTC().Format(time.RFC3339)}
	for _, v := range rec.Volumes {
		c, err := a.marked(ctx, v, members[i].Address)
		if err != nil || c.Snapshot == "" {
			return err
		}
		next.Copies = append(next.Copies, c)
	}
	if rep.Node == slave && slices.Equal(rep.Copies, next.Copies) {
		return nil
	}
	_, err = a.KV.Apply(ctx, ledger.Catalogue(o, next))
	if errors.Is(err, port.ErrRefused) {
		return nil
	}
	return err
}

// marked is the last copy of volume that address has according to this node's
// markers.
func (a *Agent) marked(ctx context.Context, volume, address string) (app.Copy, error) {
	all, err := a.Snapshots.List(ctx, volume)
	if err != nil {
		return app.Copy{}, fmt.Errorf("list snapshots: %w", err)
	}
	var c app.Copy
	for _, s := range all {
		if s.Host != address {
			continue
		}
		name := strings.TrimSuffix(s.Name, "@"+address)
		for _, o := range all {
			if o.Name == name && o.ReadOnly {
				c = app.Copy{Volume: volume, Snapshot: name, UUID: o.Origin()}
			}
		}
	}
	return c, nil
}
