package edge

import (
	"crypto/sha256"
	_ "embed" // the template that stands where no operator gives one
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

//go:embed haproxy.cfg.tmpl
var embedded string

// Template is the static part of HAProxy's configuration, and where that of the
// apps goes. The fields are what the machine is like; change them before use.
type Template struct {
	Socket   string // HAProxy's runtime socket, as HAProxy sees it
	Resolver string // DNS server that knows containers: address:port
	Caddy    string // name or address of this node's Caddy, as HAProxy sees it
	Swarm    string // name of the proxy of swarm services

	text *template.Template
}

// static is what a template may show.
type static struct {
	Node     string   // this node
	Peers    []string // addresses of the other nodes
	Socket   string   // path of the runtime socket
	Resolver string   // DNS server for names of containers
	Loop     string   // address by which https-in hands requests to http-in
	Digest   string   // what the running process is known by
	HTTPS    string   // lines of the apps in the frontend https-in
	HTTP     string   // lines of the apps in the frontend http-in
	Sections string   // frontends and backends of the apps
}

// DefaultTemplate is the embedded template.
func DefaultTemplate() *Template {
	t, _ := NewTemplate(embedded) // a test reads it
	return t
}

// DefaultTemplateText is the embedded template for an operator to begin with.
func DefaultTemplateText() string { return embedded }

// NewTemplate reads a template in the syntax of text/template. It must show what
// the handler needs: Digest in the description of global, Socket, and the apps'
// HTTPS, HTTP and Sections.
func NewTemplate(text string) (*Template, error) {
	parsed, err := template.New("haproxy.cfg.tmpl").Option("missingkey=error").Funcs(template.FuncMap{"join": strings.Join}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the template of HAProxy: %w", err)
	}
	t := &Template{Socket: "/run/cluster/edge/haproxy.sock", Resolver: "127.0.0.11:53", Caddy: "caddy", Swarm: "swarm_reverse", text: parsed}
	sample := static{Node: "node1", Peers: []string{"192.0.2.2"}, Socket: "<socket>", Resolver: "<resolver>", Loop: "<loop>", Digest: mark,
		HTTPS: "<https>\n", HTTP: "<http>\n", Sections: "<sections>\n"}
	var out strings.Builder
	if err := parsed.Execute(&out, sample); err != nil {
		return nil, fmt.Errorf("try the template of HAProxy: %w", err)
	}
	for _, need := range [][2]string{{"Socket", sample.Socket}, {"HTTPS", "\n<https>\n"}, {"HTTP", "\n<http>\n"}, {"Sections", "\n<sections>\n"}} {
		if strings.Count(out.String(), need[1]) != 1 {
			return nil, fmt.Errorf("the template of HAProxy must show {{ .%s }} once, on a line of its own where it is lines", need[0])
		}
	}
	if !described.MatchString(out.String()) {
		return nil, fmt.Errorf("the template of HAProxy must say description {{ .Digest }} in global: by that the running process is known")
	}
	return t, nil
}

// mark stands for the digest until the rest of the text is known.
const mark = "cluster-edge-00000000000000000000000000000000"

var described = regexp.MustCompile(`(?m)^[ \t]+description[ \t]+(cluster-edge-[0-9a-f]{32})[ \t]*$`)

// Digest finds what a configuration is known by: HAProxy shows it as its
// description on the runtime socket. "" when the text has none.
func Digest(config []byte) string {
	m := described.FindSubmatch(config)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// fill is the whole configuration with its digest.
func (t *Template) fill(s static) []byte {
	s.Socket, s.Resolver, s.Digest = t.Socket, t.Resolver, mark
	var out strings.Builder
	out.Grow(len(s.HTTPS) + len(s.HTTP) + len(s.Sections) + 8<<10)
	if err := t.text.Execute(&out, s); err != nil {
		return nil // NewTemplate has tried it; nothing is never taken for a configuration
	}
	text := out.String()
	sum := sha256.Sum256([]byte(text))
	at := described.FindStringSubmatchIndex(text)
	if at == nil {
		return []byte(text)
	}
	return []byte(text[:at[2]] + "cluster-edge-" + hex.EncodeToString(sum[:16]) + text[at[3]:])
}
