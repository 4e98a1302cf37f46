// Package haproxy is the model of what apps ask of HAProxy: the HAPROXY variable
// of a service, the haproxy field of a record, and that of a swarm key. In come
// values as YAML or JSON give them; out go entries that can be rendered, and a
// problem with its key path for each thing that is not so. Every text is a piece
// of a configuration that all apps share, so it is read word by word as HAProxy
// would, and only what is known to concern the app alone is taken. It renders
// nothing and reads nothing.
package haproxy

import (
	"encoding/json"
	"maps"
	"slices"
)

// Entry is what one name of HAPROXY stands for: a frontend with its backends.
// http-in and https-in are HAProxy's own frontends and bring backends only.
type Entry struct {
	Frontend *Frontend `json:"frontend,omitempty"`
	Backends []Backend `json:"backends"`
}

// Frontend listens.
type Frontend struct {
	Mode    string   `json:"mode"`
	Bind    []string `json:"bind"`
	Options []string `json:"options,omitempty"`
}

// Backend sends on. It keeps its ports as they were written: number or text.
type Backend struct {
	Name             string   `json:"name,omitempty"`
	UseBackendOption string   `json:"use_backend_option,omitempty"`
	Port             any      `json:"port"`
	PeerPort         any      `json:"peer_port"`
	ServerOption     string   `json:"server_option,omitempty"`
	Options          []string `json:"options,omitempty"`
	Ct               string   `json:"ct"`
}

// Label is the name by which HAProxy's sections call a backend.
func (b Backend) Label() string {
	if b.Name != "" {
		return b.Name
	}
	return b.Ct
}

// The two frontends of HAProxy that every app may add backends to.
const (
	HTTPIn  = "http-in"
	HTTPSIn = "https-in"
)

// Own reports that name is one of HAProxy's own two frontends.
func Own(name string) bool { return name == HTTPIn || name == HTTPSIn }

// Front is the section of a frontend.
func Front(entry string) string { return "front-" + entry }

// Section is the name HAProxy gives to the backend called label of an entry.
func Section(entry, label string) string {
	switch entry {
	case HTTPIn:
		return "http-" + label
	case HTTPSIn:
		return "https-" + label
	}
	return "backend-" + label
}

// Config is all that an app asks: its entries by name.
type Config map[string]Entry

// Names lists the entries in their order.
func (c Config) Names() []string { return slices.Sorted(maps.Keys(c)) }

// JSON is the haproxy field of the record.
func (c Config) JSON() json.RawMessage {
	out, err := json.Marshal(c)
	if err != nil || c == nil {
		return json.RawMessage("{}") // texts, numbers and lists only: they always marshal
	}
	return out
}

// Problem is one thing that is wrong with a value, or, as a warning, that means
// something else than it says.
type Problem struct {
	Path string // key path below the value, "" for all of it
	Why  string
}

// Error is the problem as one line.
func (p Problem) Error() string {
	if p.Path == "" {
		return p.Why
	}
	return p.Path + " " + p.Why
}

// Report is what was found in a value. It is good when there is no problem.
type Report struct {
	Problems []Problem
	Warnings []Problem
}
