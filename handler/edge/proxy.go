package edge

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// Part is what one app or swarm key adds to HAProxy's configuration.
type Part struct {
	App      string // name, or swarm/<key>
	HTTPS    string // lines of the frontend https-in
	HTTP     string // lines of the frontend http-in
	Sections string // frontends and backends of its own
	Whole    bool   // nothing of it was left out
	Fields   Fields // what it was made of, for State.With
}

// Text is the part for people and for comparing; in the configuration it stands
// in three places.
func (p Part) Text() string { return p.HTTPS + p.HTTP + p.Sections }

// Proxy is the configuration of a node's HAProxy: a static part and one Part
// for each app and swarm key that asks for something.
type Proxy struct {
	Parts []Part
	node  string
	peers []string
	from  *Template
}

// HAProxy renders what HAProxy on node is to run. An app with a fault has a part
// that is not Whole, without what is wrong. t nil is the embedded template.
func HAProxy(s State, node string, t *Template) (Proxy, []Fault) {
	if t == nil {
		t = DefaultTemplate()
	}
	p := Proxy{node: node, from: t, Parts: make([]Part, 0, len(s.Apps))}
	for _, n := range slices.Sorted(maps.Keys(s.Nodes)) {
		if n != node {
			p.peers = append(p.peers, s.Nodes[n])
		}
	}
	r := rendering{node: node, peers: p.peers, from: t, claims: newClaims(len(s.Apps))}
	for _, name := range []string{haproxy.HTTPIn, haproxy.HTTPSIn} {
		r.claims.section("HAProxy itself", name)
	}
	for _, a := range s.Apps {
		if part, any := r.part(a.At(node)); any {
			p.Parts = append(p.Parts, part)
		}
	}
	return p, r.faults
}

// Text is the whole configuration. The parts of the apps in without are left out.
func (p Proxy) Text(without map[string]bool) []byte {
	return p.render(func(a string) bool { return !without[a] })
}

// Alone is the configuration with the one part of app, for trying it.
func (p Proxy) Alone(app string) []byte { return p.render(func(a string) bool { return a == app }) }

func (p Proxy) render(with func(app string) bool) []byte {
	var https, http, sections strings.Builder
	var size [3]int
	for i := range p.Parts {
		size[0], size[1], size[2] = size[0]+len(p.Parts[i].HTTPS), size[1]+len(p.Parts[i].HTTP), size[2]+len(p.Parts[i].Sections)
	}
	https.Grow(size[0])
	http.Grow(size[1])
	sections.Grow(size[2])
	for i := range p.Parts {
		if part := &p.Parts[i]; with(part.App) {
			https.WriteString(part.HTTPS)
			http.WriteString(part.HTTP)
			sections.WriteString(part.Sections)
		}
	}
	return p.from.fill(static{Node: p.node, Peers: p.peers, Loop: "abns@cluster-http-in-" + p.node,
		HTTPS: https.String(), HTTP: http.String(), Sections: sections.String()})
}
