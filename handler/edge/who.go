package edge

import (
	"net/netip"

	"github.com/mlfmonde/cluster/handler/app"
)

// app puts together what the KV says of one app.
func (r *reading) app(f *found) App {
	rec := f.record
	a := App{Name: f.name, Fields: Fields{Domains: rec.Domains, URLs: rec.URLs, Caddyfile: rec.Caddyfile, HAProxy: rec.HAProxy, Ct: rec.Ct}}
	o, decided := r.operations[f.name]
	value, closed := r.maintenance[f.name]
	a.Closed = closed
	a.Master = rec.Master
	if decided {
		a.Waits = closed && o.State != app.Done && value == o.ID
		a.Master = r.runs(f, o, &a)
		r.edited(f, o)
	}
	if a.Master != "" && app.CheckNode("master", a.Master) != nil { // it becomes the name of a server
		r.fault(f.name, PartRecord, "master %.60q is not the name of a node", a.Master)
		a.Master = ""
	}
	a.Address = r.address(rec, a.Master)
	if a.Master != "" && a.Address == "" {
		r.fault(f.name, PartRecord, "nobody knows the address of %s, its master: node/%s is not there and ip of the record is not an address", a.Master, a.Master)
	}
	return a
}

// runs is the node that requests go to by the operation: the old master until
// the commit, the new one after it.
//
// Between the commit and the end of the operation the other nodes follow only
// when the new master says that its own edge knows the app: sent there earlier,
// a request would come straight back, and go round. Until then the old master
// keeps it waiting. A new master that is not there is not waited for, and an old
// one that is not there keeps nothing. As each node sends only to one whose edge
// knows at least as much as its own, requests never go in a circle.
func (r *reading) runs(f *found, o app.Operation, a *App) string {
	switch o.State {
	case app.Switching:
		if o.Failover() { // the old master is off: the new one lets requests wait
			return o.New.Master
		}
		return o.Old.Master
	case app.Committed:
		published, there := r.published[o.New.Master]
		if old := r.state.Nodes[o.Old.Master]; there && published < f.index && old != "" && o.Old.Master != o.New.Master {
			a.Former, a.FormerAddress = o.Old.Master, old
		}
		return o.New.Master
	case app.Done:
		return o.Runs().Master
	}
	return o.Old.Master
}

// edited reports a record that names another place than the operation does.
func (r *reading) edited(f *found, o app.Operation) {
	said := f.record.Placement()
	switch {
	case o.State == app.Committed || o.State == app.Done && o.Outcome == app.OutcomeCommitted:
		if said != o.New {
			r.moved(f.name, said, o.New)
		}
	case said != o.Old:
		r.moved(f.name, said, o.Old)
	}
}

func (r *reading) moved(name string, said, is app.Placement) {
	if is.IsZero() {
		r.fault(name, PartRecord, "the record says master/slave %s, but the last operation left the app nowhere: not acted on; deploy it", said)
		return
	}
	r.fault(name, PartRecord, "the record says master/slave %s, but the app is on %s: an edit of that is not acted on; to move the app, deploy it", said, is)
}

// address of a node: what its handler says, else what the record of an app there
// says.
func (r *reading) address(rec app.Record, node string) string {
	if a := r.state.Nodes[node]; a != "" || node == "" {
		return a
	}
	if a, err := netip.ParseAddr(rec.IP); err == nil && rec.Master == node {
		return a.String()
	}
	return ""
}
