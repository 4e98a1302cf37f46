package recette

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// waivers are the rules that excuse something, each for its reason and no
// longer than that lasts. There are no others.
//
//   - Frozen: a machine that stood still runs an app until its guard has looked
//     and killed (protocol §2, C13).
//   - Stated: an operator said, by a failover or a destroy by force, that the
//     master is away, and it ran: it runs on its own data until it has stopped
//     (C10). The protocol says it of the failover only. A destroy by force goes on
//     without the master for the same reason, on an operator's word: nobody can
//     stop an app there, it is in no record any more and may be deployed afresh
//     elsewhere, and it ends when its node reads that. With the master present
//     force states nothing, and nothing is excused.
//   - Left behind: writes that the complete replica did not have when a failover
//     was committed, and those that a master which was stated to be away took
//     afterwards. They are in its snapshots.
//   - Rolled back: writes that a release took before its commit, through an edge
//     that had not published the maintenance which the operation had set, when
//     the operation was aborted (C17). They are in a snapshot.
//   - Replaced: writes before a committed destroy or migrate of the app. They are
//     in snapshots.
//   - Thinned: what is in snapshots only goes when the purge's pattern says so.
type waivers struct {
	frozen    map[string]bool
	thawed    map[string]time.Duration
	stated    map[string][]string        // app → masters that ran though they were said to be away
	statement map[string]*statement      // app → the last one
	left      map[string]map[uint64]bool // app → writes that were left behind or rolled back
	early     map[string]map[uint64]bool // app → writes that the release of the operation under way took
	replaced  map[string]int             // app → how many writes were
	heard     map[string]int             // app → writes that were looked at
}

// statement is an operation that goes on without the master.
type statement struct {
	op   app.Operation
	have map[uint64]bool // writes that the complete replica has
}

func newWaivers() waivers {
	return waivers{
		frozen: map[string]bool{}, thawed: map[string]time.Duration{}, stated: map[string][]string{}, statement: map[string]*statement{},
		left: map[string]map[uint64]bool{}, early: map[string]map[uint64]bool{}, replaced: map[string]int{}, heard: map[string]int{},
	}
}

// follow notes what became of an operation.
func (w *waivers) follow(c *sim.Cluster, name string, was, o app.Operation) {
	committed := o.State == app.Committed && was.State != app.Committed
	if committed && o.Kind != app.Deploy && !o.Lock {
		w.replaced[name] = len(c.Acked(name))
	}
	if o.State != app.Switching {
		if decision(o) == app.OutcomeAborted {
			w.leave(name, w.early[name])
		}
		delete(w.early, name)
	}
	forced := o.Kind == app.Destroy && o.Lead != o.Old.Master
	if !o.Failover() && !forced || o.Lock {
		return
	}
	st := w.statement[name]
	if st == nil || st.op.ID != o.ID {
		st = &statement{}
		w.statement[name] = st
		if slices.Contains(c.Running(app.Project(name)), o.Old.Master) {
			w.stated[name] = append(w.stated[name], o.Old.Master)
		}
	}
	st.op = o
	if o.State == app.Preparing || o.State == app.Switching {
		st.have = replicated(c, name, o.New.Master)
	}
	if committed && o.Failover() {
		behind := map[uint64]bool{}
		for _, a := range c.Acked(name) {
			behind[a.Number] = !st.have[a.Number]
		}
		w.leave(name, behind)
	}
}

// decision is how an operation has been decided, "" while it is open.
func decision(o app.Operation) app.Outcome {
	switch o.State {
	case app.Committed:
		return app.OutcomeCommitted
	case app.Aborted:
		return app.OutcomeAborted
	default:
		return o.Outcome
	}
}

// leave adds writes to those that were left behind.
func (w *waivers) leave(name string, numbers map[uint64]bool) {
	if w.left[name] == nil && len(numbers) > 0 {
		w.left[name] = map[uint64]bool{}
	}
	for n, is := range numbers {
		if is {
			w.left[name][n] = true
		}
	}
}

// replicated are the writes that are in every copy of the complete replica on
// node.
func replicated(c *sim.Cluster, name, node string) map[uint64]bool {
	var rep app.Replica
	have, times := map[uint64]bool{}, map[uint64]int{}
	if json.Unmarshal(c.Get(ledger.ReplicaKey(name)).Value, &rep) != nil || rep.Node != node {
		return have
	}
	for _, s := range c.ObserveNode(node).Snapshots {
		if !s.Complete || !slices.ContainsFunc(rep.Copies, func(x app.Copy) bool { return x.Snapshot == s.Name }) {
			continue
		}
		for _, r := range s.Records {
			if times[r.Number]++; times[r.Number] == len(rep.Copies) {
				have[r.Number] = true
			}
		}
	}
	return have
}

// listen looks at the writes that were acknowledged since the last time.
func (w *waivers) listen(c *sim.Cluster, name string, o app.Operation) {
	acks := c.Acked(name)
	for ; w.heard[name] < len(acks); w.heard[name]++ {
		a := acks[w.heard[name]]
		is := map[uint64]bool{a.Number: true}
		if st := w.statement[name]; st != nil && decision(st.op) == app.OutcomeCommitted && slices.Contains(w.stated[name], a.Node) {
			w.leave(name, is)
		}
		set := c.Get(ledger.MaintenanceKey(name))
		if o.State == app.Switching && a.Node == o.Lead && string(set.Value) == o.ID && c.ObserveNode(a.Edge).Published < set.Modify {
			if w.early[name] == nil {
				w.early[name] = map[uint64]bool{}
			}
			w.early[name][a.Number] = true
		}
	}
}

// end ends what is over: a master that was stated to be away has stopped, or
// the operation was aborted and only one node is left.
func (w *waivers) end(c *sim.Cluster, name string) {
	st, all := w.statement[name], w.stated[name]
	if len(all) == 0 || decision(st.op) == "" {
		return
	}
	running := c.Running(app.Project(name))
	if decision(st.op) == app.OutcomeAborted {
		if st.op.State == app.Done && len(running) < 2 {
			delete(w.stated, name)
		}
		return
	}
	w.stated[name] = slices.DeleteFunc(all, func(node string) bool { return !slices.Contains(running, node) })
}

// runs reports that a node may run the app although another one does.
func (w *waivers) runs(c *sim.Cluster, name, node string) bool {
	if slices.Contains(w.stated[name], node) {
		return true
	}
	if c.Frozen(node) {
		w.frozen[node] = true
		return true
	}
	if w.frozen[node] {
		w.frozen[node], w.thawed[node] = false, c.Now()
	}
	since, was := w.thawed[node]
	t := app.DefaultTimes()
	return was && c.Now()-since <= t.GuardPoll+t.KillMax
}

// live are the writes that must be in the live volumes of who runs the app by
// the KV.
func (w *waivers) live(c *sim.Cluster, name string) []sim.Ack {
	acked := c.Acked(name)[w.replaced[name]:]
	left := w.left[name]
	if len(left) == 0 {
		return acked
	}
	return slices.DeleteFunc(slices.Clone(acked), func(a sim.Ack) bool { return left[a.Number] })
}

// due are the writes that must be in the live volumes of node, which runs the
// app and is not excused.
func (w *waivers) due(c *sim.Cluster, name, node string) []sim.Ack {
	acked := w.live(c, name)
	st := w.statement[name]
	if st == nil || node != st.op.New.Master || decision(st.op) == app.OutcomeCommitted || st.op.State == app.Done {
		return acked
	}
	return slices.DeleteFunc(slices.Clone(acked), func(a sim.Ack) bool { return !st.have[a.Number] })
}

// snapshotsOnly reports that the i-th write need not be in a live volume.
func (w *waivers) snapshotsOnly(name string, i int, number uint64) bool {
	return i < w.replaced[name] || w.left[name][number]
}

// excuses reports that anything of the app is excused now.
func (w *waivers) excuses(name string) bool {
	return w.replaced[name] > 0 || len(w.left[name]) > 0 || len(w.stated[name]) > 0 || len(w.early[name]) > 0 || w.underStatement(name)
}

// underStatement reports that an operation without the master is under way.
func (w *waivers) underStatement(name string) bool {
	st := w.statement[name]
	return st != nil && st.op.State != app.Done
}
