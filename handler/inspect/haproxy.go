package inspect

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// conf is one entry of HAPROXY: a frontend with its backends. http-in and
// https-in are HAProxy's own frontends and bring backends only.
type conf struct {
	Frontend *frontend `json:"frontend,omitempty"`
	Backends []backend `json:"backends"`
}

type frontend struct {
	Mode    string   `json:"mode"`
	Bind    []string `json:"bind"`
	Options []string `json:"options,omitempty"`
}

// backend keeps its ports as they were written: number or text.
type backend struct {
	Name             string   `json:"name,omitempty"`
	UseBackendOption string   `json:"use_backend_option,omitempty"`
	Port             any      `json:"port"`
	PeerPort         any      `json:"peer_port"`
	ServerOption     string   `json:"server_option,omitempty"`
	Options          []string `json:"options,omitempty"`
	Ct               string   `json:"ct"`
}

// proxy is the sum of the HAPROXY variables of an app, and what it claims.
type proxy struct {
	confs    map[string]conf
	sections []claim // names of HAProxy sections
	binds    []claim // as written, one address each
	hosts    []claim // words of conditions: a domain may be among them
}

func newProxy() proxy { return proxy{confs: map[string]conf{}} }

var sectionOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]*$`)

// own reports HAProxy's two frontends that every app may add backends to.
func own(name string) bool { return name == "http-in" || name == "https-in" }

// section is the name HAProxy gives to a backend of a conf.
func section(confName, backendName string) string {
	switch confName {
	case "http-in":
		return "http-" + backendName
	case "https-in":
		return "https-" + backendName
	}
	return "backend-" + backendName
}

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
	r := haproxyReader{judge: j, ct: j.containers()[service]}
	for _, name := range j.doc.keys[path] {
		before := len(j.refused)
		c := r.conf(child(path, name), name, top[name])
		if len(j.refused) == before {
			p.merge(j, child(path, name), name, c)
		}
	}
}

// merge adds an entry to what earlier services said under the same name.
func (p *proxy) merge(j *judge, path, name string, c conf) {
	for i, b := range c.Backends {
		key := section(name, b.label())
		where := fmt.Sprintf("%s.backends[%d].name", path, i)
		if slices.Contains(names(p.sections), key) {
			j.reject(where, 0, "backend %s is there twice", key)
			continue
		}
		p.sections = append(p.sections, claim{name: key, path: where})
		for _, w := range strings.FieldsFunc(b.UseBackendOption, func(r rune) bool { return r == ' ' || r == '{' || r == '}' || r == ',' }) {
			p.hosts = append(p.hosts, claim{name: strings.ToLower(w), path: fmt.Sprintf("%s.backends[%d].use_backend_option", path, i)})
		}
	}
	if c.Frontend != nil && !own(name) {
		for _, b := range c.Frontend.Bind {
			p.binds = append(p.binds, claim{name: b, path: path + ".frontend.bind"})
		}
	}
	old, ok := p.confs[name]
	if !ok {
		p.confs[name] = c
		if !own(name) {
			p.sections = append(p.sections, claim{name: "front-" + name, path: path})
		}
		return
	}
	if old.Frontend != nil && c.Frontend != nil {
		if old.Frontend.Mode != c.Frontend.Mode {
			j.warn("%s.frontend.mode: %s is ignored, an earlier service says %s", path, c.Frontend.Mode, old.Frontend.Mode)
		}
		old.Frontend.Bind = slices.Concat(old.Frontend.Bind, c.Frontend.Bind)
		old.Frontend.Options = slices.Concat(old.Frontend.Options, c.Frontend.Options)
	}
	old.Backends = append(old.Backends, c.Backends...)
	p.confs[name] = old
}

// finish sorts what has no order, and refuses what would clash within the app.
func (p *proxy) finish(j *judge, domains []claim) {
	for _, name := range sorted(p.confs) {
		if f := p.confs[name].Frontend; f != nil {
			slices.Sort(f.Bind)
			f.Bind = slices.Compact(f.Bind)
			f.Options = unique(f.Options)
		}
	}
	p.binds = slices.CompactFunc(slices.SortedFunc(slices.Values(p.binds), func(a, b claim) int { return strings.Compare(a.name, b.name) }),
		func(a, b claim) bool { return a.name == b.name })
	for _, d := range domains {
		for _, c := range p.sections {
			if strings.EqualFold(c.name, "http-"+d.name) || strings.EqualFold(c.name, "https-"+d.name) {
				j.reject(c.path, 0, "backend %s has the name of a domain; choose another", c.name)
			}
		}
	}
}

// json is the haproxy field of the record.
func (p *proxy) json() json.RawMessage {
	out, err := json.Marshal(p.confs)
	if err != nil {
		return json.RawMessage("{}") // texts, numbers and lists only: they always marshal
	}
	return out
}

// label is the name by which HAProxy's sections call a backend.
func (b backend) label() string {
	if b.Name != "" {
		return b.Name
	}
	return b.Ct
}
