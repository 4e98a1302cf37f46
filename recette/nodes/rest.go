package nodes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// AtRest checks that a node without replicas is as the KV says of the app a:
// its master, with everything of the recorded release and nothing of another,
// or without a trace of it but snapshots, journal and history.
func AtRest(o sim.Observation, kv []port.Pair, a app.App) error {
	var op app.Operation
	var rec app.Record
	if err := errors.Join(read(kv, ledger.OperationKey(a.Name()), &op), read(kv, ledger.RecordKey(a.Name()), &rec)); err != nil {
		return err
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if op.State != app.Done {
		fault("operation %d is %q, not done", op.Seq, op.State)
	}
	if master := op.Runs().Master; master != rec.Master {
		fault("the record names %q, by operation %d it must be %q", rec.Master, op.Seq, master)
	}
	want := wanted(a, rec, rec.Master == o.Node)
	got := seen(o, a)
	for _, what := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(got[what], want[what]) {
			fault("%s: %q, must be %q", what, got[what], want[what])
		}
	}
	for _, s := range o.Snapshots {
		if !s.Complete {
			fault("snapshot %s is not whole", s.Name)
		}
	}
	for _, p := range kv {
		if strings.HasPrefix(p.Key, ledger.Acks) || strings.HasPrefix(p.Key, ledger.Maintenance) {
			fault("key %s is left: %s", p.Key, p.Value)
		}
	}
	return errors.Join(faults...)
}

// seen is what the node has, of the app where a thing belongs to one and of
// anybody where strangers would show.
func seen(o sim.Observation, a app.App) map[string][]string {
	all := map[string][]string{"checkouts": o.Checkouts, "local volumes": o.Local, "services": without(o.Services, "consul")}
	for _, c := range o.Containers {
		all["containers"] = append(all["containers"], fmt.Sprintf("%s seq %d running %v", c.Name, c.Seq, c.Running))
	}
	for _, v := range o.Volumes {
		all["volumes"] = append(all["volumes"], v.Name)
	}
	for _, s := range o.Schedules {
		all["schedules"] = append(all["schedules"], fmt.Sprintf("%s %s %d paused %v", s.Volume, s.Action, s.Minutes, s.Paused))
	}
	for _, l := range o.Leases {
		all["leases"] = append(all["leases"], fmt.Sprintf("%s.%d until %d", l.Project, l.Seq, l.Until))
	}
	for _, s := range o.Scripts {
		all["scripts"] = append(all["scripts"], fmt.Sprintf("%s.%d", s.Project, s.Seq))
	}
	if slices.Contains(o.Serving, a.Project()) {
		all["serving"] = []string{a.Project()}
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all
}

func without(list []string, gone string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == gone })
}

// wanted is what a node must have, as seen words it.
func wanted(a app.App, rec app.Record, master bool) map[string][]string {
	all := map[string][]string{
		"checkouts": nil, "local volumes": nil, "services": nil, "containers": nil, "volumes": nil, "schedules": nil, "leases": nil, "scripts": nil, "serving": nil,
	}
	if !master {
		return all
	}
	all["checkouts"] = []string{app.Checkout(a.Name(), rec.DeployID)}
	all["local volumes"] = rec.Release.Local
	all["services"] = []string{a.Name()}
	all["volumes"] = rec.Volumes
	all["leases"] = []string{fmt.Sprintf("%s.%d until 0", a.Project(), rec.Generation)}
	all["serving"] = []string{a.Project()}
	for _, name := range rec.Ct {
		all["containers"] = append(all["containers"], fmt.Sprintf("%s seq %d running true", name, rec.Generation))
	}
	for _, v := range rec.Volumes {
		all["schedules"] = append(all["schedules"], v+" purge:1h:1d:1w:4w:1y 1440 paused false", v+" snapshot 60 paused false")
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all
}
