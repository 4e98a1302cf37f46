package haproxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Options is what entries are read against.
type Options struct {
	// Ct is the container that every backend gets, whatever it says itself: that
	// of the service whose variable is read. Empty: the backend's own.
	Ct string
	// Cts are the containers that a backend's own may be, nil: any.
	Cts []string
	// Swarm: the backends are services of a swarm, which no other node is asked for.
	Swarm bool
}

var (
	sectionOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]*$`)
	targetOK  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	oldOption = regexp.MustCompile(`\bsend_proxy(_v2)?\b`)
)

// maxName is what a name of a section may have.
const maxName = 200

// Parse reads the haproxy field of a record or of a swarm key. What is wrong
// with one entry leaves that entry out.
func Parse(raw []byte, o Options) (Config, Claims, Report) {
	var r Report
	config, claims := Config{}, Claims{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return config, claims, r
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var top any
	if err := dec.Decode(&top); err != nil {
		r.Problems = append(r.Problems, Problem{Why: "is not JSON: " + err.Error()})
		return config, claims, r
	}
	entries, ok := top.(map[string]any)
	if top != nil && !ok {
		r.Problems = append(r.Problems, Problem{Why: "is not a mapping of names to frontends and backends"})
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e, found := Read(name, entries[name], o)
		if len(found.Problems) == 0 {
			more := config.Add(name, e, &claims)
			found.Problems, found.Warnings = more.Problems, append(found.Warnings, more.Warnings...)
		}
		r.Problems, r.Warnings = append(r.Problems, found.Problems...), append(r.Warnings, found.Warnings...)
	}
	config.Finish(&claims)
	return config, claims, r
}

// Read reads the value of one name. With a problem the entry is only what could
// be read of it. Key paths begin with the name.
func Read(name string, value any, o Options) (Entry, Report) {
	r := reader{options: o}
	e := r.entry(name, value)
	return e, r.Report
}

// reader names what is missing by its key path.
type reader struct {
	Report
	options Options
}

func (r *reader) reject(path, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{Path: path, Why: fmt.Sprintf(format, args...)})
}

func (r *reader) warn(path, format string, args ...any) {
	r.Warnings = append(r.Warnings, Problem{Path: path, Why: fmt.Sprintf(format, args...)})
}

func (r *reader) entry(name string, v any) Entry {
	var e Entry
	m, ok := r.object(name, v, "frontend", "backends")
	if !ok {
		return e
	}
	if len(name) > maxName || !sectionOK.MatchString(name) {
		r.reject(name, "%q is not a name for a section of HAProxy", clip(name))
	}
	if f, given := m["frontend"]; given && !Own(name) {
		e.Frontend = r.frontend(name+".frontend", f)
	} else if !Own(name) {
		r.reject(name+".frontend", "is missing; give mode and bind")
	}
	list, ok := m["backends"].([]any)
	if !ok || len(list) == 0 {
		r.reject(name+".backends", "is missing; list at least one backend")
	}
	for i, b := range list {
		e.Backends = append(e.Backends, r.backend(name, fmt.Sprintf("%s.backends[%d]", name, i), b))
	}
	return e
}

func (r *reader) frontend(path string, v any) *Frontend {
	m, ok := r.object(path, v, "mode", "bind", "options")
	if !ok {
		return nil
	}
	f := &Frontend{Mode: r.text(path+".mode", m["mode"]), Options: r.optionLines(path+".options", m["options"], front)}
	if f.Mode != "tcp" && f.Mode != "http" {
		r.reject(path+".mode", "is missing or neither tcp nor http")
	}
	if f.Bind = r.texts(path+".bind", m["bind"]); len(f.Bind) == 0 {
		r.reject(path+".bind", `is missing; list at least one address such as "*:5432"`)
	}
	for i, b := range f.Bind {
		if why := bind(b); why != "" {
			r.reject(fmt.Sprintf("%s.bind[%d]", path, i), "%s", why)
		}
	}
	return f
}

func (r *reader) backend(entry, path string, v any) Backend {
	m, ok := r.object(path, v, "name", "use_backend_option", "port", "peer_port", "server_option", "options", "ct")
	if !ok {
		return Backend{}
	}
	b := Backend{
		Name:             r.text(path+".name", m["name"]),
		UseBackendOption: r.text(path+".use_backend_option", m["use_backend_option"]),
		Port:             r.port(path+".port", m["port"]),
		ServerOption:     r.text(path+".server_option", m["server_option"]),
		Options:          unique(r.optionLines(path+".options", m["options"], back)),
		Ct:               r.target(path+".ct", m["ct"]),
	}
	if !r.options.Swarm || m["peer_port"] != nil {
		b.PeerPort = r.port(path+".peer_port", m["peer_port"])
	}
	if b.Name != "" && (len(b.Name) > maxName || !sectionOK.MatchString(b.Name)) {
		r.reject(path+".name", "%q is not a name for a section of HAProxy", clip(b.Name))
	}
	if oldOption.MatchString(b.ServerOption) {
		b.ServerOption = oldOption.ReplaceAllStringFunc(b.ServerOption, func(s string) string { return strings.ReplaceAll(s, "_", "-") })
		r.warn(path+".server_option", "send_proxy is taken for send-proxy")
	}
	if why := condition(entry, b.UseBackendOption); why != "" {
		r.reject(path+".use_backend_option", "%s", why)
	}
	if why := server(b.ServerOption); why != "" {
		r.reject(path+".server_option", "%s", why)
	}
	return b
}

// target is the container or swarm service that a backend sends to.
func (r *reader) target(path string, v any) string {
	if r.options.Ct != "" {
		return r.options.Ct
	}
	ct := r.text(path, v)
	switch {
	case ct == "":
		r.reject(path, "is missing; name the container or the swarm service")
	case len(ct) > maxName || !targetOK.MatchString(ct):
		r.reject(path, "%q is not the name of a container or of a swarm service", clip(ct))
	case r.options.Cts != nil && !slices.Contains(r.options.Cts, ct):
		r.reject(path, "%q is not a container of the app; its ct lists them", clip(ct))
	}
	return ct
}

// object checks that v is a mapping and warns of keys that nobody reads.
func (r *reader) object(path string, v any, keys ...string) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		r.reject(path, "is not a mapping")
		return nil, false
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(keys, k) {
			r.warn(path+"."+clip(k), "is not a key that HAPROXY knows; it is ignored")
		}
	}
	return m, true
}

// text is a piece of a line of HAProxy's configuration.
func (r *reader) text(path string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if _, why := line(v); why != "" {
			r.reject(path, "%s", why)
			return ""
		}
		return strings.TrimSpace(v)
	case int, int64, uint64, json.Number:
		return fmt.Sprint(v)
	}
	r.reject(path, "is not a text")
	return ""
}

func (r *reader) texts(path string, v any) []string {
	list, ok := v.([]any)
	if v != nil && !ok {
		r.reject(path, "is not a list")
	}
	var out []string
	for i, e := range list {
		out = append(out, r.text(fmt.Sprintf("%s[%d]", path, i), e))
	}
	return out
}

func (r *reader) optionLines(path string, v any, where place) []string {
	list := r.texts(path, v)
	for i, o := range list {
		if why := option(o, where); why != "" && o != "" {
			r.reject(fmt.Sprintf("%s[%d]", path, i), "%s", why)
		}
	}
	return slices.DeleteFunc(list, func(o string) bool { return o == "" })
}

func (r *reader) port(path string, v any) any {
	n, err := strconv.Atoi(r.text(path, v))
	if err != nil || n < 1 || n > 65535 {
		r.reject(path, "is missing or not a port")
		return nil
	}
	if _, text := v.(string); text {
		return strconv.Itoa(n)
	}
	return n
}
