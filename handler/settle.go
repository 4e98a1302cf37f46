package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	finished := j.Of(o) && j.Finished
	if !finished && o.Outcome == app.OutcomeAborted {
		if j.Of(o) && j.Ran { // nothing may run on data that is about to be replaced
			if err := a.Fence(ctx, o.App.Project()); err != nil {
				return err
			}
		}
		if err := a.Rollback(ctx, o.App.Name(), o); err != nil {
			return err
		}
	}
	finished = finished && !doubt
	if err := a.mayRun(ctx, o.App.Project(), rec, finished); err != nil {
		return err
	}
	if o.Hold != "" {
		now, err := a.Ledger.Read(ctx, o.App.Name())
		if err != nil || now.Index != o.Index {
			return err
		}
		if _, err := a.KV.Apply(ctx, ledger.Lift(now)); err != nil && !errors.Is(err, port.ErrRefused) {
			return err
		}
		return nil // the operation's index is another now; the next pass goes on
	}
	if finished {
		return a.replicaOf(ctx, o, rec)
	}
	slave := o.Runs().Slave
	if err := a.Halves(ctx, nil, o.App.Project()); err != nil {
		return err
	}
	if err := a.Arrange(ctx, o.App, rec.Volumes, plan.AsMaster, slave); err != nil {
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

// overdue finishes what an earlier operation, closed as aborted while this node
// was away or could not, has left here: its data must not become part of a later
// one.
func (a *Agent) overdue(ctx context.Context, name string, o app.Operation, j app.Journal) error {
	if j.Seq >= o.Seq || j.Finished || !j.Ran && len(j.Made) == 0 {
		return nil
	}
	done, err := a.Ledger.Histories(ctx, name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(done, func(h app.History) bool { return h.Seq == j.Seq && h.ID == j.ID && h.Outcome == app.OutcomeAborted }) {
		return nil
	}
	master := o.Old.Role(a.Config.Node) == app.Master
	if master && !j.Ran {
		return nil // volumes that its release has added go at rest
	}
	if err := a.Fence(ctx, o.App.Project()); err != nil {
		return err
	}
	if err := a.Rollback(ctx, name, app.Operation{Seq: j.Seq, ID: j.ID}); err != nil {
		return err
	}
	if !master {
		return a.unmake(ctx, o.App.Project(), j.Made)
	}
	rec, index, err := a.Ledger.Record(ctx, name)
	if err != nil || index == 0 || o.State != app.Preparing || o.Failover() {
		return err
	}
	return a.mayRun(ctx, o.App.Project(), rec, false)
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
	return a.PinOld(ctx, rec)
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
	if j.Of(o) && j.Finished && !doubt {
		if o.Runs().Role(a.Config.Node) != app.Slave {
			return nil
		}
		return a.Spare(ctx, o.App.Name(), rec.Volumes)
	}
	if o.Outcome == app.OutcomeAborted {
		if err := a.behind(ctx, o.App.Name(), o, j); err != nil {
			return err
		}
	}
	role, keep, expected := plan.Off, "", []string(nil)
	if o.Runs().Role(a.Config.Node) == app.Slave {
		role, keep, expected = plan.AsSlave, rec.DeployID, rec.Volumes // replicas come at any time
	}
	if err := a.Halves(ctx, expected, project); err != nil {
		return err
	}
	stale := func(ctx context.Context) ([]string, error) { return a.stale(ctx, o, j) }
	if err := a.vacate(ctx, o.App, rec, role, stale, keep); err != nil {
		return err
	}
	return a.finished(ctx, o)
}

// vacate brings a node on which nothing of the application runs any more to its
// role there: no service, no containers, none of the volumes that stale lists,
// the schedule of the role, and the checkouts to keep.
func (a *Agent) vacate(ctx context.Context, of app.App, rec app.Record, role string,
	stale func(context.Context) ([]string, error), keep ...string) error {
	if err := a.Checks.Deregister(ctx, of.Name(), rec.Release.Service); err != nil {
		return fmt.Errorf("deregister service: %w", err)
	}
	if err := a.Containers.Remove(ctx, of.Project(), true); err != nil {
		return fmt.Errorf("remove containers: %w", err)
	}
	volumes, err := stale(ctx)
	if err != nil {
		return err
	}
	if err := a.Retire(ctx, volumes); err != nil {
		return err
	}
	if err := a.Arrange(ctx, of, rec.Volumes, role, ""); err != nil {
		return err
	}
	return a.Discard(ctx, of, func(id string) bool { return !slices.Contains(keep, id) })
}

// stale lists the live volumes that may not stay on a node which does not run
// the app. Of an aborted operation that is what it made here itself: what it
// found is somebody's.
func (a *Agent) stale(ctx context.Context, o app.Operation, j app.Journal) ([]string, error) {
	live, err := a.Live(ctx, o.App.Project())
	if err != nil || o.Outcome == app.OutcomeCommitted || !o.Runs().IsZero() && !j.Of(o) {
		return live, err
	}
	return slices.DeleteFunc(live, func(v string) bool { return !j.Of(o) || !slices.Contains(j.Made, v) }), nil
}

// finished writes on disk that this node is as operation o wants it.
func (a *Agent) finished(ctx context.Context, o app.Operation) error {
	j, err := a.Journal.Read(ctx, o.App.Name())
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if !j.Of(o) {
		j = app.Journal{Seq: o.Seq, ID: o.ID}
	}
	j.Finished = true
	if err := a.Journal.Write(ctx, o.App.Name(), j); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}
