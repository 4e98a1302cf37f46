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
)

// release takes away the project's lease files but those to keep.
func (n *Node) release(ctx context.Context, project string, keep []uint64) error {
	leases, err := n.Guard.List(ctx)
	if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	for _, l := range leases {
		if l.Project == project && !slices.Contains(keep, l.Seq) {
			if err := n.Guard.Release(ctx, project, l.Seq); err != nil {
				return fmt.Errorf("release lease: %w", err)
			}
		}
	}
	return nil
}

// Fence makes sure that nothing of project can start or runs here.
func (n *Node) Fence(ctx context.Context, project string) error {
	if err := n.release(ctx, project, nil); err != nil {
		return err
	}
	if err := n.empty(ctx, project, 0); err == nil {
		return nil
	}
	n.Log.Error("containers that may not run here are killed", "node", n.Config.Node, "project", project)
	return n.down(ctx, project, 0)
}

// down kills the running containers of project with seq (0: any), until the
// list is empty.
func (n *Node) down(ctx context.Context, project string, seq uint64) error {
	if err := n.Containers.Kill(ctx, project, seq); err != nil {
		return fmt.Errorf("kill containers: %w", err)
	}
	return n.empty(ctx, project, seq)
}

// empty fails while a container of project with seq (0: any) runs.
func (n *Node) empty(ctx context.Context, project string, seq uint64) error {
	all, err := n.Containers.List(ctx, project)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, c := range all {
		if c.Running && (seq == 0 || c.Seq == seq) {
			return fmt.Errorf("container %s still runs", c.Name)
		}
	}
	return nil
}

// end carries out the steps after which nothing runs. That the release which
// ran at begin is being taken down is written on disk first.
func (r *run) end(ctx context.Context, s plan.Step) error {
	if s.In == app.Switching {
		if err := r.note(ctx, func(j *app.Journal) { j.Stopped = true }); err != nil {
			return err
		}
	}
	if skip, err := r.untouched(ctx, s); skip || err != nil {
		return err
	}
	switch s.Verb {
	case plan.Revoke:
		return r.revoke(ctx, r.seq(s))
	case plan.Kill:
		return r.kill(ctx, r.seq(s))
	}
	return r.stop(ctx)
}

// stop ends the app on this node: gracefully, then by force, until the list is
// empty.
func (r *run) stop(ctx context.Context) error {
	project := r.op.App.Project()
	grace := min(time.Duration(max(r.record.Release.StopGrace, 10))*time.Second+r.Times.StopExtra, r.Times.StopMax)
	err := r.Within(ctx, grace+r.Times.KillMax, func(ctx context.Context) error { return r.Stack.Stop(ctx, project, grace) })
	if err != nil && ctx.Err() != nil {
		return err
	}
	return r.down(ctx, project, 0)
}

// kill ends what runs of seq, scripts included, without grace. What a migrate
// or destroy never stopped goes on.
func (r *run) kill(ctx context.Context, seq uint64) error {
	project := r.op.App.Project()
	if err := r.Warden.Slay(ctx, project, seq, false); err != nil {
		return fmt.Errorf("kill scripts: %w", err)
	}
	return r.down(ctx, project, seq)
}

// untouched reports that the step would take down a release which this
// operation has not stopped.
func (r *run) untouched(ctx context.Context, s plan.Step) (bool, error) {
	if s.In != app.Aborted || s.Flag != plan.OldRelease {
		return false, nil
	}
	j, err := r.Journal.Read(ctx, r.name)
	return err == nil && (!j.Of(r.op.Operation) || !j.Stopped), err
}

// know inspects again what an earlier incarnation has prepared.
func (r *run) know(ctx context.Context) error {
	if r.op.Kind != app.Deploy || !r.lead() || r.op.State != app.Switching || r.result.Files != nil {
		return nil
	}
	return r.inspect(ctx)
}

// which is the release that a step names: what start and healthy look at.
func (r *run) which(flag string) app.Record {
	if flag == plan.NewRelease && r.result.Files != nil {
		rec := r.result.Record
		rec.RepoURL, rec.Branch, rec.DeployID, rec.Generation = r.op.App.Repo, r.op.App.Branch, r.op.ID, r.op.Seq
		rec.Release.Images = r.ack.Images
		return rec
	}
	if flag == plan.NewRelease {
		return r.next
	}
	return r.record
}

// start brings a release up unless all of it runs.
func (r *run) start(ctx context.Context, flag string) error {
	if err := r.know(ctx); err != nil {
		return err
	}
	rec := r.which(flag)
	up, err := r.Runs(ctx, rec)
	if err != nil || up {
		return err
	}
	if err := r.Stack.Up(ctx, rec.Stack()); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return r.PinOld(ctx, rec)
}

// PinOld keeps dockerd from restarting containers of the old tool by itself:
// they carry no lease.
func (n *Node) PinOld(ctx context.Context, rec app.Record) error {
	if rec.Generation != 0 {
		return nil
	}
	if err := n.Containers.Pin(ctx, rec.App().Project()); err != nil {
		return fmt.Errorf("pin containers: %w", err)
	}
	return nil
}

func (r *run) running(ctx context.Context, seq uint64) (bool, error) {
	all, err := r.Containers.List(ctx, r.op.App.Project())
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(all, func(c app.Container) bool { return c.Seq == seq && c.Running }) &&
		!slices.ContainsFunc(all, func(c app.Container) bool { return c.Seq == seq && !c.Running }), nil
}

// Runs reports that every service of rec has a running container of its seq.
func (n *Node) Runs(ctx context.Context, rec app.Record) (bool, error) {
	all, err := n.Containers.List(ctx, rec.App().Project())
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	up := map[string]bool{}
	for _, c := range all {
		if c.Seq == rec.Generation && c.Running {
			up[c.Service] = true
		}
	}
	for service := range rec.Ct {
		if !up[service] {
			return false, nil
		}
	}
	return len(rec.Ct) > 0, nil
}

// health is how a release looks at one moment.
type health struct {
	restarts int
	settled  time.Duration // since when all runs with so many restarts, -1: not all runs
	down     time.Duration // since when something does not run, -1: all runs
}

// healthy waits until every container of the release is: by its own check, or
// without one by running for a while with no restart.
func (r *run) healthy(ctx context.Context, flag string) error {
	if err := r.know(ctx); err != nil {
		return err
	}
	rec := r.which(flag)
	limit := r.Times.Healthy
	if rec.Release.HealthTimeout > 0 {
		limit = max(time.Duration(rec.Release.HealthTimeout)*time.Second, r.Times.Settled)
	}
	h := health{restarts: -1, settled: -1, down: -1}
	pause := 100 * time.Millisecond
	return r.Within(ctx, limit, func(ctx context.Context) error {
		for {
			ok, err := r.observe(ctx, rec, &h)
			if ok || err != nil {
				return err
			}
			if err := r.Clock.Sleep(ctx, pause); err != nil {
				return fmt.Errorf("the app does not become healthy: %w", err)
			}
			pause = min(2*pause, time.Second)
		}
	})
}

// maxRestarts is how often a container may end while its release starts: an
// application may wait for its database by ending. With dockerd's pauses the
// sixth restart comes after some 6 s.
const maxRestarts = 6

// observe looks at the containers once.
func (r *run) observe(ctx context.Context, rec app.Record, h *health) (bool, error) {
	all, err := r.Containers.List(ctx, rec.App().Project())
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	now := r.Clock.Boot()
	restarts, checked, waiting := 0, 0, ""
	running := map[string]bool{}
	for _, c := range all {
		if c.Seq != rec.Generation {
			continue
		}
		restarts += c.Restarts
		switch {
		case c.Restarts >= maxRestarts:
			return false, fmt.Errorf("container %s has ended %d times", c.Name, c.Restarts)
		case c.Running && c.Health == app.Unhealthy:
			return false, fmt.Errorf("container %s is unhealthy", c.Name)
		case !c.Running:
			waiting = fmt.Sprintf("container %s ended with exit code %d", c.Name, c.ExitCode)
		case c.Health == app.Starting:
			running[c.Service], waiting = true, "-"
		default:
			running[c.Service] = true
			if c.Health == app.Healthy {
				checked++
			}
		}
	}
	missing := slices.ContainsFunc(services(rec), func(s string) bool { return !running[s] })
	switch {
	case missing && h.down < 0:
		h.down = now
	case missing && now-h.down >= r.Times.Settled:
		return false, errors.New(cmp.Or(strings.Trim(waiting, "-"), "a service has no container"))
	case !missing:
		h.down = -1
	}
	if missing || restarts != h.restarts || h.settled < 0 {
		h.restarts, h.settled = restarts, now
	}
	if missing || waiting != "" {
		return false, nil
	}
	return checked == len(rec.Ct) || now-h.settled >= r.Times.Settled, nil
}

func services(rec app.Record) []string {
	all := make([]string, 0, len(rec.Ct))
	for s := range rec.Ct {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}
