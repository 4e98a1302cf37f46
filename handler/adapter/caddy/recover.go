package caddy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// fragments finds in a running configuration what each application has there,
// by the @id of its objects. What was put together by an Apply comes out equal.
func (b base) fragments() map[string]*fragment {
	all := map[string]*fragment{}
	of := func(app string) *fragment {
		if all[app] == nil {
			all[app] = &fragment{loggers: map[string]json.RawMessage{}, named: map[string]json.RawMessage{}}
		}
		return all[app]
	}
	for i, name := range serverNames() {
		b.takeBack(i, b.ours[name], of)
	}
	for _, p := range b.oursPolicies {
		if kind, app := parted(nameOf(p)); strings.HasPrefix(kind, kindPolicy) {
			f := of(app)
			f.policies = append(f.policies, p)
		}
	}
	for _, f := range all {
		for i := range f.servers {
			for _, s := range f.servers[i].slots(i) {
				f.upstreams = append(f.upstreams, upstreams(*s.route)...)
			}
		}
		slices.Sort(f.upstreams)
		f.upstreams = slices.Compact(f.upstreams)
		f.seal()
	}
	return all
}

// takeBack gives the objects of one server to their applications.
func (b base) takeBack(i int, raw json.RawMessage, of func(app string) *fragment) {
	var server struct {
		Routes      []json.RawMessage
		Connections []json.RawMessage          `json:"tls_connection_policies"`
		Named       map[string]json.RawMessage `json:"named_routes"`
		Errors      struct{ Routes []json.RawMessage }
		Logs        adaptedLogs
	}
	if len(raw) == 0 || json.Unmarshal(raw, &server) != nil {
		return
	}
	for _, r := range slices.Concat(server.Routes, server.Errors.Routes) {
		kind, app := parted(nameOf(r))
		if app == "" {
			continue
		}
		f := of(app)
		p := &f.servers[i]
		for _, s := range p.slots(i) {
			if s.kind == kind {
				*s.route = r
			}
		}
		for name, route := range server.Named {
			if strings.HasPrefix(name, namedPrefix) && bytes.Contains(r, encode(name)) {
				f.named[name] = route
			}
		}
		for _, host := range hostsOf(r) {
			for _, name := range server.Logs.Names[host] {
				if p.logs == nil {
					p.logs = map[string][]string{}
				}
				if !slices.Contains(p.logs[host], name) {
					p.logs[host] = append(p.logs[host], name)
				}
				f.loggers[name] = b.oursLogs[name]
			}
		}
	}
	for _, c := range server.Connections {
		if kind, app := parted(nameOf(c)); strings.HasPrefix(kind, kindConn) {
			p := &of(app).servers[i]
			p.connections = append(p.connections, c)
		}
	}
}

// parted takes an @id apart, "" for one that is not ours.
func parted(name string) (kind, app string) {
	rest, is := strings.CutPrefix(name, idPrefix)
	if !is {
		return "", ""
	}
	kind, app, is = strings.Cut(rest, ".")
	if !is {
		return "", ""
	}
	return kind, app
}
