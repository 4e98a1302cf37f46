package sim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// sequence finds the place of every write of the KV whose index some answer
// has. What nobody recorded has written was written by others.
func (p *player) sequence(versions map[string]map[uint64]version) {
	writes := p.writes()
	p.place(writes, versions)
	for _, key := range sortedKeys(versions) {
		all := versions[key]
		for _, modify := range sorted(all) {
			v := all[modify]
			if !written(writes, key, modify) {
				p.order = append(p.order, p.foreign(v))
			}
			if _, known := all[v.create]; !known && !written(writes, key, v.create) {
				all[v.create] = v // once
				p.order = append(p.order, p.foreign(version{key: key, modify: v.create}))
			}
		}
	}
	for _, d := range writes {
		if d.index != 0 {
			p.order = append(p.order, d)
		}
	}
	slices.SortStableFunc(p.order, func(a, b *deed) int { return cmp.Compare(a.index, b.index) })
}

// written reports that a recorded call made key what it was at index.
func written(writes []*deed, key string, index uint64) bool {
	return slices.ContainsFunc(writes, func(d *deed) bool { return d.index == index && wrote(d, key) })
}

// writes are the effects on the KV in the order in which they began.
func (p *player) writes() []*deed {
	var all []*deed
	for _, d := range p.deeds {
		if d.how.effect && d.how.consul {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b *deed) int { return cmp.Compare(a.start, b.start) })
	return all
}

// place gives each write its index: the one it was told, or that of a
// version which it must have written.
func (p *player) place(writes []*deed, versions map[string]map[uint64]version) {
	taken := map[uint64]bool{}
	for _, d := range writes {
		if d.Call.Call != "KV.Apply" || d.failed() || !d.Back() {
			continue
		}
		t, index := arg[witness.Txn](p, d, 0), answerOf[uint64](p, d)
		puts := slices.ContainsFunc(t.Ops, func(o witness.Op) bool { return o.Value != nil })
		same := slices.ContainsFunc(t.Ops, func(o witness.Op) bool { return o.Value != nil && o.Index == index })
		if puts && !same && !taken[index] { // else it does not know when it was, or was identical and changed nothing
			d.index, taken[index] = index, true
		}
	}
	for _, d := range writes {
		if d.index != 0 || d.failed("ErrRefused") {
			continue
		}
		sets := values(p, d)
		for _, key := range sortedKeys(sets) {
			for _, modify := range sorted(versions[key]) {
				if v := versions[key][modify]; d.index == 0 && !taken[modify] && v.value == sets[key] && d.start <= v.seen {
					d.index, taken[modify] = modify, true
				}
			}
		}
		if d.index != 0 && d.excused {
			d.optional = false // somebody has seen it
		}
	}
}

func sorted[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// values are what a write sets, by key.
func values(p *player, d *deed) map[string]string {
	all := map[string]string{}
	switch d.Call.Call {
	case "KV.Apply":
		for _, o := range arg[witness.Txn](p, d, 0).Ops {
			if o.Value != nil {
				all[o.Key] = string(*o.Value)
			}
		}
	case "Presence.Join":
		if m := arg[app.Member](p, d, 0); len(d.Args) > 0 {
			if value, err := json.Marshal(m); err == nil {
				all[nodePrefix+m.Name] = string(value)
			}
		}
	case witness.Put:
		all[d.Task] = string(d.Answer)
	}
	return all
}

func wrote(d *deed, key string) bool {
	if d.Call.Call == "Presence.Join" {
		return key == nodePrefix+d.Node
	}
	if d.Call.Call == witness.Put {
		return d.Task == key
	}
	var t witness.Txn
	if len(d.Args) == 0 || json.Unmarshal(d.Args[0], &t) != nil {
		return false
	}
	return slices.ContainsFunc(t.Ops, func(o witness.Op) bool { return o.Key == key && o.Value != nil })
}

// foreign is the write of a version that no recorded call has made.
func (p *player) foreign(v version) *deed {
	d := &deed{Call: witness.Call{Call: "somebody", Where: v.key}, index: v.modify, opened: true, excused: true}
	prefix, _, _ := strings.Cut(v.key, "/")
	d.how = method{effect: true, consul: true, before: func(*player, *deed) []take {
		return []take{{why: "key written by others: " + prefix + "/", do: func() {}}}
	}, call: func(p *player, _ *deed) verdict {
		if index, err := p.c.kv.apply([]port.Op{{Verb: port.Put, Key: v.key, Value: []byte(v.value)}}); err == nil {
			p.index, _ = p.index.with(pairOf{v.modify, index})
		}
		return verdict{}
	}}
	return d
}
