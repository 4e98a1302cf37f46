package caddy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// The kinds of objects of an application; kind and name make their @id.
const (
	idPrefix   = "cluster."
	markerID   = idPrefix + "marker"
	kindPolicy = "tls"
	kindConn   = "connection"
)

// loggerPrefix begins the name of every access log of ours.
const (
	loggerPrefix = "cluster_"
	accessPrefix = "http.log.access."
)

// fragment is what Caddy gets for one application. The raw objects have their
// @id and are canonical, so a fragment read back from Caddy is equal.
type fragment struct {
	servers   [2]part // plain, secure
	policies  []json.RawMessage
	loggers   map[string]json.RawMessage // by name; the name follows from the rest
	named     map[string]json.RawMessage // what its routes invoke; the name follows from the rest
	upstreams []string
	standby   string // the text whose routes stand behind the gate, "" for none
	digest    string
}

// The two servers, as indexes of fragment.servers.
const (
	plain = iota
	secure
)

// serverNames are the keys of the two servers in Caddy's configuration.
func serverNames() [2]string { return [2]string{"cluster_http", "cluster_https"} }

// part is one server's share. Routes with a * in their hosts stand apart: they
// come after the exact ones of all applications.
type part struct {
	exact, wild             json.RawMessage
	exactErrors, wildErrors json.RawMessage
	connections             []json.RawMessage
	logs                    map[string][]string // host → loggers
}

// slots are the four routes of p with the kind in their @id.
func (p *part) slots(server int) []slot {
	name := [2]string{"http", "https"}[server]
	return []slot{
		{name, &p.exact},
		{name + "-wild", &p.wild},
		{name + "-errors", &p.exactErrors},
		{name + "-wild-errors", &p.wildErrors},
	}
}

type slot struct {
	kind  string
	route *json.RawMessage
}

// id is the @id of one object of app.
func id(kind, app string) string { return idPrefix + kind + "." + app }

// numbered is the same for the i-th of several.
func numbered(kind, app string, i int) string {
	return fmt.Sprintf("%s%s-%d.%s", idPrefix, kind, i, app)
}

// identified is object with an @id. What was just decoded always encodes.
func identified(object map[string]json.RawMessage, name string) json.RawMessage {
	object["@id"] = encode(name)
	return canonical(object)
}

// canonical is v as Caddy encodes it: keys sorted at every level.
func canonical(v any) json.RawMessage {
	var plainly any
	if err := json.Unmarshal(encode(v), &plainly); err != nil {
		return nil
	}
	return encode(plainly)
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}

// takeLoggers gives each access log a name that follows from what it does, so
// that applications which log the same way share one. The result says which new
// name an adapted one has.
func (f *fragment) takeLoggers(logs map[string]map[string]json.RawMessage) (map[string]string, error) {
	names := map[string]string{}
	for _, old := range slices.Sorted(maps.Keys(logs)) {
		if old == "default" {
			if len(logs[old]) > 1 || len(logs[old]) == 1 && logs[old]["exclude"] == nil {
				return nil, fmt.Errorf("%w: the log of everything; leave it out", errNotOneSite)
			}
			continue // it leaves out the others, as ours does
		}
		log := maps.Clone(logs[old])
		delete(log, "include")
		sum := sha256.Sum256(canonical(log))
		name := loggerPrefix + hex.EncodeToString(sum[:6])
		log["include"] = encode([]string{accessPrefix + name})
		f.loggers[name], names[old] = canonical(log), name
	}
	return names, nil
}

func (f *fragment) takeServer(app string, s adaptedServer, loggers map[string]string) error {
	server, err := serverOf(s.Listen)
	if err != nil {
		return err
	}
	p := &f.servers[server]
	var failures []map[string]json.RawMessage
	if s.Errors != nil {
		failures = s.Errors.Routes
	}
	slots := p.slots(server)
	for i, routes := range [][]map[string]json.RawMessage{s.Routes, failures} {
		exact, wild, err := sortByHost(routes)
		if err != nil {
			return err
		}
		*slots[2*i].route = joined(exact, id(slots[2*i].kind, app))
		*slots[2*i+1].route = joined(wild, id(slots[2*i+1].kind, app))
	}
	for i, c := range s.Connections {
		if c["match"] == nil {
			continue // the rule for everybody else, which the server has itself
		}
		p.connections = append(p.connections, identified(c, numbered(kindConn, app, i)))
	}
	if s.Logs != nil {
		p.logs = map[string][]string{}
		for host, names := range s.Logs.Names {
			for _, n := range names {
				p.logs[host] = append(p.logs[host], loggers[n])
			}
		}
	}
	return nil
}

// seal computes the digest of all that Caddy gets.
func (f *fragment) seal() {
	sum := sha256.New()
	for i := range f.servers {
		p := &f.servers[i]
		for _, s := range p.slots(i) {
			fmt.Fprintf(sum, "%s %s\n", s.kind, *s.route)
		}
		for _, host := range slices.Sorted(maps.Keys(p.logs)) {
			fmt.Fprintf(sum, "log %s %s\n", host, p.logs[host])
		}
		fmt.Fprintf(sum, "connections %s\n", p.connections)
	}
	fmt.Fprintf(sum, "policies %s\n", f.policies)
	for _, name := range slices.Sorted(maps.Keys(f.loggers)) {
		fmt.Fprintf(sum, "logger %s\n", name)
	}
	f.digest = hex.EncodeToString(sum.Sum(nil))
}
