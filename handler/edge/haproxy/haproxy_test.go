package haproxy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// parse reads one entry, written as JSON.
func parse(t *testing.T, name, entry string) (haproxy.Config, haproxy.Claims, haproxy.Report) {
	t.Helper()
	raw := `{"` + name + `": ` + entry + `}`
	if !json.Valid([]byte(raw)) {
		t.Fatalf("not JSON: %s", raw)
	}
	return haproxy.Parse([]byte(raw), haproxy.Options{})
}

// with is an entry with one value of it replaced.
func with(key, value string) string {
	text, _ := json.Marshal(value)
	fields := map[string]string{
		"frontend": `"option tcplog"`, "backend": `"option tcp-check"`, "bind": `"*:5000"`, "use": `"if TRUE"`, "server": `"check"`,
	}
	fields[key] = string(text)
	return `{"frontend": {"mode": "tcp", "bind": [` + fields["bind"] + `], "options": [` + fields["frontend"] + `]}, "backends": [{"name": "x", "port": 1, "peer_port": 2,
		"ct": "c", "use_backend_option": ` + fields["use"] + `, "server_option": ` + fields["server"] + `, "options": [` + fields["backend"] + `]}]}`
}

func TestOptions_ThatConcernTheAppAlone(t *testing.T) {
	for _, c := range [][2]string{
		{"frontend", "timeout client 1h"}, {"frontend", "option socket-stats"}, {"frontend", "no option dontlognull"}, {"frontend", "maxconn 100"},
		{"frontend", "acl inside src 10.0.0.0/8"}, {"frontend", "tcp-request inspect-delay 5s"}, {"frontend", "tcp-request content reject if !inside"},
		{"frontend", "http-request set-header X-Forwarded-Proto https"}, {"frontend", "http-request return status 200 string 'a b' if { path /env /lua.html }"},
		{"frontend", `log-format "%ci:%cp [%t]"`}, {"frontend", `http-request deny if { path_reg ^/a\.b$ }`}, {"frontend", ""},
		{"backend", "balance source"}, {"backend", `tcp-check send PING\r\n`}, {"backend", "tcp-check expect string +PONG"}, {"backend", "option httpchk GET /health"},
		{"backend", "http-check send meth GET uri /health hdr Host x"}, {"backend", "stick-table type ip size 100k expire 30m"}, {"backend", "timeout server 1h"},
		{"backend", "default-server inter 10s"}, {"backend", "cookie S insert indirect"}, {"backend", "tcp-check connect port 6379"},
		{"bind", "*:5000-5010"}, {"bind", "[::1]:5000 v6only"}, {"bind", ":5000 accept-proxy name x"}, {"bind", "10.0.0.1:5000 maxconn 5"},
		{"use", ""}, {"use", "if { src 10.0.0.0/8 } or { dst_port 5000 }"}, {"use", "unless { src 10.0.0.0/8 }"},
		{"server", "send-proxy-v2 check inter 10s"}, {"server", "ssl verify none sni str(a.b)"}, {"server", "ssl ca-file @system-ca verify required"},
		{"server", "resolvers dns init-addr last,none"}, {"server", ""},
	} {
		if _, _, r := parse(t, "x", with(c[0], c[1])); len(r.Problems)+len(r.Warnings) > 0 {
			t.Errorf("%s %q: %v %v", c[0], c[1], r.Problems, r.Warnings)
		}
	}
}

func TestOptions_ThatReachOutOfTheApp(t *testing.T) {
	for _, c := range [][3]string{
		{"frontend", "frontend evil", "section of its own"}, {"frontend", "backend evil", "section of its own"}, {"frontend", "listen evil", "section of its own"},
		{"backend", "global", "section of its own"}, {"backend", "resolvers x", "section of its own"}, {"frontend", "bind *:80", "belongs into bind"},
		{"backend", "server x 127.0.0.1:1", "written by the cluster"}, {"backend", "dispatch 127.0.0.1:1", "written by the cluster"},
		{"backend", "server-template x 1-9 h:1", "written by the cluster"}, {"frontend", "use_backend http-shop", "written by the cluster"},
		{"frontend", "default_backend http-shop", "written by the cluster"}, {"frontend", "mode http", "belongs into mode"}, {"frontend", "stats enable", "every app"},
		{"frontend", "log 10.0.0.1:514 local0", "log elsewhere"}, {"backend", "option external-check", "not one that apps may set"},
		{"backend", "external-check command /bin/sh", "starts programs"}, {"backend", "option transparent", "not one that apps may set"},
		{"frontend", "errorfile 503 /etc/passwd", "files of the machine"}, {"frontend", "filter spoe config /x", "not a line that apps may add"},
		{"frontend", "http-request lua.f", "not allowed"}, {"frontend", "http-request use-service prometheus-exporter", "not one that apps may take"},
		{"frontend", "http-request return status 200 file /etc/passwd", "file of the machine"}, {"frontend", "http-request set-map(/x) a b", "not one that apps may take"},
		{"frontend", "http-error status 503 errorfile /etc/passwd", "file of the machine"}, {"frontend", "http-request deny if { src -f /etc/passwd }", "-f reads"},
		{"frontend", "acl x path,map(/etc/passwd) -m found", "reads a file"}, {"frontend", "http-request set-header X %[env(HOME)]", "not allowed"},
		{"frontend", `http-request set-header X %[\x65nv(HOME)]`, "not allowed"}, {"frontend", "http-request set-var(proc.x) int(1)", "variable of all apps"},
		{"frontend", `log-format "${HOME}"`, "environment"}, {"frontend", `log-format "$HOME"`, "environment"}, {"frontend", "option tcplog # x", "comment"},
		{"frontend", `option tcplog \`, "ends in a backslash"}, {"frontend", `option "tcplog`, "not closed"}, {"frontend", "option tcplog\nbind *:1", "newline"},
		{"frontend", ".if feature(LUA)", "not a line"}, {"frontend", "tcp-request content lua.f", "not allowed"}, {"frontend", "tcp-request content set-dst ipv4(1.2.3.4)", "not one that apps may take"},
		{"frontend", "balance source", "options of a backend"}, {"backend", "monitor-uri /x", "options of the frontend"}, {"backend", "tcp-check connect addr 169.254.169.254", "another machine"},
		{"backend", "stick-table type ip size 1g", "at most 100k"}, {"backend", "stick-table type ip size 10k peers p", "peers"}, {"backend", "default-server addr 1.2.3.4", "may set"},
		{"backend", "option", "not one that apps may set"}, {"backend", "no timeout", "no option"}, {"frontend", `option tcplog \x00`, "ends a text"},
		{"bind", "*:80", "used by HAProxy"}, {"bind", "*:8400-8510", "used by Consul"}, {"bind", "*:5000 ssl crt /etc/x.pem", "may set"}, {"bind", "/tmp/s", "not an address"},
		{"bind", "*:0", "not an address"}, {"bind", "*:5000,*:5001", "not an address"}, {"bind", "*:1-65535", "not an address"}, {"bind", "*:5000 name", "no value"},
		{"bind", "abns@x", "not an address"}, {"bind", "fd@3", "not an address"}, {"bind", "*:5000 interface eth0", "may set"},
		{"use", "http-shop", "begins with"}, {"use", "if", "no condition"}, {"use", "if { src -f /etc/passwd }", "-f reads"}, {"use", "if { lua.f }", "not allowed"},
		{"server", "addr 1.2.3.4", "may set"}, {"server", "source 1.2.3.4", "may set"}, {"server", "crt /etc/x", "may set"}, {"server", "socks4 1.2.3.4:1", "may set"},
		{"server", "track a/b", "may set"}, {"server", "ca-file /etc/x", "reads a file"}, {"server", "init-addr none,1.2.3.4", "address of its own"},
		{"server", "resolvers other", "the cluster has dns"}, {"server", "check inter", "no value"}, {"server", "agent-check agent-addr 1.2.3.4", "may set"},
	} {
		_, _, r := parse(t, "x", with(c[0], c[1]))
		if len(r.Problems) == 0 || !slices.ContainsFunc(r.Problems, func(p haproxy.Problem) bool { return strings.Contains(p.Error(), c[2]) }) {
			t.Errorf("%s %q: %v, want %q", c[0], c[1], r.Problems, c[2])
		}
	}
}

func TestConditions_OfSharedFrontends(t *testing.T) {
	for _, c := range []struct{ entry, condition, hosts, why string }{
		{"http-in", "if { hdr(host) -i A.example.com b.example.com }", "a.example.com b.example.com", ""},
		{"http-in", "if { path /x } { hdr(host),lower a.example.com:8080 }", "a.example.com:8080", ""},
		{"http-in", "if { req.hdr(host) -m end .example.com } || { hdr_end(host) -i .example.org }", "*.example.com *.example.org", ""},
		{"http-in", "if ! { path /x } { hdr(host) -i -- a.example.com }", "a.example.com", ""},
		{"https-in", "if { req_ssl_sni -i a.example.com }", "a.example.com", ""},
		{"https-in", "if { req.ssl_sni,lower -m str a.example.com }", "a.example.com", ""},
		{"http-in", "", "", "would take the requests of other apps"},
		{"http-in", "unless { hdr(host) -i a.example.com }", "", "would take the requests of other apps"},
		{"http-in", "if TRUE", "", "names no host"},
		{"http-in", "if { path /x }", "", "names no host"},
		{"http-in", "if !{ hdr(host) -i a.example.com }", "", "names no host"},
		{"http-in", "if ! { hdr(host) -i a.example.com }", "", "names no host"},
		{"http-in", "if { hdr(host) -i a.example.com } or TRUE", "", "names no host"},
		{"http-in", "if { hdr(host) -m reg . }", "", "name the hosts"},
		{"http-in", "if { hdr_beg(host) -i a }", "", "name the hosts"},
		{"http-in", "if { hdr(host) -m end com }", "", "name the hosts"},
		{"http-in", "if { hdr(host) -m found }", "", "names no host"},
		{"http-in", "if { hdr(host) -i a.example.com", "", "not closed"},
		{"http-in", "if { req_ssl_sni -i a.example.com }", "", "names no host"},
		{"https-in", "if { hdr(host) -i a.example.com }", "", "names no host"},
	} {
		text, _ := json.Marshal(c.condition)
		_, _, r := parse(t, c.entry, `{"backends": [{"port": 1, "peer_port": 2, "ct": "c", "use_backend_option": `+string(text)+`}]}`)
		if got := strings.Join(haproxy.Hosts(c.entry, c.condition), " "); got != c.hosts {
			t.Errorf("%s %q is for %q, want %q: %v", c.entry, c.condition, got, c.hosts, r.Problems)
		}
		if c.why != "" && (len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Error(), c.why)) {
			t.Errorf("%s %q: %v, want %q", c.entry, c.condition, r.Problems, c.why)
		}
	}
}

func TestParse_TellsEveryProblemAndKeepsTheRest(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`: "is not a mapping", `{`: "is not JSON", `{"x": 1}`: "x is not a mapping", `{"x": {}}`: "x.frontend is missing", `{"x": {"frontend": {}, "backends": {}}}`: "x.backends is missing",
		`{"http-in": {"backends": [{"port": 1, "peer_port": 2, "use_backend_option": "if { hdr(host) a.b }"}]}}`:              "http-in.backends[0].ct is missing",
		`{"http-in": {"backends": [{"port": 1.5, "peer_port": 2, "ct": "c", "use_backend_option": "if { hdr(host) a.b }"}]}}`: "http-in.backends[0].port is missing or not a port",
		`{"http-in": {"backends": [{"port": 1, "peer_port": 2, "ct": "a b", "use_backend_option": "if { hdr(host) a.b }"}]}}`: "not the name of a container",
		`{"x": {"frontend": {"mode": "tcp", "bind": "*:1"}, "backends": [{"port": 1, "peer_port": 1, "ct": "c"}]}}`:           "x.frontend.bind is not a list",
	} {
		_, _, r := haproxy.Parse([]byte(raw), haproxy.Options{})
		if !slices.ContainsFunc(r.Problems, func(p haproxy.Problem) bool { return strings.Contains(p.Error(), want) }) {
			t.Errorf("%s: %v, want %q", raw, r.Problems, want)
		}
	}
	raw := `{"bad": {"frontend": {"mode": "udp"}}, "good": ` + with("use", "") + `}`
	config, _, r := haproxy.Parse([]byte(raw), haproxy.Options{})
	if names := config.Names(); !slices.Equal(names, []string{"good"}) || len(r.Problems) != 3 {
		t.Errorf("%v, %v", names, r.Problems)
	}
	for _, empty := range []string{"", " ", "null", "{}"} {
		if config, _, r := haproxy.Parse([]byte(empty), haproxy.Options{}); len(config) > 0 || len(r.Problems) > 0 {
			t.Errorf("%q: %v, %v", empty, config, r)
		}
	}
}

func TestResolved_AddsOnlyWhatIsNotSaid(t *testing.T) {
	for option, want := range map[string]string{
		"": "resolvers dns check inter 3s", "send-proxy": "send-proxy resolvers dns check inter 3s", "check": "check resolvers dns inter 3s",
		"check inter 1s": "check inter 1s resolvers dns", "resolvers dns check inter 3s": "resolvers dns check inter 3s", "no-check": "no-check resolvers dns",
	} {
		if got := haproxy.Resolved(option); got != want {
			t.Errorf("%q gives %q, want %q", option, got, want)
		}
	}
}

func TestListen_Overlaps(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"*:1000", ":1000"}: true, {"*:1000-1010", "10.0.0.1:1005 accept-proxy"}: true, {"10.0.0.1:1000", "10.0.0.2:1000"}: false, {"[::]:1000", "0.0.0.0:1000"}: true,
		{"[::1]:1000", "[0:0::1]:1000"}: true, {"*:1000", "*:1001"}: false,
	} {
		a, okA := haproxy.ParseListen(pair[0])
		b, okB := haproxy.ParseListen(pair[1])
		if !okA || !okB || a.Overlaps(b) != want || b.Overlaps(a) != want {
			t.Errorf("%q: %v %v, want %v", pair, a, b, want)
		}
	}
}
