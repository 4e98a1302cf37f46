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

// Law is what must hold after every step, whatever goes wrong. The protocol
// names two exceptions, and here is the only place that knows them: a machine
// that was frozen and thawed may run an app for as long as its guard needs to
// look and to kill, and after a failover an old master that was not off after
// all runs until it reaches Consul.
type Law struct {
	last   sim.Changes
	thawed map[string]time.Duration
	frozen map[string]bool
	// Accepted lists the apps for which an operator accepted, by a failover,
	// to lose what had not been replicated.
	Accepted map[string]bool
	// Replaced says how many writes of an app were acknowledged before a
	// destroy or a migrate that somebody asked for took its data away. They
	// stay in snapshots.
	Replaced map[string]int
	ops      map[string]app.Operation
	recs     map[string]app.Record
	recAt    map[string]uint64
}

func newLaw() *Law {
	return &Law{thawed: map[string]time.Duration{}, frozen: map[string]bool{}, Accepted: map[string]bool{},
		Replaced: map[string]int{}, ops: map[string]app.Operation{}, recs: map[string]app.Record{}, recAt: map[string]uint64{}}
}

// step looks at what changed.
func (l *Law) step(c *sim.Cluster) {
	now := c.Changes()
	if now == l.last {
		return
	}
	containers, data := now.Containers != l.last.Containers, now.Data != l.last.Data
	kv := now.KV != l.last.KV
	l.last = now
	if !containers && !data && !kv {
		return
	}
	for _, name := range c.Written() {
		if kv {
			l.follow(c, name)
		}
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
	if kv {
		if err := l.honest(c); err != nil {
			c.Fail(err)
		}
	}
}

// follow notes what operators asked for: a destroy or migrate that is
// committed, a failover that began.
func (l *Law) follow(c *sim.Cluster, name string) {
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
	if o.State == app.Committed && l.ops[name].State != app.Committed && o.Kind != app.Deploy && !o.Lock {
		l.Replaced[name] = len(c.Acked(name))
	}
	if o.Failover() {
		l.Accepted[name] = true
	}
	l.ops[name] = o
}

// live are the writes that must be in the live volumes of who runs the app:
// while a migrate switches, none need be.
func (l *Law) live(c *sim.Cluster, name string) []sim.Ack {
	acked := c.Acked(name)
	if o := l.ops[name]; o.Kind == app.Migrate && !o.Lock && o.State != app.Done {
		return nil
	}
	return acked[l.Replaced[name]:]
}

// oneMaster: at most one node runs the containers of an app.
func (l *Law) oneMaster(c *sim.Cluster, name string) error {
	var running []string
	for _, node := range c.Running(app.Project(name)) {
		if !l.excused(c, node) {
			running = append(running, node)
		}
	}
	if len(running) > 1 && !l.Accepted[name] {
		return fmt.Errorf("%s runs on %s at once", name, strings.Join(running, " and "))
	}
	return nil
}

// excused reports that node's machine is frozen, or was until a moment ago.
func (l *Law) excused(c *sim.Cluster, node string) bool {
	if c.Frozen(node) {
		l.frozen[node] = true
		return true
	}
	if l.frozen[node] {
		l.frozen[node], l.thawed[node] = false, c.Now()
	}
	since, was := l.thawed[node]
	t := app.DefaultTimes()
	return was && c.Now()-since <= t.GuardPoll+t.KillMax
}

// records: every acknowledged record is in a complete copy on some disk, and
// whoever runs the app has all of them in its live volumes, once.
func (l *Law) records(c *sim.Cluster, name string) error {
	acked := c.Acked(name)
	if len(acked) == 0 {
		return nil
	}
	running := c.Running(app.Project(name))
	for _, node := range running {
		for _, v := range c.Live(node) {
			if strings.HasPrefix(v.Name, app.Project(name)+"_") && !l.Accepted[name] {
				if err := whole(v, l.live(c, name)); err != nil {
					return fmt.Errorf("%s runs on %s with other data: %w", name, node, err)
				}
			}
		}
	}
	if len(running) > 0 && !l.Accepted[name] && l.Replaced[name] == 0 {
		return nil
	}
	return l.somewhere(c.Observe(), name, acked)
}

func (l *Law) somewhere(all map[string]sim.Observation, name string, acked []sim.Ack) error {
	for _, volume := range acked[len(acked)-1].Volumes {
		have := map[uint64]bool{}
		for _, o := range all {
			for _, v := range o.Volumes {
				if v.Name == volume {
					for _, r := range v.Records {
						have[r.Number] = true
					}
				}
			}
			for _, s := range o.Snapshots {
				if s.Volume == volume && s.Complete {
					for _, r := range s.Records {
						have[r.Number] = true
					}
				}
			}
		}
		for _, a := range acked {
			if slices.Contains(a.Volumes, volume) && !have[a.Number] {
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
		live := c.Live(rec.Master)
		for _, v := range rec.Volumes {
			if !slices.ContainsFunc(live, func(s sim.VolumeState) bool { return s.Name == v }) {
				return fmt.Errorf("the record of %s names %s, which has no volume %s (operation %d is %s)", name, rec.Master, v, op.Seq, op.State)
			}
		}
	}
	return nil
}
