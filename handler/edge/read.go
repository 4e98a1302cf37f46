package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/mlfmonde/cluster/handler/app"
)

// Prefixes of the KV that decide what an edge shows. The ledger has the same
// ones; this package stands below it.
const (
	records      = "app/"
	maintenances = "maintenance/"
	operations   = "operation/"
	nodes        = "node/"
)

// reading collects the KV by prefix, before apps are put together.
type reading struct {
	state       State
	apps        []*found
	swarm       []App
	maintenance map[string]string
	operations  map[string]app.Operation
	published   map[string]uint64 // of nodes that are there
}

// found is one record as it was read.
type found struct {
	name   string
	record app.Record
	index  uint64
}

// Read makes a State of the KV. Keys of other prefixes are passed over. What
// cannot be read is a Fault of that key and nothing else: the rest goes on.
func Read(pairs []Pair) State {
	r := reading{
		state:       State{Nodes: map[string]string{}},
		maintenance: map[string]string{}, operations: map[string]app.Operation{}, published: map[string]uint64{},
	}
	for _, p := range pairs {
		r.pair(p)
	}
	slices.SortFunc(r.apps, func(a, b *found) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(r.swarm, func(a, b App) int { return strings.Compare(a.Name, b.Name) })
	r.state.Apps = make([]App, 0, len(r.apps)+len(r.swarm))
	for _, f := range r.apps {
		r.state.Apps = append(r.state.Apps, r.app(f))
	}
	for _, a := range r.swarm {
		_, a.Closed = r.maintenance[strings.TrimPrefix(a.Name, SwarmPrefix)]
		r.state.Apps = append(r.state.Apps, a)
	}
	slices.SortStableFunc(r.state.Faults, func(a, b Fault) int { return strings.Compare(a.App, b.App) })
	return r.state
}

func (r *reading) fault(name, part, format string, args ...any) {
	r.state.Faults = append(r.state.Faults, Fault{App: name, Part: part, Reason: fmt.Sprintf(format, args...)})
}

// pair sorts one key in. A key that ends in a slash is a folder that Consul's
// page has made.
func (r *reading) pair(p Pair) {
	prefix, name, _ := strings.Cut(p.Key, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		return
	}
	switch prefix + "/" {
	case records:
		r.record(name, p)
	case maintenances:
		r.maintenance[name] = string(p.Value)
	case SwarmPrefix:
		r.swarmKey(name, p.Value)
	case operations:
		var o app.Operation
		if err := json.Unmarshal(p.Value, &o); err != nil {
			r.fault(name, PartRecord, "%s is not an operation: %s; the record says where the app is", p.Key, unread(err))
			return
		}
		o.Index = p.Index
		r.operations[name] = o
	case nodes:
		var m app.Member
		if err := json.Unmarshal(p.Value, &m); err != nil || m.Name != name {
			return // its own handler writes it anew; routes have the record's address
		}
		r.published[name] = m.Published
		if a, err := netip.ParseAddr(m.Address); err == nil {
			r.state.Nodes[name] = a.String()
		}
	}
}

// appOK is wider than what a deploy makes, for the old tool's; a name goes into
// comments, into messages and into Caddy's questions about requests that wait.
var appOK = regexp.MustCompile(`^[A-Za-z0-9._~/@+=,:-]{1,250}$`)

func (r *reading) record(name string, p Pair) {
	if !appOK.MatchString(name) {
		r.fault(fmt.Sprintf("%.60q", name), PartRecord, "app/%.60q is not the name of an app; remove the key", name)
		return
	}
	f := &found{name: name, index: p.Index}
	if err := json.Unmarshal(p.Value, &f.record); err != nil {
		r.fault(name, PartRecord, "app/%s is not a record: %s; correct it, or deploy the app again", name, unread(err))
		return
	}
	r.apps = append(r.apps, f)
}

func (r *reading) swarmKey(name string, value []byte) {
	full := SwarmPrefix + name
	if strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.fault(SwarmPrefix+fmt.Sprintf("%.60q", name), PartSwarm, "the name of the key cannot be printed; rename it")
		return
	}
	var v struct {
		Domains []string        `json:"domains"`
		HAProxy json.RawMessage `json:"haproxy"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		r.fault(full, PartSwarm, `the key is not {"domains": […], "haproxy": {…}}: %s`, unread(err))
		return
	}
	r.swarm = append(r.swarm, App{Name: full, Fields: Fields{Domains: v.Domains, HAProxy: v.HAProxy}})
}

// unread is what is wrong with a JSON value, without the names of Go's types.
func unread(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	if wrong.Field == "" {
		return "it is a JSON " + wrong.Value
	}
	return fmt.Sprintf("%s is a JSON %s", wrong.Field, wrong.Value)
}

// With is s with other fields for the app or swarm key called name: those that
// were good before, or none at all to leave it out.
func (s State) With(name string, f Fields) State {
	s.Apps = slices.Clone(s.Apps)
	for i := range s.Apps {
		if s.Apps[i].Name == name {
			s.Apps[i].Fields = f
		}
	}
	return s
}
