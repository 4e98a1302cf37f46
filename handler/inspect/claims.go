package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// kind is what a hold is of.
type kind string

const (
	ofProject   kind = "project"
	ofContainer kind = "container"
	ofService   kind = "service"
	ofDomain    kind = "domain"
	ofHosts     kind = "hosts" // a condition that takes the requests of some domains
	ofSection   kind = "HAProxy section"
	ofBind      kind = "bind"
)

// hold is one thing that only one app of the cluster may have.
type hold struct {
	kind   kind
	name   string  // in its one spelling; a bind as it is written
	hosts  pattern // of a condition
	domain string  // of a section that HAProxy makes for a domain
	of     string  // section whose condition it is
}

func (h hold) String() string { return fmt.Sprintf("%s %s %s", h.kind, h.name, h.of) }

// The prefixes of the sections that HAProxy makes for apps, and for the keys
// below swarm/.
const (
	plainPrefix = ""
	swarmPrefix = "swarm-"
)

// holds are what a record takes for its app. A record may come from the old
// tool or from a person: what cannot be read takes nothing.
func holds(rec app.Record) (all []hold) {
	if rec.RepoURL != "" {
		all = append(all, hold{kind: ofProject, name: rec.App().Project()})
	}
	if name := serviceName(rec.Release.Service); name != "" {
		all = append(all, hold{kind: ofService, name: name})
	}
	for _, service := range sorted(rec.Ct) {
		if ct := rec.Ct[service]; ct != "" {
			all = append(all, hold{kind: ofContainer, name: ct})
		}
	}
	domains := append(slices.Clone(rec.Domains), strings.Split(rec.URLs, ",")...)
	return append(all, routed(plainPrefix, domains, rec.HAProxy)...)
}

// swarmHolds are what the value of a key below swarm/ takes.
func swarmHolds(value []byte) []hold {
	var v struct {
		Domains []string        `json:"domains"`
		HAProxy json.RawMessage `json:"haproxy"`
	}
	_ = json.Unmarshal(value, &v) // what could be read counts
	return routed(swarmPrefix, v.Domains, v.HAProxy)
}

// entry is what matters of one entry of a haproxy field.
type entry struct {
	Frontend *struct {
		Bind []string `json:"bind"`
	} `json:"frontend"`
	Backends []target `json:"backends"`
}

// target is what matters of one backend.
type target struct {
	Name   string `json:"name"`
	Ct     string `json:"ct"`
	Option string `json:"use_backend_option"`
}

// label is the name by which HAProxy's sections call it.
func (t target) label() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Ct
}

// routed are what domains, as addresses or bare, and a haproxy field take.
func routed(prefix string, domains []string, haproxy json.RawMessage) (all []hold) {
	seen := map[string]bool{"": true}
	for _, d := range domains {
		if d = host(d); seen[d] {
			continue
		}
		seen[d] = true
		all = append(all, hold{kind: ofDomain, name: d},
			hold{kind: ofSection, name: "http-" + prefix + d, domain: d}, hold{kind: ofSection, name: "https-" + prefix + d, domain: d})
	}
	var entries map[string]json.RawMessage
	_ = json.Unmarshal(haproxy, &entries)
	for _, name := range sorted(entries) {
		var e entry
		_ = json.Unmarshal(entries[name], &e)
		all = append(all, e.holds(prefix, name)...)
	}
	return all
}

// holds are what an entry called name takes.
func (e entry) holds(prefix, name string) (all []hold) {
	backend := prefix + "backend-"
	switch name {
	case "http-in", "https-in":
		backend = strings.TrimSuffix(name, "in") + prefix
	default:
		all = append(all, hold{kind: ofSection, name: prefix + "front-" + name})
		if e.Frontend != nil {
			for _, b := range e.Frontend.Bind {
				all = append(all, hold{kind: ofBind, name: b})
			}
		}
	}
	for _, b := range e.Backends {
		name := backend + b.label()
		all = append(all, hold{kind: ofSection, name: name})
		if backend == prefix+"backend-" {
			continue // a frontend of its own: its conditions take nothing from others
		}
		for _, p := range asked(b.Option) {
			h := hold{kind: ofHosts, name: p.String(), hosts: p, of: name}
			if p.how == exactly {
				h.kind, h.name = ofDomain, p.text
			}
			all = append(all, h)
		}
	}
	return all
}

// SameClaims reports that two records of one app take the same names for it:
// then whoever writes the second one takes nothing from anybody.
func SameClaims(a, b app.Record) bool {
	texts := func(rec app.Record) []string {
		var all []string
		for _, h := range holds(rec) {
			all = append(all, h.String())
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return slices.Equal(texts(a), texts(b))
}

// Rival says in words why mine cannot stand beside the records of other apps
// and the keys below swarm/, "" when it can. It names the owner.
func Rival(mine app.Record, others []app.Record, swarm map[string][]byte) string {
	o := newOwners(mine.App(), others, swarm)
	for _, h := range holds(mine) {
		if why := o.rival(h); why != "" {
			return why
		}
	}
	return ""
}
