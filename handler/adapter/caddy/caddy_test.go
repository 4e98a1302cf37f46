package caddy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/adapter/caddy"
	"github.com/mlfmonde/cluster/handler/edge"
)

func TestNew_RefusesWhatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		config caddy.Config
		want   string
	}{
		{caddy.Config{Admin: "unix/run/caddy.sock"}, "whole path"},
		{caddy.Config{Admin: "localhost"}, "neither unix//path nor host:port"},
		{caddy.Config{Admin: "unix//run/caddy.sock", HTTP: "80"}, `listen on "80"`},
	} {
		if _, err := caddy.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want %q", c.config, err, c.want)
		}
	}
}

func TestApply_SaysThatCaddyIsNotThere(t *testing.T) {
	p, err := caddy.New(caddy.Config{Admin: "unix//nonexistent/caddy.sock"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "/nonexistent/caddy.sock") {
		t.Errorf("Apply without Caddy: %v, want the socket named", err)
	}
}

// twenty sites of which the eighth is as given.
func twenty(bad string) []edge.Site {
	var sites []edge.Site
	for i := range 20 {
		s := says(fmt.Sprintf("app%02d", i), fmt.Sprintf("hello %d", i))
		if i == 7 && bad != "" {
			s.Text = bad
		}
		sites = append(sites, s)
	}
	return sites
}

func TestApply_LeavesOutOneBadSiteAmongTwenty(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	client := r.client("")
	for _, c := range []struct{ says, text, want string }{
		{"an unknown directive", "http://app07.example.com {\n\tnonsense x\n}\n", "line 2"},
		{"an unclosed brace", "http://app07.example.com {\n\trespond hello\n", "at line 2"},
		{"every host", "http:// {\n\trespond stolen\n}\n", "every host"},
		{"a port of its own", "http://app07.example.com:8080 {\n\trespond x\n}\n", "listens on :8080"},
		{"options for all of Caddy", "{\n\tdebug\n}\nhttp://app07.example.com {\n\trespond x\n}\n", "holds for all of Caddy"},
		{"a name of Caddy's own", "http://app07.example.com {\n\tvars @id x\n\tvars \"@id\" cluster.marker\n}\n", ""},
		{"what only running shows", "https://app07.example.com {\n\ttls /nonexistent/cert.pem /nonexistent/key.pem\n\trespond x\n}\n", ""},
		{"what only running shows, in a route", "http://app07.example.com {\n\treverse_proxy {\n\t\tdynamic a nowhere 80\n\t\ttransport http {\n\t\t\ttls_client_auth /nonexistent/a /nonexistent/b\n\t\t}\n\t}\n}\n", "/nonexistent"},
	} {
		t.Run(c.says, func(t *testing.T) {
			p := r.publisher()
			left := apply(t, p, twenty(c.text)...)
			if len(left) != 1 || !strings.Contains(left["app07"], c.want) || left["app07"] == "" {
				t.Errorf("left out: %q, want app07 with %q", left, c.want)
			}
			t.Log(left["app07"])
			for _, i := range []int{0, 6, 8, 19} {
				wantBody(t, client, fmt.Sprintf("http://app%02d.example.com/", i), fmt.Sprintf("hello %d", i))
			}
			wantBody(t, client, "https://app08.example.com/", "hello 8")
		})
	}
}

func TestApply_KeepsTheLastGoodVersion(t *testing.T) {
	const unknown, refused = "http://app07.example.com {\n\tnonsense\n}\n", "http://app07.example.com {\n\treverse_proxy nowhere:80 {\n\t\ttransport http {\n\t\t\ttls_client_auth /nonexistent/a /nonexistent/b\n\t\t}\n\t}\n}\n"
	for _, c := range []struct{ says, text string }{{"not adapted", unknown}, {"not run", refused}} {
		t.Run(c.says, func(t *testing.T) {
			r := newCaddy(t, t.TempDir())
			p, client := r.publisher(), r.client("")
			if left := apply(t, p, twenty("")...); len(left) > 0 {
				t.Fatalf("left out: %q", left)
			}
			for _, again := range []*caddy.Publisher{p, p, r.publisher()} { // the last one: the handler was restarted
				sites := twenty(c.text)
				sites[3] = says("app03", "changed")
				if left := apply(t, again, sites...); left["app07"] == "" || len(left) != 1 {
					t.Errorf("left out: %q", left)
				}
				wantBody(t, client, "http://app07.example.com/", "hello 7")
				wantBody(t, client, "https://app07.example.com/", "hello 7")
				wantBody(t, client, "http://app03.example.com/", "changed")
			}
			if left := apply(t, p, twenty("")...); len(left) > 0 {
				t.Errorf("mended, but left out: %q", left)
			}
		})
	}
}

func TestApply_LoadsNothingWithoutAChange(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	apply(t, p, twenty("")...)
	marker, err := p.Running(t.Context())
	if err != nil || marker == "" {
		t.Fatalf("marker: %q, %v", marker, err)
	}
	// A stranger's field is lost by any load of what the publisher knows.
	counted := count(r, func() { apply(t, p, twenty("")...); apply(t, r.publisher(), twenty("")...) })
	if counted != 0 {
		t.Errorf("%d loads without a change", counted)
	}
	if counted := count(r, func() { apply(t, p, twenty("http://app07.example.com {\n\trespond new\n}\n")...) }); counted != 1 {
		t.Errorf("%d loads for one change", counted)
	}
	if now, err := p.Running(t.Context()); err != nil || now == marker {
		t.Errorf("marker after a change: %q, %v", now, err)
	}
}

// count is how often Caddy loads a configuration during f, by its own figures.
func count(r *real, f func()) int {
	loads := func() (n int) {
		text, err := r.config("/metrics")
		if err != nil {
			r.t.Fatal(err)
		}
		for line := range strings.SplitSeq(text, "\n") {
			var v int
			if strings.HasPrefix(line, "caddy_admin_http_requests_total{") && strings.Contains(line, `path="/config/"`) && strings.Contains(line, `method="POST"`) {
				if _, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &v); err != nil {
					r.t.Fatal(err)
				}
				n += v
			}
		}
		return n
	}
	before := loads()
	f()
	return loads() - before
}

func TestApply_RebuildsARestartedCaddy(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	apply(t, p, twenty("")...)
	r.stop()
	if _, err := p.Running(t.Context()); err == nil {
		t.Error("a dead Caddy has a marker")
	}
	r.start()
	if marker, err := p.Running(t.Context()); err != nil || marker != "" {
		t.Errorf("a restarted Caddy has the marker %q, %v", marker, err)
	}
	apply(t, p, twenty("")...)
	wantBody(t, r.client(""), "https://app19.example.com/", "hello 19")
	apply(t, p, twenty("")[:1]...)
	if status, _, err := get(r.client(""), "http://app19.example.com/"); err != nil || status != 503 && status != 308 {
		t.Errorf("an app that is gone answers %d, %v", status, err)
	}
}

func TestApply_KeepsWhatIsTheOperators(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	apply(t, p, twenty("")...)
	own := freeAddress(t)
	for _, write := range []struct{ path, body string }{
		{"/config/apps/http/servers/mine", fmt.Sprintf(`{"listen":[%q],"routes":[{"handle":[{"handler":"static_response","body":"mine"}]}]}`, own)},
		{"/config/logging/logs/mine", `{"level":"ERROR","include":["mine"]}`},
	} {
		if _, err := r.ask("POST", write.path, write.body); err != nil {
			t.Fatal(err)
		}
	}
	sites := twenty("https://app07.example.com {\n\ttls internal\n\tlog {\n\t\toutput discard\n\t}\n\trespond new\n}\n")
	for i := range 2 {
		if left := apply(t, p, sites...); len(left) > 0 {
			t.Fatalf("left out: %q", left)
		}
		wantBody(t, r.client(""), "https://app07.example.com/", "new")
		if body, err := r.config("/config/"); err != nil || !json.Valid([]byte(body)) {
			t.Error(body, err)
		} else {
			for _, want := range []string{`"mine":{"include":["mine"]`, `"mine":{"listen"`, `"storage":{"module":"file_system"`, `"persist":false`, `"level":"ERROR"`, `"install_trust":false`, `{"issuers":[{"module":"internal"}]}]`} {
				if !strings.Contains(body, want) {
					t.Errorf("the configuration has lost %s", want)
				}
			}
			if n := strings.Count(body, `"exclude":["http.log.access.cluster_`); n != 1-i {
				t.Errorf("%d default logs leave the access log out", n)
			}
		}
		sites[7] = says("app07", "new")
	}
	if body, err := r.config("/config/logging/logs"); err != nil || strings.Contains(body, "cluster_") {
		t.Errorf("a log that nobody asks for any more: %s, %v", body, err)
	}
}

func TestApply_LosesNoWriteOfSomebodyElse(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	strangers := 0
	between := r.between(func(q *http.Request) {
		if q.Method == http.MethodPost && q.URL.Path == "/config/" && strangers < 3 {
			strangers++
			if _, err := r.ask("POST", "/config/apps/http/servers/mine", fmt.Sprintf(`{"listen":[%q],"idle_timeout":%d}`, freeAddress(t), strangers)); err != nil {
				t.Error(err)
			}
		}
	})
	p, err := caddy.New(caddy.Config{Admin: between, HTTP: r.http, HTTPS: r.https})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask("POST", "/config/apps/http", `{"servers":{}}`); err != nil {
		t.Fatal(err)
	}
	if left := apply(t, p, says("one", "hello")); len(left) > 0 {
		t.Errorf("left out: %q", left)
	}
	wantBody(t, r.client(""), "http://one.example.com/", "hello")
	body, err := r.config("/config/apps/http/servers/mine")
	if err != nil || !strings.Contains(body, `"idle_timeout":3`) || strangers != 3 {
		t.Errorf("after %d writes of somebody else his last one is %s, %v", strangers, body, err)
	}
}
