package inspect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// spelled is the record of an app with these addresses and this haproxy field.
func spelled(name, urls, haproxy string) app.Record {
	return app.Record{RepoURL: "https://git.example.com/team/" + name, Branch: "master", URLs: urls, HAProxy: json.RawMessage(haproxy)}
}

func in(option string) string {
	text, _ := json.Marshal(option)
	return `{"http-in": {"backends": [{"name": "x", "use_backend_option": ` + string(text) + `}]}}`
}

func bound(lines string) string { return `{"x": {"frontend": {"bind": [` + lines + `]}}}` }

// Two apps cannot have one thing, however they write it: whoever is second is
// told who has it, in both directions.
func TestRival_KnowsEverySpelling(t *testing.T) {
	for _, c := range []struct{ says, mine, theirs, mineProxy, theirProxy string }{
		{"the same", "https://a.example.com", "https://a.example.com", "", ""},
		{"another scheme", "http://a.example.com", "https://a.example.com", "", ""},
		{"no scheme", "a.example.com", "https://a.example.com", "", ""},
		{"upper case", "https://A.Example.COM", "https://a.example.com", "", ""},
		{"a final dot", "https://a.example.com.", "https://a.example.com", "", ""},
		{"the port that http has by itself", "http://a.example.com:80", "http://a.example.com", "", ""},
		{"the port that https has by itself", "https://a.example.com:443/", "https://a.example.com", "", ""},
		{"another port", "https://a.example.com:8443", "https://a.example.com", "", ""},
		{"letters of other scripts", "https://bücher.example.com", "https://xn--bcher-kva.example.com", "", ""},
		{"upper case of them", "https://BÜCHER.example.com", "https://xn--bcher-kva.example.com", "", ""},
		{"nothing but them", "https://例え.テスト", "https://xn--r8jz45g.xn--zckzah", "", ""},
		{"dots of other scripts", "https://a。example。com", "https://a.example.com", "", ""},
		{"a wildcard", "https://*.example.com", "https://a.example.com", "", ""},
		{"two wildcards", "https://*.example.com", "http://*.Example.com", "", ""},
		{"a wildcard of all below", "https://*.example.com", "https://a.b.example.com", "", ""},
		{"a wildcard below a wildcard", "https://*.example.com", "https://*.b.example.com", "", ""},
		{"a condition", "https://a.example.com", "", "", in("if { hdr(host) -i A.example.com }")},
		{"a condition with a port", "https://a.example.com", "", "", in("if { hdr(host) -i a.example.com:80 }")},
		{"the second word of a condition", "https://a.example.com", "", "", in("if { path_beg /x } { hdr(host) b.example.com a.example.com }")},
		{"a condition of TLS", "https://a.example.com", "", "", strings.Replace(in("if { req_ssl_sni -i a.example.com }"), "http-in", "https-in", 1)},
		{"a condition in newer words", "https://a.example.com", "", "", in("if { req.hdr(Host),lower -m str a.example.com }")},
		{"the end of a host", "https://a.example.com", "", "", in("if { hdr(host) -i -m end .example.com }")},
		{"the end of a host, by its old name", "https://a.example.com", "", "", in("if { hdr_end(host) -i .example.com }")},
		{"the end of a host and a wildcard", "https://*.example.com", "", "", in("if { hdr_end(host) -i a.example.com }")},
		{"the beginning of a host", "https://a.example.com", "", "", in("if { hdr_beg(host) a. }")},
		{"labels of a host", "https://a.example.com", "", "", in("if { hdr_dom(host) -i example }")},
		{"a part of a host", "https://a.example.com", "", "", in("if { hdr_sub(host) xampl }")},
		{"an expression", "https://a.example.com", "", "", in(`if { hdr(host) -m reg ^[a-c]\.example\.com$ }`)},
		{"two ends", "", "", in("if { hdr_end(host) .example.com }"), in("if { hdr_end(host) -i .a.Example.com }")},
		{"a bind", "", "", bound(`":2222"`), bound(`"*:2222"`)},
		{"all addresses of a bind", "", "", bound(`"0.0.0.0:2222"`), bound(`"10.0.0.1:2222 accept-proxy"`)},
		{"those of IPv6", "", "", bound(`"[::]:2222"`), bound(`"*:2222"`)},
		{"those of IPv6 without brackets", "", "", bound(`":::2222"`), bound(`"10.0.0.1:2222"`)},
		{"a range", "", "", bound(`"*:2000-3000"`), bound(`":2222"`)},
		{"several in one line", "", "", bound(`":2221,:2222"`), bound(`"ipv4@*:2222"`)},
		{"an address of IPv6 twice", "", "", bound(`"[::1]:2222"`), bound(`"[0:0:0:0:0:0:0:1]:2222"`)},
		{"a frontend", "", "", `{"x": {"backends": []}}`, `{"x": {"backends": []}}`},
		{"the backend that a domain has", "http://x.example.com", "", "", `{"http-in": {"backends": [{"name": "x.example.com"}]}}`},
	} {
		mine, theirs := spelled("shop", c.mine, c.mineProxy), spelled("blog", c.theirs, c.theirProxy)
		for _, pair := range [][2]app.Record{{mine, theirs}, {theirs, mine}} {
			why := inspect.Rival(pair[0], []app.Record{pair[0], pair[1]}, nil)
			if !strings.Contains(why, pair[1].App().Name()+" (") {
				t.Errorf("%s: %q", c.says, why)
			}
			if why := inspect.Rival(pair[0], []app.Record{pair[0]}, nil); why != "" {
				t.Errorf("%s: alone: %s", c.says, why)
			}
		}
	}
}

func TestRival_LeavesNeighboursAlone(t *testing.T) {
	for _, c := range []struct{ says, mine, theirs, mineProxy, theirProxy string }{
		{"another domain", "https://a.example.com", "https://b.example.com", "", ""},
		{"a domain below", "https://a.example.com", "https://www.a.example.com", "", ""},
		{"a wildcard is not its parent", "https://*.example.com", "https://example.com", "", ""},
		{"a condition for others", "https://a.example.com", "", "", in("if { hdr(host) -i b.example.com }")},
		{"what a condition excludes", "https://a.example.com", "", "", in("if { hdr(host) b.example.com } !{ hdr(host) a.example.com }")},
		{"unless", "https://a.example.com", "", "", in("unless { hdr(host) a.example.com }")},
		{"the path", "https://a.example.com", "", "", in("if { hdr(host) b.example.com } { path_beg a.example.com }")},
		{"another end", "https://a.example.com", "", "", in("if { hdr_end(host) b.example.com }")},
		{"ends that do not meet", "", "", in("if { hdr_end(host) .a.com }"), strings.Replace(in("if { hdr_end(host) .b.com }"), `"x"`, `"y"`, 1)},
		{"conditions of a frontend of its own", "https://a.example.com", "", "", `{"z": {"frontend": {"bind": [":9999"]}, "backends": [{"name": "z", "use_backend_option": "if { req_ssl_sni a.example.com }"}]}}`},
		{"another port", "", "", bound(`":2222"`), strings.Replace(bound(`":2223"`), `"x"`, `"y"`, 1)},
		{"another address", "", "", bound(`"10.0.0.1:2222"`), strings.Replace(bound(`"10.0.0.2:2222"`), `"x"`, `"y"`, 1)},
		{"what nobody can read", "https://a.example.com", "%,,://", in("if { hdr(host) -m reg ( }"), bound(`"", "x", ":y", ":9-1"`)},
	} {
		mine, theirs := spelled("shop", c.mine, c.mineProxy), spelled("blog", c.theirs, c.theirProxy)
		if why := inspect.Rival(mine, []app.Record{theirs, mine}, nil); why != "" {
			t.Errorf("%s: %s", c.says, why)
		}
		if why := inspect.Rival(theirs, []app.Record{theirs, mine}, nil); why != "" {
			t.Errorf("%s, the other way: %s", c.says, why)
		}
	}
}

func TestRival_KnowsTheKeysBelowSwarm(t *testing.T) {
	swarm := map[string][]byte{"swarm/s": []byte(`{"domains": ["S.example.com"], "haproxy": {"ssh": {"frontend": {"bind": ["*:2222"]}, "backends": [{"name": "b"}]},
		"http-in": {"backends": [{"name": "w", "use_backend_option": "if { hdr(host) -i w.example.com }"}]}}}`), "swarm/x": []byte(`{"cut`)}
	for _, r := range []app.Record{
		spelled("shop", "https://s.example.com", ""), spelled("shop", "https://*.example.com", ""), spelled("shop", "https://w.example.com", ""),
		spelled("shop", "", bound(`":2222"`)), spelled("shop", "https://swarm-s.example.com", ""), spelled("shop", "", `{"http-in": {"backends": [{"name": "swarm-w"}]}}`),
	} {
		if why := inspect.Rival(r, nil, swarm); !strings.Contains(why, "swarm/s") {
			t.Errorf("%s %s: %q", r.URLs, r.HAProxy, why)
		}
	}
	for _, r := range []app.Record{spelled("shop", "https://example.com", `{"ssh": {"backends": [{"name": "b"}]}}`)} {
		if why := inspect.Rival(r, nil, swarm); why != "" {
			t.Error(why)
		}
	}
}

// Ten thousand domains are compared in a moment.
func TestRival_OfManyDomains(t *testing.T) {
	mine, theirs := spelled("shop", "", ""), spelled("blog", "", "")
	for i := range 10_000 {
		mine.Domains = append(mine.Domains, fmt.Sprintf("a%d.example.com", i))
		theirs.Domains = append(theirs.Domains, fmt.Sprintf("b%d.example.com", i))
	}
	if why := inspect.Rival(mine, []app.Record{theirs}, nil); why != "" {
		t.Error(why)
	}
	theirs.Domains = append(theirs.Domains, "A9999.example.com")
	if why := inspect.Rival(mine, []app.Record{theirs}, nil); !strings.Contains(why, "domain a9999.example.com belongs to blog") {
		t.Error(why)
	}
}

func TestSameClaims_LooksAtWhatIsTaken(t *testing.T) {
	a := spelled("shop", "https://a.example.com, http://a.example.com", bound(`":2222"`))
	b := a
	b.URLs, b.Domains, b.Caddyfile, b.Master, b.Generation = "http://A.example.com:80", []string{"a.example.com"}, "other", "n2", 7
	if !inspect.SameClaims(a, b) {
		t.Error("the same names in another spelling, on another node, are other names")
	}
	for _, c := range []app.Record{
		{}, spelled("shop", "https://a.example.com", ""), spelled("shop", "https://b.example.com", bound(`":2222"`)), spelled("shop", "https://a.example.com", bound(`":2222", ":2223"`)),
	} {
		if inspect.SameClaims(a, c) || inspect.SameClaims(c, a) {
			t.Errorf("%s %s takes the same", c.URLs, c.HAProxy)
		}
	}
	if !inspect.SameClaims(app.Record{}, app.Record{}) {
		t.Error("nothing is not the same as nothing")
	}
}

func TestFrontends_AreHAProxysOwn(t *testing.T) {
	for _, c := range []struct{ text, where, why string }{
		{`http-in: {backends: [{name: in, use_backend_option: "if { hdr(host) -i api.example.com }", port: 80, peer_port: 80}]}`, "HAPROXY.http-in.backends[0].name", "http-in is the name of a section that HAProxy has of its own"},
		{`https-in: {backends: [{name: swarm-x, use_backend_option: "if { req_ssl_sni -i api.example.com }", port: 443, peer_port: 1443}]}`, "HAPROXY.https-in.backends[0].name", "https-swarm-x is a name for keys below swarm/"},
	} {
		refused(t, inspect.Inspect(env(t, "HAPROXY", c.text)), c.where, c.why)
	}
	refused(t, inspect.Inspect(env(t, "CADDYFILE", "http://in {\n  proxy / http://$CONTAINER:80\n}")), "CADDYFILE", "http-in is the name of a section")
}

func TestBind_OnAPortThatIsNotPublished(t *testing.T) {
	in := env(t, "HAPROXY", `ssh: {frontend: {mode: tcp, bind: ["*:2221-2222"]}, backends: [{name: ssh, port: 22, peer_port: 2222}]}`)
	accepted(t, inspect.Inspect(in))
	in.Ports = []int{80, 443, 1443, 2221}
	refused(t, inspect.Inspect(in), "HAPROXY.ssh.frontend.bind", `port 2222 is not published by HAProxy's container; let the operator add it to docker-compose.override.yml (services: {haproxy: {ports: ["2221-2222:2221-2222"]}}) and to --haproxy-ports`)
	in.Ports = append(in.Ports, 2222)
	accepted(t, inspect.Inspect(in))
}
