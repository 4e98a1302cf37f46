package edge_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// record is a key of the KV with a record on n1.
func record(t testing.TB, name string, change func(*app.Record)) edge.Pair {
	t.Helper()
	r := app.Record{IP: "10.0.0.1", Master: "n1", Ct: map[string]string{"web": name + "-web-1"}, HAProxy: json.RawMessage("{}")}
	change(&r)
	value, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return edge.Pair{Key: "app/" + name, Value: value}
}

var (
	header = regexp.MustCompile(`^(frontend|backend) (https-|http-|front-|backend-|swarm-front-|swarm-backend-)[A-Za-z0-9_.:-]+$`)
	routed = regexp.MustCompile(`^    use_backend https?-[A-Za-z0-9_.:-]+ if .*\S$`)
	server = regexp.MustCompile(`^    server \S+ \S+:\d+( \S+)*$`)
)

// shape says what is wrong with the structure of a part: every line of it has to
// be one that the renderer begins, whatever the values in it are.
func shape(p edge.Part) string {
	if strings.ContainsFunc(p.Text(), func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }) {
		return "a control character"
	}
	for _, l := range strings.Split(strings.TrimSuffix(p.HTTPS+p.HTTP, "\n"), "\n") {
		if l != "" && !strings.HasPrefix(l, "    # ") && !routed.MatchString(l) {
			return fmt.Sprintf("in a frontend of all: %q", l)
		}
	}
	seen, servers, within := map[string]bool{}, 0, ""
	for _, l := range strings.Split(p.Sections, "\n") {
		switch {
		case l == "":
		case header.MatchString(l):
			if seen[l] {
				return fmt.Sprintf("%q is there twice", l)
			}
			seen[l], within = true, l
			if strings.HasPrefix(l, "backend") {
				servers--
			}
		case !strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "     ") || within == "":
			return fmt.Sprintf("a line at a place of its own: %q", l)
		case server.MatchString(l):
			servers++
		}
	}
	if servers != 0 {
		return "not one server in each backend"
	}
	return ""
}

func TestHAProxy_HostileValues(t *testing.T) {
	const good = `{"x": {"frontend": {"mode": "tcp", "bind": ["*:5000"], "options": ["option tcplog"]}, "backends": [{"name": "x", "port": 1, "peer_port": 2, "ct": "evil-web-1", "use_backend_option": "if TRUE", "server_option": "check", "options": ["option tcp-check"]}]}}`
	for _, value := range []string{"x\nfrontend evil", "x\r\nbind *:1", "x\x00y", "x # y", `x \`, `"x`, `x "${HOME}"`, "'", "\u2028bind *:1", strings.Repeat("a ", 5000), "stats enable", "lua.f", "é", "x}", "{", "\tx", "%[env(A)]"} {
		for _, old := range []string{`"x": {"frontend"`, `"tcp"`, `"*:5000"`, `"option tcplog"`, `"name": "x"`, `"port": 1`, `"port": 2`, `"evil-web-1"`, `"if TRUE"`, `"check"`, `"option tcp-check"`} {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			at := strings.LastIndex(old, ": ")
			replaced := string(text)
			switch {
			case strings.HasPrefix(old, `"x":`):
				replaced += `: {"frontend"`
			case at > 0:
				replaced = old[:at+2] + replaced
			}
			raw := strings.Replace(good, old, replaced, 1)
			pairs := []edge.Pair{
				record(t, "evil", func(r *app.Record) { r.Domains, r.Master = []string{"evil.example.com"}, value }),
				record(t, "evil", func(r *app.Record) {
					r.HAProxy, r.Domains, r.Master, r.IP = json.RawMessage(raw), []string{value}, value, value
				}),
				record(t, "evil", func(r *app.Record) { r.HAProxy, r.Domains = json.RawMessage(raw), []string{value, "evil.example.com"} }),
				record(t, "fine", func(r *app.Record) { r.Domains = []string{"fine.example.com"} }),
			}
			for _, set := range [][]edge.Pair{{pairs[0], pairs[3]}, {pairs[1], pairs[3]}, {pairs[2], pairs[3]}, {{Key: "app/" + value, Value: pairs[2].Value}, pairs[3]}, {{Key: "swarm/" + value, Value: fmt.Appendf(nil, `{"haproxy": %s}`, raw)}, pairs[3]}} {
				p, _ := edge.HAProxy(edge.Read(set), "n1", nil)
				if !slices.ContainsFunc(p.Parts, func(p edge.Part) bool { return p.App == "fine" && p.Whole }) {
					t.Fatalf("%q for %s: the other app is gone", value, old)
				}
				for _, part := range p.Parts {
					if why := shape(part); why != "" {
						t.Fatalf("%q for %s: %s\n%s", value, old, why, part.Text())
					}
				}
			}
		}
	}
}

// Whatever the values are, what is taken of them has the shape of a part, and
// no two parts have a section of one name.
func FuzzHAProxy_Shape(f *testing.F) {
	f.Add("x", "*:5000", "option tcplog", "if { src 10.0.0.0/8 }", "send_proxy check", "tcp-check send PING\\r\\n", "a.example.com", "10.0.0.1")
	f.Add("http-in", "[::1]:1-9 v6only", `http-request set-header X 'a "b"'`, "if { hdr(host) -i a.b } or !{ path /x } { hdr(host) c.d }", "ssl verify none sni str(x)", "option httpchk", "*.b.c:80", "::1")
	f.Add("https-in", "", "", "if { req_ssl_sni -m end .a }", "resolvers dns", "stick-table type ip size 10k", "", "x")
	f.Fuzz(func(t *testing.T, name, bind, option, use, server, more, domain, ip string) {
		entry, err := json.Marshal(map[string]any{name: map[string]any{
			"frontend": map[string]any{"mode": "tcp", "bind": []string{bind}, "options": []string{option}},
			"backends": []any{
				map[string]any{"name": more, "port": 1, "peer_port": 2, "ct": "a", "use_backend_option": use, "server_option": server},
				map[string]any{"port": 1, "peer_port": 1443, "ct": "a", "use_backend_option": use, "options": []string{more, option}},
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		rec := func(name, master string) edge.Pair {
			return record(t, name, func(r *app.Record) {
				r.HAProxy, r.Domains, r.IP, r.Master, r.Ct = entry, []string{domain}, ip, master, map[string]string{"web": "a"}
			})
		}
		pairs := []edge.Pair{rec("one", "n1"), rec("two", "n2"), {Key: "swarm/three", Value: fmt.Appendf(nil, `{"haproxy": %s}`, entry)}}
		p, _ := edge.HAProxy(edge.Read(pairs), "n1", nil)
		all := map[string]bool{}
		for _, part := range p.Parts {
			if why := shape(part); why != "" {
				t.Fatalf("%s\n%s", why, part.Text())
			}
			for _, l := range strings.Split(part.Sections, "\n") {
				if header.MatchString(l) && all[l] {
					t.Fatalf("%q is there in two parts", l)
				}
				all[l] = true
			}
		}
	})
}

func TestHAProxy_TenThousandDomains(t *testing.T) {
	var domains []string
	for i := range 10_000 {
		domains = append(domains, fmt.Sprintf("d%d.example.com", i))
	}
	pairs := []edge.Pair{
		record(t, "many", func(r *app.Record) { r.Domains = domains }),
		record(t, "one", func(r *app.Record) { r.Domains = []string{"one.example.com", "d9999.example.com"} }),
	}
	p, faults := edge.HAProxy(edge.Read(pairs), "n1", nil)
	if n := strings.Count(string(p.Text(nil)), "\n    use_backend https-"); n != 10_001 {
		t.Errorf("%d lines for 10,001 domains", n)
	}
	if len(faults) != 1 || faults[0].App != "one" {
		t.Errorf("faults %v", faults)
	}
}
