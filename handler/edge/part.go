package edge

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// rendering makes the parts of one node in the order of the keys.
type rendering struct {
	node   string
	peers  []string
	from   *Template
	claims *claims
	faults []Fault
	seen   int // faults before the part under way
}

// writing is one part under way.
type writing struct {
	*rendering
	app                   App
	part                  string // of faults
	prefix                string // of section names: "" or swarm-
	server                string // name of the server in every backend
	https, http, sections strings.Builder
	said                  int // length of the comment in https and http
}

const (
	again = " resolvers dns check inter 3s\n"
)

func (w *writing) fault(format string, args ...any) {
	w.faults = append(w.faults, Fault{App: w.app.Name, Part: w.part, Reason: fmt.Sprintf(format, args...)})
}

// part renders one app or swarm key; any is false when there is nothing of it.
func (r *rendering) part(a App) (p Part, any bool) {
	w := writing{rendering: r, app: a, part: PartHAProxy, server: a.Master}
	if a.Swarm() {
		w.part, w.prefix, w.server = PartSwarm, "swarm-", "swarm_service"
	}
	r.seen = len(r.faults)
	routed := a.Swarm() || a.Master != "" && (a.Master == r.node || a.Address != "")
	n := len(a.Fields.Domains)
	w.https.Grow(n * 100) // about what a domain takes, so that nothing is copied while it grows
	w.http.Grow(n * 100)
	w.sections.Grow(n*400 + 2*len(a.Fields.HAProxy))
	w.comment()
	for _, d := range a.Fields.Domains {
		w.domain(d, routed)
	}
	w.entries(routed)
	p = Part{App: a.Name, Sections: w.sections.String(), Whole: len(r.faults) == r.seen, Fields: a.Fields}
	if lines := w.https.String(); len(lines) > w.said {
		p.HTTPS = lines
	}
	if lines := w.http.String(); len(lines) > w.said {
		p.HTTP = lines
	}
	return p, len(p.HTTPS)+len(p.HTTP)+len(p.Sections) > 0
}

// comment says in the frontends of all whose lines follow.
func (w *writing) comment() {
	put(&w.https, "    # ", w.app.Name, "\n")
	put(&w.http, "    # ", w.app.Name, "\n")
	w.said = w.https.Len()
}

// domain sends the requests for a domain to Caddy of the master (R3, R4), or to
// the proxy of the swarm (R7). An app that is closed keeps them: Caddy answers.
func (w *writing) domain(text string, routed bool) {
	if text == "" {
		return // the old tool wrote one for an address without a scheme
	}
	d, err := spelled(text)
	if err != nil {
		w.fault("domains: %v", err)
		return
	}
	if owner := w.claims.host(w.app.Name, d); owner != "" {
		w.fault("domains: %s belongs to %s; left out here", d, owner)
		return
	}
	named := strings.Replace(d, "*.", "wildcard:", 1)
	https, http := "https-"+w.prefix+named, "http-"+w.prefix+named
	for _, name := range []string{https, http} {
		if owner := w.claims.section(w.app.Name, name); owner == w.app.Name {
			return // twice in the list
		} else if owner != "" {
			w.fault("domains: %s has the name of a backend of %s; left out here", d, owner)
			return
		}
	}
	if !routed {
		return
	}
	match := "-i " + d
	if rest, star := strings.CutPrefix(d, "*."); star {
		match = "-i -m end ." + rest
	}
	put(&w.https, "    use_backend ", https, " if { req_ssl_sni ", match, " }\n")
	put(&w.http, "    use_backend ", http, " if { hdr(host) ", match, " }\n")
	put(&w.sections, "\nbackend ", https, "\n    mode tcp\n    option tcp-check\n    server ", w.server, " ", w.web("443"), again,
		"\nbackend ", http, "\n    mode http\n", retries, "    server ", w.server, " ", w.web("80"), again)
}

// retries asks Caddy once more when it ends a connection before it says a word,
// which it does when it gets another configuration. A request that changes
// something is not repeated: the container may have had it.
const retries = "    retry-on conn-failure empty-response\n    http-request disable-l7-retry unless METH_GET\n"

// web is where the requests for a domain go, and how the client's address goes
// with them.
func (w *writing) web(port string) string {
	switch {
	case w.app.Swarm():
		return w.from.Swarm + ":" + port
	case w.app.Master == w.node:
		return w.from.Caddy + ":" + port + " send-proxy-v2"
	}
	return at(w.app.Address, "1443") + " send-proxy-v2"
}

// at is an address of a node with a port.
func at(address, port string) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Is6() {
		return "[" + address + "]:" + port
	}
	return address + ":" + port
}

func put(b *strings.Builder, texts ...string) {
	for _, t := range texts {
		b.WriteString(t)
	}
}

// entries renders HAPROXY (R5, R6) or the haproxy of a swarm key (R8). While
// the app is closed they are not there, but their names stay its own.
func (w *writing) entries(routed bool) {
	raw := w.app.Fields.HAProxy
	if len(raw) == 0 || string(raw) == "{}" {
		return // so in most records
	}
	o := haproxy.Options{Swarm: w.app.Swarm()}
	if !o.Swarm {
		o.Cts = []string{}
		for _, ct := range w.app.Fields.Ct {
			o.Cts = append(o.Cts, ct)
		}
	}
	config, _, report := haproxy.Parse(raw, o)
	for _, p := range report.Problems {
		at := "haproxy"
		if p.Path != "" {
			at += "." + p.Path
		}
		w.fault("%s %s", at, p.Why)
	}
	for _, name := range config.Names() {
		e := config[name]
		e.Backends = w.owned(name, e)
		if len(e.Backends) == 0 || !routed || w.app.Closed {
			continue
		}
		if haproxy.Own(name) {
			w.shared(name, e)
			continue
		}
		w.own(name, e)
	}
}
