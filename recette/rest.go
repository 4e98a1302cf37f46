package recette

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// Expected is how one app must be at rest: where, and by which release.
type Expected struct {
	App     app.App
	At      app.Placement // zero: nowhere
	Record  app.Record
	Replica app.Replica // as the catalogue has it
	Address func(node string) string
	Without []string // nodes that are off and not looked at
	Early   bool     // edges may still be on their way
	Held    bool     // its maintenance stays until its master is back
	Parts   bool     // of each volume the last part that was received may be on its way
}

// Faults checks one app on every node that was seen, and its record. acked are
// the writes that its live volumes must have.
func (e Expected) Faults(s Sight, acked []sim.Ack) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	e.Replica = app.Replica{}
	value(s.Pairs, ledger.ReplicaKey(e.App.Name()), &e.Replica)
	if _, got := s.record(e.App); got == e.At.IsZero() {
		fault("record of %s: there %v, must be %v", e.App.Name(), got, !e.At.IsZero())
	}
	if !e.At.IsZero() && e.Record.Placement() != e.At {
		fault("the record says %s, must say %s", e.Record.Placement(), e.At)
	}
	for _, node := range s.nodes() {
		if slices.Contains(e.Without, node) {
			continue
		}
		for _, err := range e.onNode(s.Seen[node], acked) {
			fault("%s: %w", node, err)
		}
	}
	return faults
}

// onNode checks one node for one app. A node whose edge is not looked at has
// nil Routes.
func (e Expected) onNode(o sim.Observation, acked []sim.Ack) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	name, project, role := e.App.Name(), e.App.Project(), e.At.Role(o.Node)
	got := has(o, e.App)
	want := func(what string, want []string) {
		slices.Sort(got[what])
		slices.Sort(want)
		if !slices.Equal(got[what], want) {
			fault("%s of %s: %q, must be %q", what, name, got[what], want)
		}
	}
	want("volumes", e.volumes(role))
	lines, have := e.schedules(o, got["schedules"])
	got["schedules"] = have
	want("schedules", lines)
	want("leases", e.leases(role))
	if !(role == app.Slave && len(got["checkouts"]) == 0) {
		want("checkouts", e.checkouts(role))
	}
	want("containers", e.containers(role))
	if has := slices.Contains(o.Services, name); has != (role == app.Master) {
		fault("service %s: registered %v, must be %v", name, has, role == app.Master)
	}
	for _, v := range o.Volumes {
		if err := whole(v, acked); err != nil && role == app.Master && strings.HasPrefix(v.Name, project+"_") {
			fault("%w", err)
		}
	}
	// A transfer whose caller gave it up may reach who was to be the master, too;
	// the pass takes that away.
	late := e.Early && role != app.Master
	for _, why := range halves(o, project, e.Parts && (role == app.Slave || late)) {
		fault("%s", why)
	}
	if e.Early {
		return faults
	}
	want("scripts", nil)
	if role != app.Master { // there a redeploy keeps them, those of a release that failed too
		want("local volumes", nil)
	}
	if closed := slices.Contains(o.Closed, name); closed != e.Held && (closed || o.Routes != nil) {
		fault("the edge shows maintenance for %s: %v, must be %v", name, closed, e.Held)
	}
	if route := o.Routes[name]; o.Routes != nil && route != e.At.Master {
		fault("the edge routes %s to %q, must be %q", name, route, e.At.Master)
	}
	return faults
}

// halves lists snapshots of a project that are not whole, and markers of a
// transfer without the snapshot that they mark, or a second one for a host. With
// parts a part that is named after every whole one is no fault.
func halves(o sim.Observation, project string, parts bool) (all []string) {
	names, marked, last := map[string]bool{}, map[string]bool{}, map[string]string{}
	for _, s := range o.Snapshots {
		names[s.Name], last[s.Volume] = true, s.Name // sorted by name
	}
	for _, s := range o.Snapshots {
		if !strings.HasPrefix(s.Volume, project+"_") {
			continue
		}
		switch to := s.Volume + "@" + s.Host; {
		case !s.Complete && parts && last[s.Volume] == s.Name:
		case !s.Complete:
			all = append(all, "half-received snapshot "+s.Name)
		case s.Host == "":
		case !names[strings.TrimSuffix(s.Name, "@"+s.Host)]:
			all = append(all, "marker "+s.Name+" of a snapshot that is not there")
		case marked[to]:
			all = append(all, "marker "+s.Name+" is the second for its host")
		default:
			marked[to] = true
		}
	}
	return all
}

// has is what a node has of an app, in the words of Expected.
func has(o sim.Observation, a app.App) map[string][]string {
	all := map[string][]string{"containers": containers(o, a.Project())}
	add := func(what, volume, text string) {
		if strings.HasPrefix(volume, a.Project()+"_") {
			all[what] = append(all[what], text)
		}
	}
	for _, v := range o.Volumes {
		add("volumes", v.Name, v.Name)
	}
	for _, v := range o.Local {
		add("local volumes", v, v)
	}
	for _, l := range o.Schedules {
		text := fmt.Sprintf("%s %s %d", l.Volume, l.Action, l.Minutes)
		if l.Paused {
			text += " paused"
		}
		add("schedules", l.Volume, text)
	}
	for _, l := range o.Leases {
		add("leases", l.Project+"_", fmt.Sprintf("%d until %d", l.Seq, l.Until))
	}
	for _, x := range o.Scripts {
		add("scripts", x.Project+"_", fmt.Sprintf("of seq %d", x.Seq))
	}
	for _, c := range o.Checkouts {
		if id, ok := strings.CutPrefix(c, a.Name()+"-"); ok {
			all["checkouts"] = append(all["checkouts"], id)
		}
	}
	return all
}

func containers(o sim.Observation, project string) (all []string) {
	for _, c := range o.Containers {
		if c.Project == project {
			all = append(all, fmt.Sprintf("%s seq %d running %v", c.Service, c.Seq, c.Running))
		}
	}
	return all
}

func (e Expected) containers(role app.Role) (all []string) {
	for service := range e.Record.Ct {
		if role == app.Master {
			all = append(all, fmt.Sprintf("%s seq %d running true", service, e.Record.Generation))
		}
	}
	return all
}

func (e Expected) volumes(role app.Role) []string {
	if role == app.Master {
		return slices.Clone(e.Record.Volumes)
	}
	return nil
}

func (e Expected) leases(role app.Role) []string {
	if role == app.Master {
		return []string{fmt.Sprintf("%d until 0", e.Record.Generation)}
	}
	return nil
}

func (e Expected) checkouts(role app.Role) []string {
	if role == app.Nothing {
		return nil
	}
	return []string{e.Record.DeployID}
}

// whole reports whether every acknowledged record is in v, once.
func whole(v sim.VolumeState, acked []sim.Ack) error {
	if len(acked) == 0 {
		return nil
	}
	seen := make([]uint8, acked[len(acked)-1].Number+1)
	for _, r := range v.Records {
		if r.Number < uint64(len(seen)) && seen[r.Number] < 2 {
			seen[r.Number]++
		}
	}
	for _, a := range acked {
		if seen[a.Number] != 1 && slices.Contains(a.Volumes, v.Name) {
			return fmt.Errorf("record %d, acknowledged at %v, is %d times in %s", a.Number, a.At, seen[a.Number], v.Name)
		}
	}
	return nil
}
