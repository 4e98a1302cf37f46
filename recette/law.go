package recette

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// Law is what must hold after every step, whatever goes wrong. What excuses
// something is a rule of [waivers], and nowhere else.
type Law struct {
	waivers
	restraint
	queue queue
	last  sim.Changes
	ops   map[string]app.Operation
	began map[string]time.Duration // of each app's operation
	recs  map[string]app.Record
	recAt map[string]uint64
	owned uint64  // index of the records whose names were compared
	have  numbers // of the volume that is looked at
}

func newLaw() *Law {
	return &Law{waivers: newWaivers(), restraint: newRestraint(), queue: newQueue(), ops: map[string]app.Operation{}, began: map[string]time.Duration{}, recs: map[string]app.Record{}, recAt: map[string]uint64{}}
}

// step looks at what changed.
func (l *Law) step(c *sim.Cluster) {
	now := c.Changes()
	if now == l.last && l.touched == len(c.Touched()) {
		return
	}
	containers, data := now.Containers != l.last.Containers, now.Data != l.last.Data
	kv := now.KV != l.last.KV
	l.last = now
	if !containers && !data && !kv {
		if err := l.touches(c); err != nil {
			c.Fail(err)
		}
		return
	}
	for _, name := range c.Written() {
		if kv {
			l.read(c, name)
		}
		if data {
			l.listen(c, name, l.ops[name])
			if err := l.scripts(c, name); err != nil {
				c.Fail(err)
			}
		}
		l.end(c, name)
		if containers {
			if err := l.oneMaster(c, name); err != nil {
				c.Fail(err)
			}
		}
		if containers || data {
			if err := l.records(c, name); err != nil {
				c.Fail(err)
			}
		}
	}
	if err := l.touches(c); err != nil {
		c.Fail(err)
	}
	if kv {
		if err := l.honest(c); err != nil {
			c.Fail(err)
		}
		if err := l.oneOwner(c); err != nil {
			c.Fail(err)
		}
	}
}

// read notes what the KV says of an app.
func (l *Law) read(c *sim.Cluster, name string) {
	if p := c.Get(ledger.RecordKey(name)); p.Modify != l.recAt[name] {
		var rec app.Record
		if json.Unmarshal(p.Value, &rec) != nil {
			rec = app.Record{}
		}
		l.recs[name], l.recAt[name] = rec, p.Modify
	}
	p := c.Get(ledger.OperationKey(name))
	if p.Modify == l.ops[name].Index {
		return
	}
	var o app.Operation
	if json.Unmarshal(p.Value, &o) != nil {
		return
	}
	o.Index = p.Modify
	if o.ID != l.ops[name].ID {
		l.began[name] = c.Now()
		if err := l.begins(c, name, o); err != nil {
			c.Fail(err)
		}
	}
	if o.Kind == app.Migrate && !o.Lock && o.State == app.Committed && l.ops[name].State != app.Committed {
		if err := l.migrated(c, o); err != nil {
			c.Fail(err)
		}
	}
	if o.Kind == app.Deploy && o.State == app.Committed && l.ops[name].State != app.Committed {
		if err := l.untainted(c, name, o); err != nil {
			c.Fail(err)
		}
	}
	l.decided(name, o)
	l.follow(c, name, l.ops[name], o)
	l.ops[name] = o
}

// migrated: a migrate is committed with the source's data, all that was
// acknowledged before it began, in the volumes that the target has too.
func (l *Law) migrated(c *sim.Cluster, o app.Operation) error {
	var rec app.Record
	if json.Unmarshal(c.Get(ledger.RecordKey(o.App.Name())).Value, &rec) != nil {
		return nil // somebody else's value
	}
	var acked []sim.Ack
	for _, a := range l.waivers.live(c, o.Peer.Name()) {
		if a.At < l.began[o.App.Name()] {
			acked = append(acked, a)
		}
	}
	for _, v := range c.Live(o.Lead) {
		key, ours := strings.CutPrefix(v.Name, o.App.Project()+"_")
		if !ours || slices.Contains(rec.Release.NonMigrable, v.Name) {
			continue
		}
		var due []sim.Ack
		for _, a := range acked {
			if slices.Contains(a.Volumes, o.Peer.Volume(key)) {
				due = append(due, sim.Ack{Number: a.Number, At: a.At, Volumes: []string{v.Name}})
			}
		}
		if err := whole(v, due); err != nil {
			return fmt.Errorf("migrate of %s to %s is committed with other data: %w", o.Peer.Name(), o.App.Name(), err)
		}
	}
	return nil
}

// live are the writes that must be in the live volumes of who runs the app:
// while a migrate switches, none need be.
func (l *Law) live(c *sim.Cluster, name string) []sim.Ack {
	if l.migrating(name) {
		return nil
	}
	return l.waivers.live(c, name)
}

// migrating reports that nobody can write: the operation is under way, or was
// aborted and closed without its master, and maintenance is held until that one
// has brought the old data back.
func (l *Law) migrating(name string) bool {
	o := l.ops[name]
	return o.Kind == app.Migrate && !o.Lock && (o.State != app.Done || o.Hold == o.ID)
}

// oneMaster: at most one node runs the containers of an app.
func (l *Law) oneMaster(c *sim.Cluster, name string) error {
	var running []string
	for _, node := range c.Running(app.Project(name)) {
		if !l.runs(c, name, node) {
			running = append(running, node)
		}
	}
	if len(running) > 1 {
		return fmt.Errorf("%s runs on %s at once", name, strings.Join(running, " and "))
	}
	return nil
}

// records: every acknowledged record is in a complete copy on some disk, and
// whoever runs the app has all of them in its live volumes, once.
func (l *Law) records(c *sim.Cluster, name string) error {
	acked := c.Acked(name)
	if len(acked) == 0 {
		return nil
	}
	running := c.Running(app.Project(name))
	seen := false
	for _, node := range running {
		if l.migrating(name) {
			break
		}
		if l.runs(c, name, node) {
			continue
		}
		due := l.due(c, name, node)
		seen = true
		for _, v := range c.Live(node) {
			if strings.HasPrefix(v.Name, app.Project(name)+"_") {
				if err := whole(v, due); err != nil {
					return fmt.Errorf("%s runs on %s with other data: %w", name, node, err)
				}
			}
		}
	}
	if seen && !l.excuses(name) {
		return nil // all of it was just seen
	}
	return l.somewhere(c, name, acked)
}

// somewhere: every acknowledged record is in a live volume or a whole snapshot.
func (l *Law) somewhere(c *sim.Cluster, name string, acked []sim.Ack) error {
	for _, volume := range acked[len(acked)-1].Volumes {
		l.have.clear(acked[len(acked)-1].Number)
		c.Copies(volume, l.have.add)
		for i, a := range acked {
			if slices.Contains(a.Volumes, volume) && !l.have.has(a.Number) {
				if l.snapshotsOnly(name, i, a.Number) && c.Thinned(volume, a.Number) {
					continue
				}
				return fmt.Errorf("record %d of %s, acknowledged at %v, is in no complete copy of %s", a.Number, name, a.At, volume)
			}
		}
	}
	return nil
}

// honest: a record never names a master without its data, and until the commit
// the old master has its live volumes.
func (l *Law) honest(c *sim.Cluster) error {
	for _, name := range c.Written() {
		rec, op := l.recs[name], l.ops[name]
		if rec.Master == "" || op.Kind == app.Migrate {
			continue
		}
		if op.Index != 0 && c.ByHand(ledger.RecordKey(name)) {
			rec.Master = recorded(op)
		}
		live := c.Live(rec.Master)
		for _, v := range rec.Volumes {
			if !slices.ContainsFunc(live, func(s sim.VolumeState) bool { return s.Name == v }) {
				return fmt.Errorf("the record of %s names %s, which has no volume %s (operation %d is %s)", name, rec.Master, v, op.Seq, op.State)
			}
		}
	}
	return nil
}
