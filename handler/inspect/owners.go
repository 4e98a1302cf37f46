package inspect

import (
	"fmt"
	"iter"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// owners are what the other apps and the keys below swarm/ have.
type owners struct {
	names map[kind]map[string]string // name → owner
	below map[string]named           // parent → a domain below it
	hosts []ownedHosts
	binds []ownedBind
}

type named struct{ name, owner string }

type ownedHosts struct {
	pattern pattern
	owner   string
}

type ownedBind struct{ text, owner string }

// newOwners leaves out the record of the app itself.
func newOwners(mine app.App, others []app.Record, swarm map[string][]byte) *owners {
	o := &owners{names: map[kind]map[string]string{}, below: map[string]named{}}
	name := mine.Name()
	for _, rec := range others {
		a := rec.App()
		if rec.RepoURL != "" && a.Branch == mine.Branch && a.Name() == name {
			continue
		}
		who := owner(rec)
		if rec.RepoURL != "" {
			o.put(ofService, a.Name(), who)
		}
		for _, h := range holds(rec) {
			if h.kind != ofService { // several apps may give one service of Consul
				o.add(who, h)
			}
		}
	}
	for _, key := range sorted(swarm) {
		for _, h := range swarmHolds(swarm[key]) {
			o.add(key, h)
		}
	}
	return o
}

// owner is how a message names another app.
func owner(rec app.Record) string {
	if rec.RepoURL == "" {
		return "an app whose record has no repository"
	}
	return fmt.Sprintf("%s (%s, branch %s)", rec.App().Name(), rec.RepoURL, rec.Branch)
}

// put notes an owner; the first one stays.
func (o *owners) put(k kind, name, who string) {
	if o.names[k] == nil {
		o.names[k] = map[string]string{}
	}
	if o.names[k][name] == "" {
		o.names[k][name] = who
	}
}

func (o *owners) add(who string, h hold) {
	switch h.kind {
	case ofHosts:
		o.hosts = append(o.hosts, ownedHosts{pattern: h.hosts, owner: who})
		return
	case ofBind:
		o.binds = append(o.binds, ownedBind{text: h.name, owner: who})
		return
	case ofDomain:
		for parent := range parents(h.name) {
			if o.below[parent].name == "" {
				o.below[parent] = named{name: h.name, owner: who}
			}
		}
	}
	o.put(h.kind, h.name, who)
}

// parents are the domains that d is below of, the nearest first.
func parents(d string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			_, parent, ok := strings.Cut(d, ".")
			if !ok || !yield(parent) {
				return
			}
			d = parent
		}
	}
}

// rival says why h cannot be had, "" when it can.
func (o *owners) rival(h hold) string {
	switch h.kind {
	case ofDomain:
		return o.rivalOfDomain(h.name)
	case ofHosts:
		return o.rivalOfHosts(h.hosts)
	case ofBind:
		for _, b := range o.binds {
			if overlap(h.name, b.text) {
				return fmt.Sprintf("the bind %s belongs to %s", clip(h.name), b.owner) + as(h.name, b.text)
			}
		}
		return ""
	case ofSection:
		who := o.names[ofSection][h.name]
		switch {
		case who == "":
			return ""
		case h.domain == "":
			return fmt.Sprintf("the HAProxy section %s belongs to %s", h.name, who)
		case o.rivalOfDomain(h.domain) != "":
			return "" // is said of the domain
		}
		return fmt.Sprintf("domain %s has the name of a HAProxy backend of %s", h.domain, who)
	case ofProject:
		if who := o.names[ofProject][h.name]; who != "" {
			return fmt.Sprintf("%s has the same project %s, so both would share containers and volumes", who, h.name)
		}
		return ""
	}
	if who := o.names[h.kind][h.name]; who != "" {
		return fmt.Sprintf("the %s %s belongs to %s", h.kind, h.name, who)
	}
	return ""
}

// as adds how the owner writes it, when that differs.
func as(mine, theirs string) string {
	if mine == theirs {
		return ""
	}
	return ", which has " + clip(theirs)
}

func (o *owners) rivalOfDomain(d string) string {
	if who := o.names[ofDomain][d]; who != "" {
		return fmt.Sprintf("domain %s belongs to %s", d, who)
	}
	for parent := range parents(d) {
		if who := o.names[ofDomain]["*."+parent]; who != "" {
			return fmt.Sprintf("domain %s belongs to %s, which has *.%s", d, who, parent)
		}
	}
	if parent, wild := strings.CutPrefix(d, "*."); wild && o.below[parent].name != "" {
		return fmt.Sprintf("domain %s takes %s, which belongs to %s", d, o.below[parent].name, o.below[parent].owner)
	}
	for _, x := range o.hosts {
		if x.pattern.takes(d) {
			return fmt.Sprintf("domain %s belongs to %s, which has the condition %s", d, x.owner, x.pattern)
		}
	}
	return ""
}

func (o *owners) rivalOfHosts(p pattern) string {
	for _, d := range sorted(o.names[ofDomain]) {
		if p.takes(d) {
			return fmt.Sprintf("the condition %s takes domain %s, which belongs to %s", p, d, o.names[ofDomain][d])
		}
	}
	for _, x := range o.hosts {
		if p.meets(x.pattern) {
			return fmt.Sprintf("the condition %s takes what belongs to %s, which has the condition %s", p, x.owner, x.pattern)
		}
	}
	return ""
}
