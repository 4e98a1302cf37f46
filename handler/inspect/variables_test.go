package inspect_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// user is a file whose user is text, beside an .env with A and EMPTY.
func user(t testing.TB, text string) inspect.Result {
	body, err := yaml.Marshal(map[string]any{"services": map[string]any{"web": map[string]any{"image": "nginx", "user": text}}})
	if err != nil {
		t.Fatal(err)
	}
	in := with(t, string(body))
	in.Files[".env"] = []byte("A=alpha\nEMPTY=\n")
	return inspect.Inspect(in)
}

// Our variables are Compose's: where it fills a text in, ours is the same, and
// where it refuses, ours is refused.
func TestVariables_LikeCompose(t *testing.T) {
	values := map[string]string{"A": "alpha", "EMPTY": "", "COMPOSE_PROJECT_NAME": "shopmaster45d3e"}
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	piece := rapid.SampledFrom([]string{
		"a", " ", "-", "/", "$A", "${A}", "$EMPTY", "${EMPTY:-x}", "${EMPTY-x}", "${NONE:-y}", "${NONE-y}", "${NONE}", "$NONE", "$$", "$$A",
		"${A:+set}", "${NONE:+set}", "${EMPTY+set}", "${EMPTY:+set}", "${NONE:-${A}}", "${NONE:-a${NONE:-b}c}", "${A:?no}", "${NONE:?no}", "${NONE?no}", "${EMPTY:?no}", "$COMPOSE_PROJECT_NAME",
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(rt, "pieces"), "")
		want, err := template.SubstituteWithOptions(text, lookup, template.WithoutLogging)
		r := user(t, text)
		if err != nil {
			refused(rt, r, "services.web.user", "")
			return
		}
		accepted(rt, r)
		if got := reload(t, r.Files[app.CanonicalFile]).Services["web"].User; got != want {
			rt.Fatalf("%q becomes %q, Compose says %q", text, got, want)
		}
	})
}

func TestVariables_NeverTheHost(t *testing.T) {
	t.Setenv("FROM_HOST", "secret")
	r := user(t, "x$FROM_HOST")
	accepted(t, r)
	if got := reload(t, r.Files[app.CanonicalFile]).Services["web"].User; got != "x" {
		t.Errorf("user %q", got)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "FROM_HOST") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestVariables_LoneDollar(t *testing.T) {
	refused(t, user(t, "cost 5$"), "docker-compose.yml:4 services.web.user", "write $$ for a dollar")
	refused(t, user(t, "${1}"), "services.web.user", "write $$ for a dollar")
	refused(t, user(t, "${A%x}"), "services.web.user", "not a variable that Compose understands")
}

// In the routing variables only names of .env are filled in; whatever else has
// a dollar stays, since the old tool filled in nothing.
func TestVariables_InRoutes(t *testing.T) {
	for line, want := range map[string]string{
		"proxy / http://$CONTAINER:80":         "proxy / http://shopmaster45d3e-web-1:80",
		"proxy / http://${CONTAINER}:80":       "proxy / http://shopmaster45d3e-web-1:80",
		"header Host {host} {>X-Up} {$SECRET}": "header Host {host} {>X-Up} {$SECRET}",
		"header X {$SECRET:a b} {$A}":          "header X {$SECRET:a b} {$A}",
		"path_regexp ^/a$":                     "path_regexp ^/a$",
		"rewrite ^/(.*) /b/$1":                 "rewrite ^/(.*) /b/$1",
		"header Y ${1} $":                      "header Y ${1} $",
		"root $ROOT":                           "root /srv/www",
		"root ${ROOT}/x ${NONE:-y}":            "root /srv/www/x y",
		"header Z $$ROOT":                      "header Z $ROOT",
	} {
		in := with(t, shared+"    environment:\n      HAPROXY: |\n        http-in:\n          back: |\n            "+line+"\n          backends:\n            - {name: a.b, port: 1, peer_port: 1, use_backend_option: 'if { hdr(host) a.b }'}\n")
		in.Files[".env"] = []byte("ROOT=/srv/www\n")
		r := inspect.Inspect(in)
		accepted(t, r)
		text := "http-in:\n  back: |\n    " + want + "\n  backends:\n    - {name: a.b, port: 1, peer_port: 1, use_backend_option: 'if { hdr(host) a.b }'}\n"
		if got := *reload(t, r.Files[app.CanonicalFile]).Services["web"].Environment["HAPROXY"]; got != text {
			t.Errorf("%q is in the container as %q", line, got)
		}
	}
	in := with(t, shared+"    environment:\n      CADDYFILE: |\n        http://a.example.com {\n          root $ROOT\n        }\n")
	refused(t, inspect.Inspect(in), "services.web.environment.CADDYFILE", "variable ROOT is not in .env")
	in.Files[".env"] = []byte("ROOT=/srv/www\n")
	r := inspect.Inspect(in)
	accepted(t, r)
	if !strings.Contains(r.Record.Caddyfile, "\n    root * /srv/www\n") {
		t.Errorf("caddyfile %s", r.Record.Caddyfile)
	}
}

// shared is a file whose one service is on the cluster's network; more keys of
// the service may follow.
const shared = "networks:\n  cluster_default: {external: true}\nservices:\n  web:\n    image: nginx\n    networks: [cluster_default]\n"
