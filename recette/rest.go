package recette

import (
	"encoding/json"
	"errors"
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
	Address func(node string) string
	Without []string // nodes that are off and not looked at
	Early   bool     // edges may still be on their way
}

// expect is how the app stands now, before a move.
func (s *Stage) expect(p app.Placement) Expected { return s.expected(s.app, p) }

func (s *Stage) expected(a app.App, p app.Placement) Expected {
	e := Expected{App: a, At: p, Address: s.Address}
	if v := s.Get(ledger.RecordKey(a.Name())); v.Modify != 0 {
		_ = json.Unmarshal(v.Value, &e.Record) // checked against reality below
	}
	return e
}

// check looks whether everything is as the outcome says: as asked, or as
// before, on every node, and nothing in between.
func (s *Stage) check(m Move, got app.Operation, before Expected) error {
	now := before
	switch {
	case got.Outcome == app.OutcomeCommitted && m.Kind == app.Deploy:
		now = s.expected(s.app, m.New)
		if now.Record.Generation != got.Seq {
			return fmt.Errorf("the record is of generation %d, operation %d was committed", now.Record.Generation, got.Seq)
		}
	case got.Outcome == app.OutcomeCommitted && m.Kind == app.Destroy:
		now = Expected{App: s.app, Address: s.Address}
	}
	var faults []error
	if m.Kind == app.Migrate && got.Outcome == app.OutcomeCommitted {
		faults = append(faults, s.migrated(m)) // before the checks below write more
	}
	faults = append(faults, s.atRest(now))
	if m.Kind == app.Migrate {
		faults = append(faults, s.atRest(s.expected(s.source, m.Source)))
	}
	for node, o := range s.Observe() {
		if err := strangers(o, s.app, s.source); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", node, err))
		}
	}
	return errors.Join(append(faults, s.keys())...)
}

// migrated checks that the target has every record of the source.
func (s *Stage) migrated(m Move) error {
	for _, v := range s.ObserveNode(m.Old.Master).Volumes {
		key, ours := strings.CutPrefix(v.Name, s.app.Project()+"_")
		if !ours {
			continue
		}
		acked := slices.Clone(s.Acked(s.source.Name()))
		for i := range acked {
			acked[i].Volumes = []string{s.app.Volume(key)}
		}
		if err := whole(v, acked); err != nil {
			return fmt.Errorf("migrated data: %w", err)
		}
	}
	return nil
}

// atRest checks one app on every node, in the KV and through every edge.
func (s *Stage) atRest(e Expected) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if got := s.Get(ledger.RecordKey(e.App.Name())).Modify != 0; got == e.At.IsZero() {
		fault("record of %s: there %v, must be %v", e.App.Name(), got, !e.At.IsZero())
	}
	if !e.At.IsZero() && e.Record.Placement() != e.At {
		fault("the record says %s, must say %s", e.Record.Placement(), e.At)
	}
	acked := s.law.live(s.Cluster, e.App.Name())
	for node, o := range s.Observe() {
		if slices.Contains(e.Without, node) {
			continue
		}
		for _, err := range e.onNode(o, acked) {
			fault("%s: %w", node, err)
		}
	}
	if !e.At.IsZero() && !slices.Contains(e.Without, e.At.Master) {
		for _, node := range s.without(e.Without) {
			if _, err := s.WriteAt(node, e.App.Name()); err != nil {
				fault("no write through the edge of %s: %w", node, err)
			}
		}
	}
	return errors.Join(faults...)
}

// onNode checks one node for one app.
func (e Expected) onNode(o sim.Observation, acked []sim.Ack) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	name, project, role := e.App.Name(), e.App.Project(), e.At.Role(o.Node)
	var volumes, schedules, leases, checkouts []string
	for _, v := range o.Volumes {
		if strings.HasPrefix(v.Name, project+"_") {
			volumes = append(volumes, v.Name)
			if err := whole(v, acked); err != nil && role == app.Master {
				fault("%w", err)
			}
		}
	}
	for _, l := range o.Schedules {
		if strings.HasPrefix(l.Volume, project+"_") {
			schedules = append(schedules, fmt.Sprintf("%s %s %d", l.Volume, l.Action, l.Minutes))
		}
	}
	for _, l := range o.Leases {
		if l.Project == project {
			leases = append(leases, fmt.Sprintf("%d until %d", l.Seq, l.Until))
		}
	}
	for _, c := range o.Checkouts {
		if id, ok := strings.CutPrefix(c, name+"-"); ok {
			checkouts = append(checkouts, id)
		}
	}
	want := func(what string, got, want []string) {
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			fault("%s of %s: %q, must be %q", what, name, got, want)
		}
	}
	want("volumes", volumes, e.volumes(role))
	want("schedules", schedules, e.schedules(role))
	want("leases", leases, e.leases(role))
	if !(role == app.Slave && len(checkouts) == 0) {
		want("checkouts", checkouts, e.checkouts(role))
	}
	want("containers", containers(o, project), e.containers(role))
	if has := slices.Contains(o.Services, name); has != (role == app.Master) {
		fault("service %s: registered %v, must be %v", name, has, role == app.Master)
	}
	if !e.Early && slices.Contains(o.Closed, name) {
		fault("the edge still shows maintenance for %s", name)
	}
	if got := o.Routes[name]; !e.Early && got != e.At.Master {
		fault("the edge routes %s to %q, must be %q", name, got, e.At.Master)
	}
	for _, sn := range o.Snapshots {
		if strings.HasPrefix(sn.Volume, project+"_") && !sn.ReadOnly {
			fault("half-received snapshot %s", sn.Name)
		}
	}
	return faults
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

func (e Expected) schedules(role app.Role) (all []string) {
	for _, v := range e.Record.Volumes {
		if role == app.Nothing {
			continue
		}
		all = append(all, v+" purge:1h:1d:1w:4w:1y 1440")
		switch {
		case role == app.Slave:
		case e.At.Slave == "":
			all = append(all, v+" snapshot 60")
		default:
			all = append(all, v+" replicate:"+e.Address(e.At.Slave)+" 60")
		}
	}
	return all
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

// keys checks the KV as a whole: operations are done, nobody says anything,
// no maintenance, no request waits, every node is present but those that are
// off.
func (s *Stage) keys(off ...string) error {
	var faults []error
	pairs, _ := s.KV()
	for _, p := range pairs {
		kind, _, _ := strings.Cut(p.Key, "/")
		switch kind + "/" {
		case ledger.Acks, ledger.Maintenance:
			faults = append(faults, fmt.Errorf("key %s is left: %s", p.Key, p.Value))
		}
	}
	if got, want := s.Sessions(), s.without(off); !slices.Equal(got, want) {
		faults = append(faults, fmt.Errorf("sessions of %q, must be those of %q", got, want))
	}
	return errors.Join(faults...)
}

// strangers reports what is on a node and belongs to no app of the stage.
func strangers(o sim.Observation, apps ...app.App) error {
	for _, c := range o.Containers {
		if !slices.ContainsFunc(apps, func(a app.App) bool { return a.Project() == c.Project }) {
			return fmt.Errorf("container %s belongs to nobody", c.Name)
		}
	}
	for _, c := range o.Checkouts {
		if !slices.ContainsFunc(apps, func(a app.App) bool { return strings.HasPrefix(c, a.Name()+"-") }) {
			return fmt.Errorf("checkout %s belongs to nobody", c)
		}
	}
	return nil
}
