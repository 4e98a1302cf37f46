package edge_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// serving is an app on n1 whose text is of its own domain unless it says else.
func serving(t testing.TB, name string, change func(*app.Record)) edge.Pair {
	return record(t, name, func(r *app.Record) {
		r.Domains, r.URLs = []string{name + ".example.com"}, fmt.Sprintf("https://%[1]s.example.com, http://%[1]s.example.com", name)
		r.Caddyfile = fmt.Sprintf("https://%[1]s.example.com, http://%[1]s.example.com {\n  tls internal\n  reverse_proxy %[1]s-web-1:80\n}", name)
		change(r)
	})
}

func same(*app.Record) {}

// site is that of app, and what was left out.
func site(t testing.TB, app, node string, served []string, pairs ...edge.Pair) (edge.Site, []edge.Fault) {
	t.Helper()
	all, faults := edge.Sites(edge.Read(pairs), node, served)
	i := slices.IndexFunc(all, func(s edge.Site) bool { return s.App == app })
	if i < 0 {
		return edge.Site{}, faults
	}
	return all[i], faults
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}

func TestSites_Serve(t *testing.T) {
	s, faults := site(t, "shop", "n1", nil, serving(t, "shop", same))
	if s.Mode != edge.Serve || len(faults) > 0 || !slices.Equal(s.Addresses, []string{"https://shop.example.com", "http://shop.example.com"}) {
		t.Errorf("%+v, %v", s, faults)
	}
	contains(t, s.Text, "https://shop.example.com, http://shop.example.com {\n", "reverse_proxy shop-web-1:80 {")
	if s, _ := site(t, "shop", "n2", nil, serving(t, "shop", same)); s.Mode != "" {
		t.Errorf("a node that is nothing to the app does %q", s.Mode)
	}
}

// Requests wait only for the operation under way; what a person closed shows
// the page.
func TestSites_HoldAndPage(t *testing.T) {
	under := func(state app.State, id string) edge.Pair {
		o, err := json.Marshal(app.Operation{ID: id, State: state, Old: app.Placement{Master: "n1"}, New: app.Placement{Master: "n1"}})
		if err != nil {
			t.Fatal(err)
		}
		return edge.Pair{Key: "operation/shop", Value: o}
	}
	closed := func(value string) edge.Pair { return edge.Pair{Key: "maintenance/shop", Value: []byte(value)} }
	for _, c := range []struct {
		says  string
		pairs []edge.Pair
		want  edge.Mode
	}{
		{"switching", []edge.Pair{closed("op"), under(app.Switching, "op")}, edge.Hold},
		{"aborted, not closed yet", []edge.Pair{closed("op"), under(app.Aborted, "op")}, edge.Hold},
		{"a person's, while an operation runs", []edge.Pair{closed("Anna"), under(app.Switching, "op")}, edge.Page},
		{"of an operation that is done", []edge.Pair{closed("op"), under(app.Done, "op")}, edge.Page},
		{"empty, as the old tool's", []edge.Pair{closed("")}, edge.Page},
		{"preparing", []edge.Pair{under(app.Preparing, "op")}, edge.Serve},
	} {
		s, faults := site(t, "shop", "n1", nil, append(c.pairs, serving(t, "shop", same))...)
		if s.Mode != c.want || len(faults) > 0 || len(s.Addresses) != 2 {
			t.Errorf("%s: %s, %v, %v", c.says, s.Mode, s.Addresses, faults)
		}
		switch c.want {
		case edge.Hold:
			contains(t, s.Text, "https://shop.example.com {\n", "http://shop.example.com {\n", "tls internal\n", "reverse_proxy unix//run/cluster/edge/hold.sock {",
				"rewrite /hold/shop?\n", "header_up -*\n", "reverse_proxy {rp.header.Cluster-Target} {", "proxy_protocol v2\n", "tls_server_name {http.request.host}", "tls_trust_pool pki_root local")
		case edge.Page:
			contains(t, s.Text, "root * /srv\n", "header Retry-After ", "status 503\n", `</p>" 503`)
		}
	}
}

func TestSites_PageIsForWhatUrlsSay(t *testing.T) {
	closed := edge.Pair{Key: "maintenance/shop"}
	broken := serving(t, "shop", func(r *app.Record) { r.Caddyfile = "https://shop.example.com {" })
	if s, faults := site(t, "shop", "n1", nil, broken, closed); s.Mode != edge.Page || len(s.Addresses) != 2 || len(faults) > 0 {
		t.Errorf("while the text is broken: %+v, %v", s, faults)
	}
	edited := serving(t, "shop", func(r *app.Record) { r.URLs = "https://shop.example.com, http://new.shop.example.com, nonsense" })
	s, faults := site(t, "shop", "n1", nil, edited, closed)
	if !slices.Equal(s.Addresses, []string{"https://shop.example.com", "http://new.shop.example.com"}) || len(faults) != 1 || !strings.Contains(faults[0].Reason, "nonsense") {
		t.Errorf("an edit of urls: %v, %v", s.Addresses, faults)
	}
	contains(t, s.Text, "https://shop.example.com {\n", "    tls internal\n")
	old := serving(t, "shop", func(r *app.Record) { r.URLs = "" })
	if s, _ := site(t, "shop", "n1", nil, old, closed); len(s.Addresses) != 2 {
		t.Errorf("without urls: %v", s.Addresses)
	}
	nothing := serving(t, "shop", func(r *app.Record) { r.URLs, r.Caddyfile = "", "" })
	if s, faults := site(t, "shop", "n1", nil, nothing, closed); s.App != "" || len(faults) > 0 {
		t.Errorf("an app without addresses: %+v, %v", s, faults)
	}
}

func TestSites_Pass(t *testing.T) {
	pairs := []edge.Pair{serving(t, "shop", same)}
	s, _ := site(t, "shop", "n2", []string{"shop"}, pairs...)
	if s.Mode != edge.Pass || s.Target != "10.0.0.1" {
		t.Fatalf("%+v", s)
	}
	contains(t, s.Text, "https://shop.example.com {\n", "http://shop.example.com {\n", "reverse_proxy 10.0.0.1:1443 {\n", "proxy_protocol v2\n", "keepalive off\n")
	if strings.Count(s.Text, "tls_server_name") != 1 {
		t.Errorf("plain requests are sent with TLS, or the others without:\n%s", s.Text)
	}
	state := edge.Read([]edge.Pair{serving(t, "shop", func(r *app.Record) { r.Caddyfile = "https://shop.example.com {\n  respond 200\n}" })})
	state.Caddy = edge.CaddyOptions{Roots: []string{"/r1.pem", "/r2.pem"}}
	all, _ := edge.Sites(state, "n2", []string{"shop"})
	contains(t, all[0].Text, "tls_trust_pool file /r1.pem /r2.pem\n")
}

func TestSites_OneBadTextAloneIsLeftOut(t *testing.T) {
	bad := serving(t, "bad", func(r *app.Record) { r.Caddyfile = "https://bad.example.com {\n  import /etc/hosts\n}" })
	all, faults := edge.Sites(edge.Read([]edge.Pair{bad, serving(t, "good", same)}), "n1", nil)
	if len(all) != 1 || all[0].App != "good" || len(faults) != 1 || faults[0].App != "bad" || !strings.Contains(faults[0].Reason, "line 2: ") {
		t.Errorf("%v, %v", all, faults)
	}
}

func TestSites_ADomainBelongsToTheFirstApp(t *testing.T) {
	for says, change := range map[string]func(*app.Record){
		"the same":         func(r *app.Record) { r.Caddyfile = "http://a.example.com {\n respond 200\n}" },
		"another spelling": func(r *app.Record) { r.Caddyfile = "http://A.EXAMPLE.com:80 {\n respond 200\n}" },
		"another port":     func(r *app.Record) { r.Caddyfile = "http://a.example.com:8080 {\n respond 200\n}" },
		"a wildcard":       func(r *app.Record) { r.Caddyfile = "http://*.example.com {\n respond 200\n}" },
	} {
		thief := serving(t, "b", func(r *app.Record) {
			change(r)
			r.Caddyfile += "\nhttp://b.example.com {\n respond 200\n}"
			r.Domains = nil
		})
		all, faults := edge.Sites(edge.Read([]edge.Pair{thief, serving(t, "a", same)}), "n1", nil)
		if len(all) != 2 || !slices.Equal(all[1].Addresses, []string{"http://b.example.com"}) {
			t.Errorf("%s: %v", says, all)
		}
		if len(faults) != 1 || faults[0].App != "b" || !strings.Contains(faults[0].Reason, "belongs to a") {
			t.Errorf("%s: %v", says, faults)
		}
	}
}

// What was good is put back by its fields: routes follow the app all the same.
func TestState_With(t *testing.T) {
	good := edge.Read([]edge.Pair{serving(t, "shop", same)})
	p, _ := edge.HAProxy(good, "n1", nil)
	moved := edge.Read([]edge.Pair{serving(t, "shop", func(r *app.Record) {
		r.Domains, r.HAProxy, r.Caddyfile, r.Master, r.IP = []string{"bad domain"}, json.RawMessage(`[]`), "{", "n2", "10.0.0.2"
	})})
	bad, faults := edge.HAProxy(moved, "n1", nil)
	if len(bad.Parts) != 0 || len(faults) != 2 {
		t.Fatalf("%v, %v", bad.Parts, faults)
	}
	again, faults := edge.HAProxy(moved.With("shop", p.Parts[0].Fields), "n1", nil)
	if len(again.Parts) != 1 || !again.Parts[0].Whole || len(faults) > 0 {
		t.Fatalf("%v, %v", again.Parts, faults)
	}
	contains(t, again.Parts[0].Sections, "server n2 10.0.0.2:1443 ")
	if without, faults := edge.HAProxy(moved.With("shop", edge.Fields{}), "n1", nil); len(without.Parts)+len(faults) != 0 {
		t.Errorf("without any fields: %v, %v", without.Parts, faults)
	}
	if len(moved.Apps[0].Fields.Domains) != 1 {
		t.Error("With changed the state it was called on")
	}
}
