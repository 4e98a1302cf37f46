package edge

import (
	"encoding/json"
	"strings"
)

// Pair is one key of the KV. Index is the index of its last change; 0 where it
// is not known, as in an export: then nobody is waited for.
type Pair struct {
	Key   string
	Value []byte
	Index uint64
}

// The parts that a Fault is about.
const (
	PartHAProxy = "haproxy"
	PartCaddy   = "caddy"
	PartRecord  = "record"
	PartSwarm   = "swarm"
)

// SwarmPrefix begins the name that Fault, Part and State.With give to a swarm
// key: no app is called so.
const SwarmPrefix = "swarm/"

// Fault is one thing that is left out, or reported and not acted on.
type Fault struct {
	App    string // name, or swarm/<key>
	Part   string // haproxy, caddy, record or swarm
	Reason string // what is wrong and the way out, one line
}

func (f Fault) String() string { return f.App + ": " + f.Reason }

// Fields are what an app asks of the edge: the part of its record that an
// operator may edit. The zero Fields ask for nothing.
type Fields struct {
	Domains   []string          `json:"domains,omitempty"`
	URLs      string            `json:"urls,omitempty"`
	Caddyfile string            `json:"caddyfile,omitempty"`
	HAProxy   json.RawMessage   `json:"haproxy,omitempty"`
	Ct        map[string]string `json:"ct,omitempty"` // service → container
}

// App is one app, or one swarm key, as the edge sees it.
type App struct {
	Name   string // of a swarm key with SwarmPrefix
	Fields Fields
	// Master is the node that requests go to, "" for a swarm key and for an app
	// that runs nowhere.
	Master string
	// Address is the master's, "" when nobody knows it.
	Address string
	// Closed: requests wait or get the page, entries of HAPROXY are switched off.
	Closed bool
	// Waits: it is closed by the operation under way, so requests may wait for it.
	Waits bool
	// Former is the old master while the new one's edge does not know the app
	// yet: other nodes go on asking Former, which lets requests wait. "" for none.
	Former        string
	FormerAddress string
}

// At is the app as node has to treat it.
func (a App) At(node string) App {
	if a.Former != "" && node != a.Master {
		a.Master, a.Address, a.Closed, a.Waits = a.Former, a.FormerAddress, true, true
	}
	return a
}

// Swarm reports that a is a swarm key.
func (a App) Swarm() bool { return strings.HasPrefix(a.Name, SwarmPrefix) }

// State is what the KV says, as far as the edge of any node is concerned.
type State struct {
	Apps  []App             // by name, then the swarm keys by name
	Nodes map[string]string // node → address
	// Faults are of keys that cannot be read and of edits that are not acted on.
	Faults []Fault
	// Caddy is not of the KV: whoever runs Caddy sets it before Sites.
	Caddy CaddyOptions
}
