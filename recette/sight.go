package recette

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// Sight is what was seen of a cluster at one moment: what every check at rest
// looks at, whatever the world.
type Sight struct {
	Seen     map[string]sim.Observation
	Pairs    []port.Pair // the KV, sorted by key
	Sessions []string    // nodes of the handlers' Consul sessions, sorted
}

// Look sees everything.
func Look(ctx context.Context, v View) (s Sight, err error) {
	if s.Pairs, err = v.KV(ctx); err != nil {
		return s, fmt.Errorf("look at the KV: %w", err)
	}
	if s.Sessions, err = v.Sessions(ctx); err != nil {
		return s, fmt.Errorf("look at the sessions: %w", err)
	}
	if s.Seen, err = v.Observe(ctx); err != nil {
		return s, fmt.Errorf("look at the nodes: %w", err)
	}
	return s, nil
}

func (s Sight) nodes() []string { return slices.Sorted(maps.Keys(s.Seen)) }

// value decodes the value of key; false: there is none, or not of that shape.
func value(pairs []port.Pair, key string, into any) bool {
	i, ok := slices.BinarySearchFunc(pairs, key, func(p port.Pair, key string) int { return strings.Compare(p.Key, key) })
	return ok && json.Unmarshal(pairs[i].Value, into) == nil
}

// record is the record of a, and whether the key is there.
func (s Sight) record(a app.App) (rec app.Record, there bool) {
	key := ledger.RecordKey(a.Name())
	there = slices.ContainsFunc(s.Pairs, func(p port.Pair) bool { return p.Key == key })
	value(s.Pairs, key, &rec)
	return rec, there
}

// expected is how a must be when it is at p: by the release of its record,
// which is checked against reality.
func (s Sight) expected(a app.App, p app.Placement, address func(string) string) Expected {
	e := Expected{App: a, At: p, Address: address}
	e.Record, _ = s.record(a)
	return e
}

// Leftovers are what must be nowhere at rest: an ack or a maintenance of apps,
// or of an application that nobody knows, and on any node a container or a
// checkout of one. Those of the other known ones are left alone.
func (s Sight) Leftovers(apps, known []app.App) (faults []error) {
	for _, p := range s.Pairs {
		kind, rest, _ := strings.Cut(p.Key, "/")
		if kind += "/"; kind != ledger.Acks && kind != ledger.Maintenance {
			continue
		}
		name, _, _ := strings.Cut(rest, "/")
		called := func(a app.App) bool { return a.Name() == name }
		if slices.ContainsFunc(apps, called) || !slices.ContainsFunc(known, called) {
			faults = append(faults, fmt.Errorf("key %s is left: %s", p.Key, p.Value))
		}
	}
	for _, node := range s.nodes() {
		if err := strangers(s.Seen[node], known...); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", node, err))
		}
	}
	return faults
}

// Absent is an error unless exactly the handlers of those nodes have sessions.
func (s Sight) Absent(present []string) error {
	if !slices.Equal(s.Sessions, present) {
		return fmt.Errorf("sessions of %q, must be those of %q", s.Sessions, present)
	}
	return nil
}

// strangers reports what is on a node and belongs to no known app.
func strangers(o sim.Observation, known ...app.App) error {
	for _, c := range o.Containers {
		if !slices.ContainsFunc(known, func(a app.App) bool { return a.Project() == c.Project }) {
			return fmt.Errorf("container %s belongs to nobody", c.Name)
		}
	}
	for _, c := range o.Checkouts {
		if !slices.ContainsFunc(known, func(a app.App) bool { return strings.HasPrefix(c, a.Name()+"-") }) {
			return fmt.Errorf("checkout %s belongs to nobody", c)
		}
	}
	for _, v := range o.Volumes {
		if !slices.ContainsFunc(known, func(a app.App) bool { return strings.HasPrefix(v.Name, a.Project()+"_") }) {
			return fmt.Errorf("volume %s belongs to nobody", v.Name)
		}
	}
	for _, l := range o.Schedules {
		if !slices.ContainsFunc(known, func(a app.App) bool { return strings.HasPrefix(l.Volume, a.Project()+"_") }) {
			return fmt.Errorf("schedule %s of %s belongs to nobody", l.Action, l.Volume)
		}
	}
	return nil
}

// migrated checks that the target's live volumes on its master have every
// record of the source, but for those that are not to be migrated.
func (s Sight) migrated(master string, target, source app.App, acked []sim.Ack) error {
	rec, _ := s.record(target)
	for _, v := range s.Seen[master].Volumes {
		key, ours := strings.CutPrefix(v.Name, target.Project()+"_")
		if !ours || slices.Contains(rec.Release.NonMigrable, v.Name) {
			continue
		}
		var all []sim.Ack
		for _, x := range acked {
			if slices.Contains(x.Volumes, source.Volume(key)) {
				all = append(all, sim.Ack{Number: x.Number, At: x.At, Volumes: []string{v.Name}})
			}
		}
		if err := whole(v, all); err != nil {
			return fmt.Errorf("migrated data: %w", err)
		}
	}
	return nil
}

// decided is what the KV says of apps, and its versions.
func decided(pairs []port.Pair, apps []app.App) string {
	var b strings.Builder
	for _, p := range pairs {
		if concerns(p, apps) {
			fmt.Fprintf(&b, "%s@%d ", p.Key, p.Modify)
		}
	}
	return b.String()
}

// concerns reports whether a pair is a record, an operation, a request or the
// history of one of apps; without apps, of any.
func concerns(p port.Pair, apps []app.App) bool {
	kind, name, _ := strings.Cut(p.Key, "/")
	switch kind + "/" {
	case ledger.Requests:
		var r app.Request
		return apps == nil || json.Unmarshal(p.Value, &r) == nil && slices.Contains(apps, r.App)
	case ledger.Histories:
		name, _, _ = strings.Cut(name, "/")
	case ledger.Records, ledger.Operations:
	default:
		return false
	}
	return apps == nil || slices.ContainsFunc(apps, func(a app.App) bool { return a.Name() == name })
}
