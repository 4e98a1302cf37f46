package edge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// section is the name of an entry's frontend or backend: a swarm's stand apart.
func (w *writing) section(name string) string {
	if w.prefix == "" {
		return name
	}
	for _, kind := range []string{"https-", "http-"} {
		if rest, ok := strings.CutPrefix(name, kind); ok {
			return kind + w.prefix + rest
		}
	}
	return w.prefix + name
}

// owned are the backends of an entry whose names, hosts and addresses nobody
// had before; none when that is true of its frontend.
func (w *writing) owned(name string, e haproxy.Entry) (kept []haproxy.Backend) {
	if !haproxy.Own(name) {
		front := w.section(haproxy.Front(name))
		if owner := w.claims.section(w.app.Name, front); owner != "" {
			w.fault("haproxy.%s: the frontend %s belongs to %s; left out here", name, front, owner)
			return nil
		}
		for _, b := range e.Frontend.Bind {
			if owner := w.claims.bind(w.app.Name, b); owner != "" {
				w.fault("haproxy.%s.frontend.bind: %s belongs to %s; left out here", name, b, owner)
				return nil
			}
		}
	}
	for i, b := range e.Backends {
		key := w.section(haproxy.Section(name, b.Label()))
		if owner := w.foreign(name, b); owner != "" {
			w.fault("haproxy.%s.backends[%d].use_backend_option: %s; left out here", name, i, owner)
			continue
		}
		if owner := w.claims.section(w.app.Name, key); owner != "" {
			w.fault("haproxy.%s.backends[%d].name: the backend %s belongs to %s; left out here", name, i, key, owner)
			continue
		}
		kept = append(kept, b)
	}
	return kept
}

// foreign says which host of a backend's condition is another app's.
func (w *writing) foreign(name string, b haproxy.Backend) (why string) {
	for _, h := range haproxy.Hosts(name, b.UseBackendOption) {
		if owner := w.claims.host(w.app.Name, h); owner != "" {
			return h + " belongs to " + owner
		}
	}
	return ""
}

// shared renders backends of http-in or https-in.
func (w *writing) shared(name string, e haproxy.Entry) {
	lines, there := &w.http, []string{"mode http"}
	if name == haproxy.HTTPSIn {
		lines, there = &w.https, []string{"mode tcp", "option tcp-check"}
	}
	for _, b := range e.Backends {
		key := w.section(haproxy.Section(name, b.Label()))
		put(lines, "    use_backend ", key, " ", b.UseBackendOption, "\n")
		put(&w.sections, "\nbackend ", key, "\n")
		w.options(there)
		w.options(b.Options, there...)
		put(&w.sections, "    server ", w.server, " ", w.target(b, true, false), "\n")
	}
}

// own renders a frontend and its backends.
func (w *writing) own(name string, e haproxy.Entry) {
	f := e.Frontend
	asks, takes := false, strings.Contains(strings.Join(f.Bind, " "), "accept-proxy")
	for _, b := range e.Backends {
		_, sends := haproxy.SendsProxy(b.ServerOption)
		asks = asks || sends
	}
	put(&w.sections, "\nfrontend ", w.section(haproxy.Front(name)), "\n    mode ", f.Mode, "\n")
	if asks && !takes && !w.app.Swarm() {
		w.expect()
	}
	w.options(f.Options)
	for _, b := range f.Bind {
		put(&w.sections, "    bind ", b, "\n")
	}
	for _, b := range e.Backends {
		put(&w.sections, strings.TrimRight("    use_backend "+w.section(haproxy.Section(name, b.Label()))+" "+b.UseBackendOption, " "), "\n")
	}
	for _, b := range e.Backends {
		put(&w.sections, "\nbackend ", w.section(haproxy.Section(name, b.Label())), "\n    mode ", f.Mode, "\n")
		w.options(b.Options)
		put(&w.sections, "    server ", w.server, " ", w.target(b, false, asks || takes), "\n")
	}
}

// expect makes a frontend take the client's address from the other nodes, which
// send it before everything else, and from nobody else.
func (w *writing) expect() {
	const most = 40 // words that HAProxy takes in a line
	for list := w.peers; len(list) > 0; {
		n := min(len(list), most)
		put(&w.sections, "    tcp-request connection expect-proxy layer4 if { src ", strings.Join(list[:n], " "), " }\n")
		list = list[n:]
	}
}

// options writes lines of options, but not those that stand there already.
func (w *writing) options(list []string, there ...string) {
	for _, o := range list {
		if !slices.Contains(there, o) {
			put(&w.sections, "    ", o, "\n")
		}
	}
}

// target is the address of a backend's server and its options: the container,
// or the node that has it. A client's address that the app asks for travels from
// node to node by port 1443 (web), or by the app's own frontend there (proxied).
func (w *writing) target(b haproxy.Backend, web, proxied bool) string {
	option := b.ServerOption
	if w.app.Swarm() || w.app.Master == w.node {
		return fmt.Sprintf("%s:%v %s", b.Ct, b.Port, haproxy.Resolved(option))
	}
	port := fmt.Sprint(b.PeerPort)
	_, sends := haproxy.SendsProxy(option)
	if web && sends {
		port = "1443"
	}
	if !sends && (proxied || port == "1443") {
		option = strings.TrimSpace(option + " send-proxy-v2")
	}
	return at(w.app.Address, port) + " " + haproxy.Resolved(option)
}
