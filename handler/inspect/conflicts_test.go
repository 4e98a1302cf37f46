package inspect_test

import (
	"encoding/json"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

const shopCaddy = "https://shop.example.com, http://shop.example.com {\n  proxy / http://$CONTAINER:80\n}"

const shopProxy = `sql:
  frontend: {mode: tcp, bind: ["10.0.0.1:5432"]}
  backends: [{name: sql, port: 5432, peer_port: 5432}]
http-in:
  backends: [{name: shop-api, use_backend_option: "if { hdr(host) -i api.example.com }", port: 80, peer_port: 80}]`

// other is the record of the app that was there first.
func other(change func(*app.Record)) []app.Record {
	r := app.Record{RepoURL: "https://git.example.com/team/blog", Branch: "master", HAProxy: json.RawMessage("{}")}
	change(&r)
	return []app.Record{r}
}

func TestConflicts(t *testing.T) {
	type record = func(*app.Record)
	blog := "blog_master."
	proxied := func(text string) record { return func(r *app.Record) { r.HAProxy = json.RawMessage(text) } }
	for name, c := range map[string]struct {
		variable, text string
		other          record
		where, why     string
	}{
		"address":           {"CADDYFILE", shopCaddy, func(r *app.Record) { r.URLs = "http://x.y, https://SHOP.example.com" }, "docker-compose.yml:9 services.web.environment.CADDYFILE", "domain shop.example.com belongs to " + blog},
		"path of address":   {"CADDYFILE", shopCaddy, func(r *app.Record) { r.URLs = "https://shop.example.com/other" }, "CADDYFILE", "domain shop.example.com belongs to " + blog},
		"domain":            {"CADDYFILE", shopCaddy, func(r *app.Record) { r.Domains = []string{"", "Shop.Example.com"} }, "CADDYFILE", "domain shop.example.com belongs to " + blog},
		"domain is backend": {"CADDYFILE", shopCaddy, proxied(`{"https-in": {"backends": [{"name": "shop.example.com"}]}}`), "CADDYFILE", "name of a HAProxy backend of " + blog},
		"condition":         {"HAPROXY", shopProxy, func(r *app.Record) { r.Domains = []string{"api.example.com"} }, "HAPROXY.http-in.backends[0].use_backend_option", "domain api.example.com belongs to " + blog},
		"backend is domain": {"HAPROXY", shopProxy, func(r *app.Record) { r.Domains = []string{"shop-api"} }, "HAPROXY.http-in.backends[0].name", "belongs to " + blog},
		"frontend":          {"HAPROXY", shopProxy, proxied(`{"sql": {"frontend": {"mode": "tcp"}}}`), "HAPROXY.sql", "section front-sql belongs to " + blog},
		"backend":           {"HAPROXY", shopProxy, proxied(`{"z": {"backends": [{"ct": "sql"}]}}`), "HAPROXY.sql.backends[0].name", "section backend-sql belongs to " + blog},
		"http backend":      {"HAPROXY", shopProxy, proxied(`{"http-in": {"backends": [{"name": "shop-api"}]}}`), "HAPROXY.http-in.backends[0].name", "section http-shop-api belongs to " + blog},
		"bind":              {"HAPROXY", shopProxy, proxied(`{"z": {"frontend": {"bind": ["*:5000-6000 accept-proxy"]}}}`), "HAPROXY.sql.frontend.bind", "bind 10.0.0.1:5432 belongs to " + blog},
		"container":         {"CADDYFILE", shopCaddy, func(r *app.Record) { r.Ct = map[string]string{"web": "shopmaster45d3e-web-1"} }, "services.web.container_name", "container shopmaster45d3e-web-1 belongs to " + blog},
		"name on network":   {"CADDYFILE", shopCaddy, func(r *app.Record) { r.Ct = map[string]string{"x": "web"} }, "services.web", `"web" is the container of ` + blog},
		"same name":         {"CADDYFILE", shopCaddy, func(r *app.Record) { r.RepoURL, r.Branch = "https://git.example.com/team/shop", "feature-1" }, "branch", "feature-1"},
		"same project":      {"CADDYFILE", shopCaddy, func(r *app.Record) { r.RepoURL, r.Branch = "https://git.example.com/team/shop", "feature1" }, "branch", "shop_feature1.45d3e"},
	} {
		t.Run(name, func(t *testing.T) {
			in := env(t, c.variable, c.text)
			if c.where == "branch" {
				in.App = parse(t, in.App.Repo, "feature/1")
			}
			in.Others = other(c.other)
			r := inspect.Inspect(in)
			refused(t, r, c.where, c.why)
			in.Others = nil
			accepted(t, inspect.Inspect(in))
		})
	}
}

func TestConflicts_PublishedPort(t *testing.T) {
	in := with(t, ordinary+"    ports: ['127.0.0.1:5432:5432']\n")
	in.Others = other(func(r *app.Record) { r.HAProxy = json.RawMessage(`{"z": {"frontend": {"bind": [":5432"]}}}`) })
	refused(t, inspect.Inspect(in), "services.web.ports[0]", "port 5432 belongs to blog_master.")
}

func TestConflicts_ServiceName(t *testing.T) {
	in := with(t, ordinary)
	in.Others = other(func(*app.Record) {})
	in.Files["service.json"] = []byte(`{"Name": "` + in.Others[0].App().Name() + `"}`)
	refused(t, inspect.Inspect(in), "service.json Name", "belongs to blog_master.")
}

// Its own record is no conflict, and neither is a neighbour's other port or
// other address.
func TestConflicts_None(t *testing.T) {
	in := env(t, "HAPROXY", shopProxy)
	own := inspect.Inspect(in).Record
	in.Others = append(other(func(r *app.Record) {
		r.HAProxy = json.RawMessage(`{"z": {"frontend": {"bind": ["10.0.0.2:5432", "*:5433"]}}}`)
		r.Domains, r.URLs = []string{"www.shop.example.com"}, "https://www.shop.example.com"
	}), own)
	accepted(t, inspect.Inspect(in))
}

// Records of the old tool and damaged ones claim what can be read of them.
func TestConflicts_DamagedRecords(t *testing.T) {
	for _, text := range []string{`{}`, `{"haproxy": null}`, `{"haproxy": []}`, `{"haproxy": {"a": {"frontend": null, "backends": null}}}`, `{"haproxy": {"a": 1}}`,
		`{"repo_url": "::", "branch": "", "urls": ", ,%", "domains": ["", "x"], "ct": {"a": ""}}`, `{"repo_url": "/", "branch": "\u0000"}`} {
		var rec app.Record
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			t.Fatal(err)
		}
		in := env(t, "CADDYFILE", shopCaddy)
		in.Others = []app.Record{rec}
		accepted(t, inspect.Inspect(in))
	}
}
