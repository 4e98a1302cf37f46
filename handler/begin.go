package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
)

// refusal is a reason why a request may not begin.
type refusal string

func (r refusal) Error() string { return string(r) }

// errNotYet says that a request waits: for the operation before it, or for a
// node that has not been away long enough.
var errNotYet = errors.New("not yet")

// begin makes r an operation if this node is the one to do it: the node that
// will lead when it is present, else the first present one by name.
func (a *Agent) begin(ctx context.Context, r app.Request) error {
	if r.Kind == app.Deploy && r.New.Master != a.Config.Node && !a.missing(r.New.Master) {
		return nil // another node's business costs no read
	}
	op, err := a.Ledger.Operation(ctx, r.App.Name())
	if err != nil {
		a.report(err)
		return nil
	}
	if op.Index != 0 && op.State != app.Done {
		return nil
	}
	members, err := a.Members.Members(ctx)
	if err != nil {
		return err
	}
	if a.beginner(r, op, members) != a.Config.Node {
		return nil
	}
	txn, err := a.opening(ctx, r, op, members)
	var no refusal
	switch {
	case errors.Is(err, errNotYet):
		return nil
	case errors.As(err, &no):
		a.Log.Warn("request refused", "node", a.Config.Node, "app", r.App.Name(), "request", r.ID, "reason", string(no))
		txn = ledger.Refuse(r, string(no), a.Clock.Now().UTC().Format(time.RFC3339))
	case err != nil:
		a.report(err)
		return nil
	}
	if _, err := a.KV.Apply(ctx, txn); err != nil && !errors.Is(err, port.ErrRefused) {
		return err
	}
	return nil
}

// beginner is the present node that begins r.
func (a *Agent) beginner(r app.Request, op app.Operation, members []app.Member) string {
	lead := r.New.Master
	if r.Kind != app.Deploy {
		lead = op.Runs().Master
	}
	first := ""
	for _, m := range members {
		if m.Present && m.Name == lead {
			return lead
		}
		if m.Present && first == "" {
			first = m.Name
		}
	}
	return first
}

// opening is the begin transaction of r, or a refusal.
func (a *Agent) opening(ctx context.Context, r app.Request, prev app.Operation, members []app.Member) (port.Txn, error) {
	rec, index, err := a.Ledger.Record(ctx, r.App.Name())
	if err != nil {
		return port.Txn{}, err
	}
	if index != 0 && prev.Index == 0 {
		return port.Txn{}, errNotYet // its master adopts it first
	}
	if index != 0 && rec.Branch != r.App.Branch {
		return port.Txn{}, refusal(fmt.Sprintf("branch %q and branch %q of the record have the same name %s; rename one", r.App.Branch, rec.Branch, r.App.Name()))
	}
	if r.App.Insecure() && !a.HTTP {
		return port.Txn{}, refusal("repo: plain http is not allowed here; use https or ssh")
	}
	op := app.Operation{
		Seq: prev.Seq + 1, ID: r.ID, Kind: r.Kind, App: r.App, Flags: r.Flags,
		Old: prev.Runs(), RecordIndex: index, Generation: rec.Generation,
		Hold: prev.Hold,
	}
	if index == 0 {
		op.Old = app.Placement{}
	}
	switch r.Kind {
	case app.Deploy:
		return a.openDeploy(ctx, r, op, prev, rec, members)
	case app.Destroy:
		return a.openDestroy(r, op, prev, members)
	}
	return a.openMigrate(ctx, r, op, prev, members)
}

func find(members []app.Member, node string) (known, present bool) {
	i := slices.IndexFunc(members, func(m app.Member) bool { return m.Name == node })
	return i >= 0, i >= 0 && members[i].Present
}

func names(members []app.Member) string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.Name
	}
	return strings.Join(all, ", ")
}

func (a *Agent) openDeploy(ctx context.Context, r app.Request, op, prev app.Operation, rec app.Record, members []app.Member) (port.Txn, error) {
	op.New, op.Lead = r.New, r.New.Master
	if known, present := find(members, r.New.Master); !known {
		return port.Txn{}, refusal(fmt.Sprintf("master: %s is not a node of the cluster (%s)", r.New.Master, names(members)))
	} else if !present {
		return port.Txn{}, refusal(fmt.Sprintf("master: no handler runs on %s; start it or choose another node", r.New.Master))
	}
	if known, _ := find(members, r.New.Slave); r.New.Slave != "" && !known {
		return port.Txn{}, refusal(fmt.Sprintf("slave: %s is not a node of the cluster (%s)", r.New.Slave, names(members)))
	}
	if old := op.Old.Master; old != "" && old != r.New.Master {
		if err := a.checkOld(ctx, r, old, rec, members); err != nil {
			return port.Txn{}, err
		}
	} else {
		op.Flags.Failover = false
	}
	if err := a.checkProject(ctx, r.App); err != nil {
		return port.Txn{}, err
	}
	return ledger.Begin(r, op, prev.Index, 0), nil
}

// checkOld refuses a move away from a master that is not there, unless it is a
// failover; a failover wants it gone for long enough, and a whole replica.
func (a *Agent) checkOld(ctx context.Context, r app.Request, old string, rec app.Record, members []app.Member) error {
	_, present := find(members, old)
	switch {
	case present && r.Flags.Failover:
		return refusal(fmt.Sprintf("failover: the handler of %s is alive; ask again without failover", old))
	case present:
		return nil
	case !r.Flags.Failover:
		return refusal(fmt.Sprintf("no handler runs on the master %s; start it, or if the node is off ask again with failover (writes since the last replication are lost)", old))
	case !a.gone(old, members):
		return errNotYet
	}
	rep, err := a.Ledger.Replica(ctx, r.App.Name())
	if err != nil {
		return err
	}
	if err := execute.Covers(rep, rec, r.New.Master); err != nil {
		return refusal("failover: " + err.Error())
	}
	return nil
}

// checkProject refuses an app whose Compose project another app has.
func (a *Agent) checkProject(ctx context.Context, who app.App) error {
	_, names, err := a.Ledger.Records(ctx)
	if names == nil {
		return err
	}
	for _, other := range names {
		if other != who.Name() && app.Project(other) == who.Project() {
			return refusal(fmt.Sprintf("branch: %s would share containers and volumes with %s; rename the branch", who.Name(), other))
		}
	}
	return nil
}

func (a *Agent) openDestroy(r app.Request, op, prev app.Operation, members []app.Member) (port.Txn, error) {
	if op.RecordIndex == 0 {
		return port.Txn{}, refusal(r.App.Name() + " is not deployed")
	}
	op.Lead = op.Old.Master
	if _, present := find(members, op.Lead); !present {
		if !r.Flags.Force {
			return port.Txn{}, refusal(fmt.Sprintf("no handler runs on the master %s; start it, or ask again with force: it removes its part when it is back", op.Lead))
		}
		op.Lead = a.Config.Node
	}
	return ledger.Begin(r, op, prev.Index, 0), nil
}

func (a *Agent) openMigrate(ctx context.Context, r app.Request, op, prev app.Operation, members []app.Member) (port.Txn, error) {
	source, err := a.Ledger.Operation(ctx, r.Source.Name())
	if err != nil {
		return port.Txn{}, err
	}
	if source.Index != 0 && source.State != app.Done {
		return port.Txn{}, errNotYet
	}
	rec, index, err := a.Ledger.Record(ctx, r.Source.Name())
	switch {
	case err != nil:
		return port.Txn{}, err
	case index == 0:
		return port.Txn{}, refusal("source: " + r.Source.Name() + " is not deployed")
	case op.RecordIndex == 0:
		return port.Txn{}, refusal("target: " + r.App.Name() + " is not deployed")
	case source.Index == 0:
		return port.Txn{}, errNotYet
	}
	op.New, op.Lead = op.Old, op.Old.Master
	op.Peer, op.PeerAt = r.Source, source.Runs()
	op.PeerSeq, op.PeerGeneration, op.PeerRecordIndex = source.Seq+1, rec.Generation, index
	for _, node := range []string{op.Lead, op.PeerAt.Master} {
		if _, present := find(members, node); !present {
			return port.Txn{}, refusal(fmt.Sprintf("no handler runs on the master %s", node))
		}
	}
	return ledger.Begin(r, op, prev.Index, source.Index), nil
}
