package inspect

import (
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
)

// conflicts compares what the app takes with what all others have.
func (j *judge) conflicts(r routes, rec app.Record, in Input) {
	o := newOwners(j.app, in.Others, in.Swarm)
	for _, other := range in.Others {
		a := other.App()
		if other.RepoURL != "" && a.Name() == j.name && a.Branch != j.app.Branch {
			j.refuseAt("branch", "branch %s of %s has the same name %s in the cluster; rename one of the branches", a.Branch, a.Repo, j.name)
		}
	}
	for _, h := range holds(rec) {
		switch why := o.rival(h); {
		case why == "":
		case h.kind == ofProject:
			j.refuseAt("branch", "%s; rename one of the branches", why)
		case h.kind == ofService:
			j.refuseAt("service.json Name", "%s", why)
		default:
			path, more := j.place(r, h)
			j.reject(path, more, "%s", why)
		}
	}
	if j.model != nil {
		o.judgeNames(j)
	}
}

// place is where the checkout asks for h: a key path, and a line inside the
// text there.
func (j *judge) place(r routes, h hold) (path string, more int) {
	section := func(name string) string {
		for _, c := range r.proxy.sections {
			if c.name == name {
				return c.path
			}
		}
		return ""
	}
	domain := h.name
	switch h.kind {
	case ofContainer:
		for _, service := range j.order() {
			if j.containers()[service] == h.name {
				return child("services", service) + ".container_name", 0
			}
		}
	case ofBind:
		for _, c := range r.proxy.binds {
			if c.name == h.name {
				return c.path, 0
			}
		}
	case ofSection:
		if h.domain == "" {
			return section(h.name), 0
		}
		domain = h.domain
	}
	if h.of != "" {
		return strings.TrimSuffix(section(h.of), ".name") + ".use_backend_option", 0
	}
	for _, c := range r.domains {
		if host(c.name) == domain {
			return c.path, c.more
		}
	}
	return "", 0
}

// judgeNames compares host names and published ports.
func (o *owners) judgeNames(j *judge) {
	for _, name := range j.order() {
		s := j.model.Services[name]
		path := child("services", name)
		aliases, on := j.shared(s)
		for _, n := range append([]string{name, s.Hostname}, aliases...) {
			if who := o.names[ofContainer][n]; on && n != "" && who != "" {
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
