package handler

import "github.com/mlfmonde/cluster/handler/app"

// edit is a placement in a record that no operation has made.
type edit struct {
	says app.Placement
	told bool
}

// edited reports, once each, records in which a person has changed where the
// application lives. Nothing moves by that: the last operation says who runs it,
// and a deploy changes it. What is so at one pass only may be an operation that
// was committed between two reads.
func (a *Agent) edited(ops map[string]app.Operation, recs map[string]app.Record, recorded []string) {
	for _, name := range recorded {
		o, known := ops[name]
		if !known || o.State != app.Done || o.Runs().Master != a.Config.Node || o.Runs() == recs[name].Placement() {
			delete(a.edits, name)
			continue
		}
		e, says := a.edits[name], recs[name].Placement()
		switch {
		case e.says != says:
			e = edit{says: says}
		case !e.told:
			a.Log.Error("somebody has changed where the record says that an application lives; nothing moves by that, ask for a deploy",
				"node", a.Config.Node, "app", name, "record", says.String(), "runs", o.Runs().String())
			e.told = true
		}
		a.edits[name] = e
	}
}
