package inspect_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/inspect"
)

// env is a service on the cluster's network with one variable of several lines.
func env(t testing.TB, name, text string) inspect.Input {
	return with(t, shared+"    environment:\n      "+name+": |\n        "+strings.ReplaceAll(text, "\n", "\n        ")+"\n")
}

func TestCaddyfile_Addresses(t *testing.T) {
	for text, want := range map[string]string{
		"http://a.example.com {\n}":                                                                                  "http://a.example.com",
		"http://a.example.com https://a.example.com {\n}":                                                            "http://a.example.com, https://a.example.com",
		"http://a.example.com, http://b.example.com,\nhttp://c.d {\n}":                                               "http://a.example.com, http://b.example.com, http://c.d",
		"# it's a comment {\nhttp://a.b { # why\n log / stdout \"{combined} {\" # x\n}":                              "http://a.b",
		"http://a.b {\n header / X \"two {words}\"\n}":                                                               "",
		"http://a.b {\n header / X \"two words\"\n}\nhttp://C.d:8080/x {\n\n}":                                       "http://a.b, http://c.d:8080/x",
		"http://a.b {\n\thandle /x {\n\t\treverse_proxy $CONTAINER:80 {\n\t\t\theader_up Host {host}\n\t\t}\n\t}\n}": "http://a.b",
		"http://a.b {\r\n proxy / $CONTAINER:80\r\n}":                                                                "http://a.b",
		"http://*.example.com {\n}":                                                                                  "http://*.example.com",
	} {
		r := inspect.Inspect(env(t, "CADDYFILE", text))
		if want == "" {
			refused(t, r, "docker-compose.yml:10 services.web.environment.CADDYFILE", "{words} is not a placeholder")
			continue
		}
		accepted(t, r)
		if r.Record.URLs != want {
			t.Errorf("%q gives %q, want %q", text, r.Record.URLs, want)
		}
	}
}

// Each error names the line of the file: the text begins at line 8.
func TestCaddyfile_Errors(t *testing.T) {
	for text, want := range map[string][2]string{
		"http://a.b{\n}":                                   {"docker-compose.yml:9", "a space is missing"},
		"http://a.b\n{\n}":                                 {":9", "needs an opening brace at the end of its line"},
		"http://a.b { root / }":                            {":9", "stand alone"},
		"http://a.b {\n} http://c.d {\n}":                  {":10", "stand alone"},
		"http://a.b {\n root /":                            {"", "not closed"},
		"http://a.b {\n}\n}":                               {":11", "too many"},
		"http://a.b {\n log \"x\n}":                        {":10", "quote is not closed"},
		"(snippet) {\n}":                                   {":9", "snippets"},
		"import /etc/hosts":                                {":9", "import reads another file"},
		"import /etc/hosts {\n}":                           {":9", "import reads another file"},
		"{\n debug\n}":                                     {":9", "no address"},
		"http://a.b {\n respond <<EOF\n x\n EOF\n}":        {":10", "heredocs"},
		"a.example.com {\n}":                               {":9", `"a.example.com" has no domain`},
		":80 {\n}":                                         {":9", `":80" has no domain`},
		"http:// {\n}":                                     {":9", `"http://" has no domain`},
		"http:///x {\n}":                                   {":9", "has no domain"},
		"ftp://a.b {\n}":                                   {":9", "neither http:// nor https://"},
		"http://u:p@a.b {\n}":                              {":9", "a domain, a port and a path only"},
		"http://a_b.é {\n}":                                {":9", "is not a domain"},
		"http://a.b:99999 {\n}":                            {":9", "is not a port"},
		"http://{$DOMAIN} {\n}":                            {":9", "is not a URL"},
		"http://a.b {\n proxy / db:5432\n}":                {":10", `"db" is not a container of the app; write http://$CONTAINER:80`},
		"http://a.b {\n proxy / $CONTAINER:80\n browse\n}": {":11", "browse of Caddy v1 is not translated; write file_server browse in v2"},
		"http://a.b, HTTP://a.b {\n}":                      {":9", "there twice"},
		"http://a.b {\n}\nhttp://c.d, http://a.b {\n}":     {":11", "there twice"},
	} {
		r := inspect.Inspect(env(t, "CADDYFILE", text))
		refused(t, r, want[0], want[1])
		refused(t, r, "services.web.environment.CADDYFILE", want[1])
	}
	in := with(t, shared+"    environment:\n      CADDYFILE: \"http://a.b {\\n log \\u0007\\n}\"\n")
	refused(t, inspect.Inspect(in), "docker-compose.yml:8 services.web.environment.CADDYFILE", "control character")
}

func TestRoutes_OverServices(t *testing.T) {
	in := with(t, `
services:
  zeta:
    image: nginx
    networks: [cluster_default]
    environment:
      - "CADDYFILE=https://B.example.com, http://a.example.com:8080 {\n}"
      - CONSUL_CHECK_URLS=["http://a.example.com/up", "", "https://B.example.com"]
  alpha:
    image: nginx
    networks: [cluster_default]
    environment:
      CADDYFILE: "http://a.example.com {\n  proxy / $CONTAINER:80\n}\n"
      CONSUL_CHECK_URLS: |
        - http://a.example.com/up
networks:
  cluster_default: {external: true}
`)
	r := inspect.Inspect(in)
	accepted(t, r)
	rec := r.Record
	for _, want := range []string{"https://b.example.com, http://a.example.com:8080 {\n", "\n}\nhttp://a.example.com {\n", "    reverse_proxy shopmaster45d3e-alpha-1:80 {\n"} {
		if !strings.Contains(rec.Caddyfile, want) {
			t.Errorf("no %q in the caddyfile %q", want, rec.Caddyfile)
		}
	}
	if want := "https://b.example.com, http://a.example.com:8080, http://a.example.com"; rec.URLs != want {
		t.Errorf("urls %q", rec.URLs)
	}
	if want := []string{"a.example.com", "a.example.com:8080", "b.example.com"}; !slices.Equal(rec.Domains, want) {
		t.Errorf("domains %q", rec.Domains)
	}
	if want := []string{"https://b.example.com", "http://a.example.com:8080", "http://a.example.com", "http://a.example.com/up", "https://B.example.com"}; !slices.Equal(rec.Release.Checks, want) {
		t.Errorf("checks %q", rec.Release.Checks)
	}
}

func TestChecks_URLs(t *testing.T) {
	for text, why := range map[string]string{
		"http://x.y":             `write ["http://app.example.com/health"]`,
		"{a: b}":                 "is not a list",
		"- ftp://x.y":            "not an http:// or https:// URL",
		"- 12":                   "not an http:// or https:// URL",
		"- 'http://u:p@x.y'":     "not an http:// or https:// URL",
		"- \"http://x.y\\nfoo\"": "not an http:// or https:// URL",
		"[":                      "did not find expected",
	} {
		refused(t, inspect.Inspect(env(t, "CONSUL_CHECK_URLS", text)), "services.web.environment.CONSUL_CHECK_URLS", why)
	}
}

func TestHAProxy_Aggregation(t *testing.T) {
	in := with(t, `
networks: {cluster_default: {external: true}}
services:
  b:
    image: nginx
    networks: [cluster_default]
    environment:
      HAPROXY: |
        sql:
          frontend: {mode: tcp, bind: ["*:5433", "*:5432"], options: [option tcplog, maxconn 9, option tcplog]}
          backends:
            - {name: one, port: 5432, peer_port: "5432", server_option: send_proxy check, options: [option tcp-check, option tcp-check]}
        https-in:
          frontend: {mode: ignored}
          backends:
            - {name: raw, use_backend_option: "if { req_ssl_sni -i raw.example.com }", port: 443, peer_port: 1443, ct: forged}
  a:
    image: nginx
    networks: [cluster_default]
    environment:
      HAPROXY: '{"sql": {"frontend": {"mode": "http", "bind": ["*:5432", "*:1234"], "options": ["timeout client 1h", "maxconn 9"]}, "backends": [{"port": 1, "peer_port": 2, "server_option": "send_proxy_v2"}]}}'
`)
	r := inspect.Inspect(in)
	accepted(t, r)
	want := `{"https-in":{"backends":[{"name":"raw","use_backend_option":"if { req_ssl_sni -i raw.example.com }","port":443,"peer_port":1443,"ct":"shopmaster45d3e-b-1"}]},` +
		`"sql":{"frontend":{"mode":"tcp","bind":["*:1234","*:5432","*:5433"],"options":["option tcplog","maxconn 9","timeout client 1h"]},"backends":[` +
		`{"name":"one","port":5432,"peer_port":"5432","server_option":"send-proxy check","options":["option tcp-check"],"ct":"shopmaster45d3e-b-1"},` +
		`{"port":1,"peer_port":2,"server_option":"send-proxy-v2","ct":"shopmaster45d3e-a-1"}]}}`
	if got := string(r.Record.HAProxy); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	warnings := strings.Join(r.Warnings, "\n")
	for _, w := range []string{"send_proxy is taken for send-proxy", "http is ignored, an earlier service says tcp"} {
		if !strings.Contains(warnings, w) {
			t.Errorf("no warning %q in %q", w, r.Warnings)
		}
	}
}

func TestHAProxy_Errors(t *testing.T) {
	backends := `"backends": [{"name": "n", "port": 1, "peer_port": 1}]`
	tcp := `"frontend": {"mode": "tcp", "bind": ["*:5432"]}`
	for text, want := range map[string][2]string{
		"[1]":                       {"HAPROXY", "not a mapping"},
		`{"a": 1}`:                  {"HAPROXY.a", "not a mapping"},
		`{"a": {` + backends + `}}`: {"HAPROXY.a.frontend", "is missing"},
		`{"a": {` + tcp + `}}`:      {"HAPROXY.a.backends", "is missing"},
		`{"http-in": {}}`:           {"HAPROXY.http-in.backends", "is missing"},
		`{"a": {"frontend": {"bind": ["*:1"]}, ` + backends + `}}`:                                     {"HAPROXY.a.frontend.mode", "tcp nor http"},
		`{"a": {"frontend": {"mode": "tcp"}, ` + backends + `}}`:                                       {"HAPROXY.a.frontend.bind", "is missing"},
		`{"a": {"frontend": {"mode": "tcp", "bind": ["/tmp/s"]}, ` + backends + `}}`:                   {"HAPROXY.a.frontend.bind[0]", "is not an address"},
		`{"a": {"frontend": {"mode": "tcp", "bind": ["*:8500"]}, ` + backends + `}}`:                   {"HAPROXY.a.frontend.bind[0]", "used by Consul"},
		`{"a": {"frontend": {"mode": "tcp", "bind": ["*:1\nx"]}, ` + backends + `}}`:                   {"HAPROXY.a.frontend.bind[0]", "newline"},
		`{"a b": {` + tcp + `, ` + backends + `}}`:                                                     {"HAPROXY.a b", "is not a name"},
		`{"a": {` + tcp + `, "backends": [{"name": "n", "peer_port": 1}]}}`:                            {"HAPROXY.a.backends[0].port", "not a port"},
		`{"a": {` + tcp + `, "backends": [{"name": "n", "port": 1}]}}`:                                 {"HAPROXY.a.backends[0].peer_port", "not a port"},
		`{"a": {` + tcp + `, "backends": [{"name": "n\nx", "port": 1, "peer_port": 1}]}}`:              {"HAPROXY.a.backends[0].name", "newline"},
		`{"a": {` + tcp + `, "backends": [{"name": [1], "port": 1, "peer_port": 1}]}}`:                 {"HAPROXY.a.backends[0].name", "is not a text"},
		`{"a": {` + tcp + `, "backends": [{"port": 1, "peer_port": 1}, {"port": 2, "peer_port": 1}]}}`: {"HAPROXY.a.backends[1].name", "is there twice"},
	} {
		// JSON's \n is kept in the file as two characters
		refused(t, inspect.Inspect(env(t, "HAPROXY", strings.ReplaceAll(text, "\n", `\n`))), "services.web.environment."+want[0], want[1])
	}
	r := inspect.Inspect(env(t, "HAPROXY", "http-in:\n  backends:\n    - {name: a.b, port: 1, peer_port: 1, use_backend_option: 'if { hdr(host) a.b }'}\n  back: 1"))
	accepted(t, r)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "http-in.back is not a key") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestServiceFile(t *testing.T) {
	for text, want := range map[string][2]string{
		`[]`:                           {"service.json", "not a JSON object"},
		`{} {}`:                        {"service.json", "text after"},
		`null`:                         {"service.json", "not a JSON object"},
		`{}`:                           {"service.json Name", "is missing"},
		`{"Name": "consul"}`:           {"service.json Name", "Consul's own"},
		`{"Name": "x", "ID": "other"}`: {"service.json ID", "deregistered"},
		`{"Name": "x", "Connect": {"SidecarService": {}}}`:                                  {"service.json Connect", "not allowed"},
		`{"Name": "x", "check": {"args": ["sh"]}}`:                                          {"service.json check", "not allowed"},
		`{"Name": "x", "Checks": [{"Script": "id", "Interval": "1s"}]}`:                     {"service.json Checks[0].Script", "only HTTP and TCP"},
		`{"Name": "x", "Check": {"HTTP": "http://a", "args": ["id"]}}`:                      {"service.json Check.args", "only HTTP and TCP"},
		`{"Name": "x", "Check": {"HTTP": "file:///etc/passwd"}}`:                            {"service.json Check.HTTP", "URL"},
		`{"Name": "x", "Check": {"TTL": "10s"}}`:                                            {"service.json Check.TTL", "only HTTP and TCP"},
		`{"Name": "x", "Check": {"HTTP": "http://a", "Interval": "soon"}}`:                  {"service.json Check.Interval", "time"},
		`{"Name": "x", "Check": {"DockerContainerID": "c", "Shell": "sh", "Args": ["id"]}}`: {"service.json Check.Shell", "only HTTP and TCP"},
	} {
		in := with(t, ordinary)
		in.Files["service.json"] = []byte(text)
		refused(t, inspect.Inspect(in), want[0], want[1])
	}
	r := inspect.Inspect(checkout(t, "good/gitlab"))
	var body struct {
		Name   string
		Checks []map[string]string
	}
	if err := json.Unmarshal(r.Record.Release.Service, &body); err != nil || body.Name != "gitlab" || body.Checks[1]["TCP"] != "gitlab.example.com:2222" {
		t.Errorf("service %s: %v", r.Record.Release.Service, err)
	}
}
