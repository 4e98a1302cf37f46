package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/witness"
)

// seed is what the recordings tell of the world before they are played.
type seed struct {
	recorded  []string           // nodes with a recording of their own
	addresses map[string]string  // of every node
	releases  map[string]release // by checkout
	pushed    map[string]bool    // "repo branch" whose commits were written down
	zone      time.Duration      // of the drivers' dates
}

// release is what running a checkout shows of its compose file.
type release struct {
	project  string
	id       string
	seq      uint64
	services map[string]string // → container
	checked  map[string]bool
	volumes  []string
}

// version is one state of a key of the KV.
type version struct {
	key            string
	value          string
	create, modify uint64
	seen           time.Duration // the end of the first answer that has it
}

// learn looks through all answers once.
func (p *player) learn() {
	p.seed.addresses, p.seed.releases = map[string]string{}, map[string]release{}
	versions := map[string]map[uint64]version{}
	for _, d := range p.deeds {
		if d.failed() || !d.Back() || len(d.Args)+len(d.Answer) == 0 {
			continue
		}
		switch d.Call.Call {
		case "Members.Members":
			for _, m := range answerOf[[]witness.Member](p, d) {
				p.seed.addresses[m.Name] = m.Address
				if !slices.Contains(p.nodes, m.Name) {
					p.nodes = append(p.nodes, m.Name)
				}
			}
		case "KV.Get":
			p.version(versions, d, answerOf[witness.Pair](p, d))
		case "KV.List":
			l := answerOf[witness.List](p, d)
			d.need = max(d.need, l.Index)
			for _, pair := range l.Pairs {
				p.version(versions, d, pair)
			}
		case "KV.Apply":
			p.told(arg[witness.Txn](p, d, 0))
		case "Snapshots.Take":
			p.date(d, answerOf[app.Snapshot](p, d))
		case "Images.Pull", "Images.Build", "Stack.Up":
			p.release(d)
		}
	}
	p.running()
	p.sequence(versions)
}

// date learns in which zone the drivers write dates.
func (p *player) date(d *deed, s app.Snapshot) {
	_, date, _ := strings.Cut(s.Name, "@")
	if at, err := time.Parse(dateForm, date); err == nil {
		p.seed.zone = at.Sub(time.Unix(0, int64(d.end))).Round(15 * time.Minute)
	}
}

// version notes a pair that an answer has.
func (p *player) version(all map[string]map[uint64]version, d *deed, pair witness.Pair) {
	if pair.Modify == 0 || pair.Value == nil {
		return
	}
	d.need = max(d.need, pair.Modify)
	if all[pair.Key] == nil {
		all[pair.Key] = map[uint64]version{}
	}
	v, known := all[pair.Key][pair.Modify]
	if !known || d.end < v.seen {
		v = version{key: pair.Key, value: string(*pair.Value), create: pair.Create, modify: pair.Modify, seen: d.end}
	}
	all[pair.Key][pair.Modify] = v
	p.words(pair.Key, *pair.Value)
}

// told reads the values that a transaction writes.
func (p *player) told(t witness.Txn) {
	for _, o := range t.Ops {
		if o.Value != nil {
			p.words(o.Key, *o.Value)
		}
	}
}

// words are what acks and records tell of releases.
func (p *player) words(key string, value []byte) {
	if rest, ok := strings.CutPrefix(key, "ack/"); ok {
		parts := strings.Split(rest, "/")
		var a app.Ack
		if len(parts) != 3 || json.Unmarshal(value, &a) != nil {
			return
		}
		var volumes []string
		for _, v := range a.Volumes {
			if v.Replicated {
				volumes = append(volumes, v.Name)
			}
		}
		p.describe(app.Checkout(parts[0], parts[1]), func(r *release) {
			if volumes != nil {
				r.volumes = volumes
			}
			r.serve(a.Images)
		})
	}
	if rest, ok := strings.CutPrefix(key, recordPrefix); ok {
		var rec app.Record
		if json.Unmarshal(value, &rec) == nil && rec.DeployID != "" {
			p.describe(app.Checkout(rest, rec.DeployID), func(r *release) {
				r.volumes = rec.Volumes
				r.serve(rec.Release.Images)
			})
		}
	}
}

func (p *player) describe(dir string, f func(*release)) {
	r, ok := p.seed.releases[dir]
	if !ok {
		r = release{services: map[string]string{}, checked: map[string]bool{}}
	}
	f(&r)
	p.seed.releases[dir] = r
}

func (r *release) serve(images map[string]string) {
	for service := range images {
		if _, known := r.services[service]; !known {
			r.services[service] = ""
		}
	}
}

// release learns from a call about a stack.
func (p *player) release(d *deed) {
	s := arg[app.Stack](p, d, 0)
	p.describe(s.Dir, func(r *release) {
		r.project, r.seq, r.id = s.Project, s.Seq, s.ID
		r.serve(s.Images)
		if d.Call.Call == "Images.Build" {
			r.serve(answerOf[map[string]string](p, d))
		}
	})
}

// running learns from the containers that were seen.
func (p *player) running() {
	for _, d := range p.deeds {
		if d.Call.Call != "Containers.List" || d.failed() {
			continue
		}
		for _, k := range answerOf[[]app.Container](p, d) {
			for dir, r := range p.seed.releases {
				if r.project == k.Project && r.seq == k.Seq {
					r.services[k.Service] = k.Name
					r.checked[k.Service] = r.checked[k.Service] || k.Health != app.NoHealth
					p.seed.releases[dir] = r
				}
			}
		}
	}
}
