package inspect

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// owners are the names that other apps have, from their records. A record may
// come from the old tool or be damaged: what cannot be read claims nothing.
type owners struct {
	domains, addresses, sections, containers, services map[string]string // name → app
	binds                                              []ownedBind
}

type ownedBind struct {
	text, owner string
}

// conflicts compares what the app claims with the records of all others.
func (j *judge) conflicts(r routes, others []app.Record) {
	o := owners{
		domains: map[string]string{}, addresses: map[string]string{}, sections: map[string]string{},
		containers: map[string]string{}, services: map[string]string{},
	}
	for _, rec := range others {
		a := rec.App()
		name := a.Name()
		if rec.RepoURL != "" && name == j.name && a.Branch == j.app.Branch {
			continue // the app itself
		}
		if rec.RepoURL != "" {
			j.identity(a, name)
		}
		o.add(owner(rec), rec)
	}
	o.judge(j, r)
}

// owner is how a message names another app.
func owner(rec app.Record) string {
	if rec.RepoURL == "" {
		return "an app whose record has no repository"
	}
	return fmt.Sprintf("%s (%s, branch %s)", rec.App().Name(), rec.RepoURL, rec.Branch)
}

// identity refuses two apps that would share containers and volumes.
func (j *judge) identity(other app.App, name string) {
	switch {
	case name == j.name:
		j.refuseAt("branch", "branch %s of %s has the same name %s in the cluster; rename one of the branches", other.Branch, other.Repo, name)
	case app.Project(name) == j.project:
		j.refuseAt("branch", "%s (%s, branch %s) has the same project %s, so both would share containers and volumes; rename one of the branches", name, other.Repo, other.Branch, j.project)
	}
}

func (o *owners) add(who string, rec app.Record) {
	for _, d := range rec.Domains {
		if d != "" {
			o.domains[strings.ToLower(d)] = who
		}
	}
	for _, u := range strings.Split(rec.URLs, ",") {
		u = strings.ToLower(strings.TrimSpace(u))
		if u == "" {
			continue
		}
		o.addresses[u] = who
		if d, err := domain(u); err == nil {
			o.domains[d] = who
		}
	}
	for _, ct := range rec.Ct {
		o.containers[ct] = who
	}
	if name := rec.App().Name(); rec.RepoURL != "" {
		o.services[name] = who
	}
	o.proxy(who, rec.HAProxy)
}

func (o *owners) proxy(who string, raw json.RawMessage) {
	if len(raw) <= len("{}") {
		return
	}
	var confs map[string]conf
	if json.Unmarshal(raw, &confs) != nil {
		return
	}
	for name, c := range confs {
		if !own(name) {
			o.sections["front-"+name] = who
		}
		if c.Frontend != nil && !own(name) {
			for _, b := range c.Frontend.Bind {
				o.binds = append(o.binds, ownedBind{text: b, owner: who})
			}
		}
		for _, b := range c.Backends {
			o.sections[section(name, b.label())] = who
		}
	}
}

func (o *owners) judge(j *judge, r routes) {
	for _, c := range r.addresses {
		if who := o.addresses[strings.ToLower(c.name)]; who != "" {
			j.reject(c.path, c.more, "address %s belongs to %s", c.name, who)
		}
	}
	for _, c := range r.domains {
		if who := o.domains[c.name]; who != "" {
			j.reject(c.path, c.more, "domain %s belongs to %s", c.name, who)
		}
		for _, prefix := range []string{"http-", "https-"} {
			if who := o.sections[prefix+c.name]; who != "" {
				j.reject(c.path, c.more, "domain %s has the name of a HAProxy backend of %s", c.name, who)
			}
		}
	}
	for _, c := range r.proxy.hosts {
		if who := o.domains[c.name]; who != "" {
			j.reject(c.path, 0, "domain %s belongs to %s", c.name, who)
		}
	}
	for _, c := range r.proxy.sections {
		who := o.sections[c.name]
		for _, prefix := range []string{"http-", "https-"} {
			if d, ok := strings.CutPrefix(c.name, prefix); ok && who == "" {
				who = o.domains[strings.ToLower(d)]
			}
		}
		if who != "" {
			j.reject(c.path, 0, "the HAProxy section %s belongs to %s", c.name, who)
		}
	}
	for _, c := range r.proxy.binds {
		for _, b := range o.binds {
			if overlap(c.name, b.text) {
				j.reject(c.path, 0, "the bind %s belongs to %s", clip(c.name), b.owner)
			}
		}
	}
	if who := o.services[r.service]; who != "" && r.service != j.name {
		j.refuseAt("service.json Name", "the service %s belongs to %s", r.service, who)
	}
	if j.model != nil {
		o.judgeNames(j)
	}
}

// judgeNames compares containers, host names, ports and the Consul service.
func (o *owners) judgeNames(j *judge) {
	ct := j.containers()
	for _, name := range j.order() {
		s := j.model.Services[name]
		path := child("services", name)
		if who := o.containers[ct[name]]; who != "" {
			j.reject(path+".container_name", 0, "container %s belongs to %s", ct[name], who)
		}
		aliases, on := j.shared(s)
		for _, n := range append([]string{name, s.Hostname}, aliases...) {
			if who := o.containers[n]; on && n != "" && who != "" {
				j.reject(path, 0, "%q is the container of %s on %s", n, who, clusterNetwork)
			}
		}
		for i, p := range s.Ports {
			for _, b := range o.binds {
				if p.Published != "" && overlap("*:"+p.Published, b.text) {
					j.reject(fmt.Sprintf("%s.ports[%d]", path, i), 0, "port %s belongs to %s", p.Published, b.owner)
				}
			}
		}
	}
}

// overlap reports that two bind lines cannot both be listened on.
func overlap(a, b string) bool {
	hostA, fromA, toA, okA := listen(a)
	hostB, fromB, toB, okB := listen(b)
	if !okA || !okB || fromA > toB || fromB > toA {
		return false
	}
	return hostA == hostB || everywhere(hostA) || everywhere(hostB)
}

func everywhere(host string) bool {
	switch host {
	case "", "*", "0.0.0.0", "::", "[::]":
		return true
	}
	return false
}
