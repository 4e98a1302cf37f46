package inspect

import (
	"encoding/json"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// proxy is the sum of the HAPROXY variables of an app, and what it claims.
type proxy struct {
	config   haproxy.Config
	claims   haproxy.Claims
	sections []claim // names of HAProxy sections
	binds    []claim // as written, one address each
}

func newProxy() proxy { return proxy{config: haproxy.Config{}} }

// add reads the HAPROXY variable of one service.
func (p *proxy) add(j *judge, path, service, text string) {
	v, err := j.inner(path, text)
	if err != nil {
		j.fail(j.doc.file, err)
		return
	}
	top, ok := v.(map[string]any)
	if !ok {
		j.reject(path, 0, "is not a mapping of names to frontends and backends")
		return
	}
	o := haproxy.Options{Ct: j.containers()[service]}
	for _, name := range j.doc.keys[path] {
		e, found := haproxy.Read(name, top[name], o)
		j.found(path, found)
		if len(found.Problems) == 0 {
			sections, binds := len(p.claims.Sections), len(p.claims.Binds)
			j.found(path, p.config.Add(name, e, &p.claims))
			p.sections = append(p.sections, placed(path, p.claims.Sections[sections:])...)
			p.binds = append(p.binds, placed(path, p.claims.Binds[binds:])...)
		}
	}
}

// found tells what was found in the variable at path.
func (j *judge) found(path string, r haproxy.Report) {
	for _, p := range r.Problems {
		j.reject(child(path, p.Path), 0, "%s", p.Why)
	}
	for _, p := range r.Warnings {
		j.warn("%s %s", child(path, p.Path), p.Why)
	}
}

// placed are claims with the key path of the compose file.
func placed(path string, claims []haproxy.Claim) (list []claim) {
	for _, c := range claims {
		list = append(list, claim{name: c.Name, path: child(path, c.Path)})
	}
	return list
}

// finish sorts what has no order, and refuses what would clash within the app.
func (p *proxy) finish(j *judge, domains []claim) {
	p.config.Finish(&p.claims)
	for _, d := range domains {
		for _, c := range p.sections {
			if strings.EqualFold(c.name, "http-"+d.name) || strings.EqualFold(c.name, "https-"+d.name) {
				j.reject(c.path, 0, "backend %s has the name of a domain; choose another", c.name)
			}
		}
	}
}

// json is the haproxy field of the record.
func (p *proxy) json() json.RawMessage { return p.config.JSON() }
