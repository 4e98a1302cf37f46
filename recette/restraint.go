package recette

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

// restraint is what an operation may not do to an application, besides what
// its data shows at rest:
//
//   - Until it switches it takes down nothing that must run, and never what its
//     migrate only reads; after it, nobody takes the outcome down.
//   - No script begins twice on the same data in one operation: what the first
//     time has changed has to be replaced by a restore in between.
//   - What a script of an aborted operation has changed is in no release that is
//     committed.
type restraint struct {
	touched  int                        // of the cluster's touches, looked at
	switched map[string]bool            // operations, by id
	aborted  map[string]map[string]bool // app → its operations, by id
}

func newRestraint() restraint {
	return restraint{switched: map[string]bool{}, aborted: map[string]map[string]bool{}}
}

// decided notes how far an operation has come.
func (r *restraint) decided(name string, o app.Operation) {
	if o.State == app.Switching {
		r.switched[o.ID] = true
	}
	if decision(o) == app.OutcomeAborted {
		if r.aborted[name] == nil {
			r.aborted[name] = map[string]bool{}
		}
		r.aborted[name][o.ID] = true
	}
}

// touches looks at what handlers have asked to end since the last time.
func (l *Law) touches(c *sim.Cluster) error {
	all := c.Touched()
	for ; l.touched < len(all); l.touched++ {
		t := all[l.touched]
		for _, name := range c.Written() {
			if app.Project(name) != t.Project {
				continue
			}
			o, rec := l.ops[name], l.recs[name]
			if t.Seq == rec.Generation && t.Node == o.Runs().Master && l.untouchable(name, o) {
				return fmt.Errorf("%s of %s on %s, where it must run: operation %d is %s and has not switched", t.Call, name, t.Node, o.Seq, o.State)
			}
		}
	}
	return nil
}

// untouchable reports that nobody may take the recorded release down on its
// master. An operator's statement that this one is off may be wrong.
func (l *Law) untouchable(name string, o app.Operation) bool {
	stated := l.statement[name] != nil && l.statement[name].op.ID == o.ID
	return o.ID != "" && !stated && (o.Lock && o.State != app.Done || !l.switched[o.ID])
}

// scripts: no script has begun twice on the same data in one operation.
func (l *Law) scripts(c *sim.Cluster, name string) error {
	for _, node := range c.Nodes() {
		for _, v := range c.Live(node) {
			if !strings.HasPrefix(v.Name, app.Project(name)+"_") {
				continue
			}
			var seen []sim.Record
			for _, r := range v.Records {
				if r.Of == "" {
					continue
				}
				if slices.Contains(seen, r) {
					return fmt.Errorf("%s has run twice on the data of %s on %s in operation %s", r.Mark, v.Name, node, r.Of)
				}
				seen = append(seen, r)
			}
		}
	}
	return nil
}

// untainted: what is committed on o's lead has nothing of an operation that was
// aborted.
func (l *Law) untainted(c *sim.Cluster, name string, o app.Operation) error {
	for _, v := range c.Live(o.Lead) {
		for _, r := range v.Records {
			if r.Of != "" && strings.HasPrefix(v.Name, app.Project(name)+"_") && l.aborted[name][r.Of] {
				return fmt.Errorf("operation %d of %s is committed with what %s has done to %s in operation %s, which was aborted", o.Seq, name, r.Mark, v.Name, r.Of)
			}
		}
	}
	return nil
}
