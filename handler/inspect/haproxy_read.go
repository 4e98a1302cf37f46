package inspect

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// haproxyReader reads entries and names what is missing by its key path.
type haproxyReader struct {
	*judge
	ct string
}

var oldOption = regexp.MustCompile(`\bsend_proxy(_v2)?\b`)

func (r *haproxyReader) conf(path, name string, v any) conf {
	var c conf
	m, ok := r.object(path, v, "frontend", "backends")
	if !ok {
		return c
	}
	if !sectionOK.MatchString(name) {
		r.reject(path, 0, "%q is not a name for a section of HAProxy", clip(name))
	}
	if f, given := m["frontend"]; given && !own(name) {
		c.Frontend = r.frontend(path+".frontend", f)
	} else if !own(name) {
		r.reject(path+".frontend", 0, "is missing; give mode and bind")
	}
	list, ok := m["backends"].([]any)
	if !ok || len(list) == 0 {
		r.reject(path+".backends", 0, "is missing; list at least one backend")
	}
	for i, b := range list {
		c.Backends = append(c.Backends, r.backend(fmt.Sprintf("%s.backends[%d]", path, i), b))
	}
	return c
}

func (r *haproxyReader) frontend(path string, v any) *frontend {
	m, ok := r.object(path, v, "mode", "bind", "options")
	if !ok {
		return nil
	}
	f := &frontend{Mode: r.text(path+".mode", m["mode"]), Options: r.texts(path+".options", m["options"])}
	if f.Mode != "tcp" && f.Mode != "http" {
		r.reject(path+".mode", 0, "is missing or neither tcp nor http")
	}
	if f.Bind = r.texts(path+".bind", m["bind"]); len(f.Bind) == 0 {
		r.reject(path+".bind", 0, `is missing; list at least one address such as "*:5432"`)
	}
	for i, b := range f.Bind {
		r.bind(fmt.Sprintf("%s.bind[%d]", path, i), b)
	}
	return f
}

func (r *haproxyReader) bind(path, text string) {
	_, from, to, ok := listen(text)
	if !ok {
		r.reject(path, 0, `%q is not an address and a port, such as "*:5432"`, clip(text))
		return
	}
	for n := from; n <= to; n++ {
		if who := taken(n); who != "" {
			r.refuse(path, "port %d is used by %s on every node", n, who)
			return
		}
	}
}

var listenOK = regexp.MustCompile(`^((?:[0-9.]+|\*|\[[0-9a-fA-F:]*\]|::)?):(\d+(?:-\d+)?)$`)

// listen reads the address of a bind line: host and ports.
func listen(text string) (host string, from, to int, ok bool) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "", 0, 0, false
	}
	m := listenOK.FindStringSubmatch(fields[0])
	if m == nil {
		return "", 0, 0, false
	}
	from, to, ok = portSpan(m[2])
	return m[1], from, to, ok && from > 0
}

func (r *haproxyReader) backend(path string, v any) backend {
	m, ok := r.object(path, v, "name", "use_backend_option", "port", "peer_port", "server_option", "options", "ct")
	if !ok {
		return backend{}
	}
	b := backend{
		Name:             r.text(path+".name", m["name"]),
		UseBackendOption: r.text(path+".use_backend_option", m["use_backend_option"]),
		Port:             r.port(path+".port", m["port"]),
		PeerPort:         r.port(path+".peer_port", m["peer_port"]),
		ServerOption:     r.text(path+".server_option", m["server_option"]),
		Options:          unique(r.texts(path+".options", m["options"])),
		Ct:               r.ct,
	}
	if b.Name != "" && !sectionOK.MatchString(b.Name) {
		r.reject(path+".name", 0, "%q is not a name for a section of HAProxy", clip(b.Name))
	}
	if oldOption.MatchString(b.ServerOption) {
		b.ServerOption = oldOption.ReplaceAllStringFunc(b.ServerOption, func(s string) string { return strings.ReplaceAll(s, "_", "-") })
		r.warn("%s.server_option: send_proxy is taken for send-proxy", path)
	}
	return b
}

// object checks that v is a mapping and warns of keys that nobody reads.
func (r *haproxyReader) object(path string, v any, keys ...string) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		r.reject(path, 0, "is not a mapping")
		return nil, false
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(keys, k) {
			r.warn("%s.%s is not a key that HAPROXY knows; it is ignored", path, clip(k))
		}
	}
	return m, true
}

// text is a line of HAProxy's configuration: a newline in it would begin another.
func (r *haproxyReader) text(path string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.reject(path, 0, "holds a newline or another control character")
		}
		return v
	case int, int64, uint64:
		return fmt.Sprint(v)
	}
	r.reject(path, 0, "is not a text")
	return ""
}

func (r *haproxyReader) texts(path string, v any) []string {
	list, ok := v.([]any)
	if v != nil && !ok {
		r.reject(path, 0, "is not a list")
	}
	var out []string
	for i, e := range list {
		out = append(out, r.text(fmt.Sprintf("%s[%d]", path, i), e))
	}
	return out
}

func (r *haproxyReader) port(path string, v any) any {
	n, err := strconv.Atoi(r.text(path, v))
	if err != nil || n < 1 || n > 65535 {
		r.reject(path, 0, "is missing or not a port")
		return nil
	}
	if _, text := v.(string); text {
		return v
	}
	return n
}
