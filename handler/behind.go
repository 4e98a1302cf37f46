package handler

import (
	"context"
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/plan"
)

// behind finishes what this node has left undone of the last committed
// operation that it had a part in, when a later one is under way or was aborted:
// that one knows nothing of what was here before it. Where the app runs at the
// beginning of o, and with it which part is left, is the same for both.
func (a *Agent) behind(ctx context.Context, name string, o app.Operation, j app.Journal) error {
	role := o.Old.Role(a.Config.Node)
	if j.Seq >= o.Seq || j.Finished && j.Seq == o.Seq-1 || role == app.Master {
		return nil
	}
	past, err := a.unfinished(ctx, name, o, j)
	if err != nil || past.Seq == 0 {
		return err
	}
	rec, _, err := a.Ledger.Record(ctx, name)
	if err != nil {
		return err
	}
	project := o.App.Project()
	a.Log.Info("finish an earlier operation", "node", a.Config.Node, "app", name, "seq", past.Seq)
	if err := a.Fence(ctx, project); err != nil {
		return err
	}
	lines, keep := plan.Off, []string{o.ID}
	if role == app.Slave {
		lines, keep = plan.AsSlave, append(keep, rec.DeployID)
	}
	live := func(ctx context.Context) ([]string, error) { return a.Live(ctx, project) }
	if err := a.vacate(ctx, o.App, rec, lines, live, keep...); err != nil {
		return err
	}
	return a.finished(ctx, past)
}

// unfinished is the last committed operation before o that this node had a part
// in, if its journal does not say that the part is over; else the zero one. A
// journal of another operation with that seq is of a KV that was restored.
func (a *Agent) unfinished(ctx context.Context, name string, o app.Operation, j app.Journal) (past app.Operation, err error) {
	done, err := a.Ledger.Histories(ctx, name)
	if err != nil {
		return past, err
	}
	for _, h := range done {
		if h.Seq >= j.Seq && h.Seq < o.Seq && h.Seq > past.Seq && h.Outcome == app.OutcomeCommitted && !h.Lock && h.Involves(a.Config.Node) {
			past = h.Operation
		}
	}
	if past.Seq == j.Seq && (j.Finished || !j.Of(past)) {
		return app.Operation{}, nil
	}
	return past, nil
}

// unmake takes away the volumes that an aborted operation has made on a node
// which does not run the app.
func (a *Agent) unmake(ctx context.Context, project string, made []string) error {
	live, err := a.Live(ctx, project)
	if err != nil {
		return err
	}
	return a.Retire(ctx, slices.DeleteFunc(live, func(v string) bool { return !slices.Contains(made, v) }))
}
