package inspect_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/fixtures"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

func TestVolumes(t *testing.T) {
	in := with(t, `
services:
  web:
    image: nginx
    volumes: ["va:/a", "vb:/b", "vc:/c", "vd:/d", "ve:/e", "vf:/f", "./dir:/g:ro,z"]
volumes:
  vf: {driver: "ccomb/buttervolume:latest", name: shopmaster45d3e_vf}
  va: {driver: ccomb/buttervolume}
  vb: {driver: "anybox/buttervolume:latest", labels: {com.github.mlfmonde.cluster.nonmigrable: "TRUE"}}
  vc:
  vd: {driver: local, labels: [com.github.mlfmonde.cluster.nonmigrable=1]}
  ve: {driver: ccomb/buttervolume, labels: {com.github.mlfmonde.cluster.nonmigrable: "no"}, driver_opts: {compression: "true"}}
  unused: {driver: ccomb/buttervolume}
`)
	in.Drivers = []string{"anybox/buttervolume", " ccomb/buttervolume:latest"}
	r := inspect.Inspect(in)
	accepted(t, r)
	p := "shopmaster45d3e_"
	want := []app.Volume{
		{Key: "va", Name: p + "va", Driver: "ccomb/buttervolume", Replicated: true},
		{Key: "vb", Name: p + "vb", Driver: "anybox/buttervolume:latest", Replicated: true, NonMigrable: true},
		{Key: "vc", Name: p + "vc"},
		{Key: "vd", Name: p + "vd", Driver: "local", NonMigrable: true},
		{Key: "ve", Name: p + "ve", Driver: "ccomb/buttervolume", Replicated: true},
		{Key: "vf", Name: p + "vf", Driver: "ccomb/buttervolume:latest", Replicated: true},
	}
	if !slices.Equal(r.Volumes, want) {
		t.Errorf("volumes %+v", r.Volumes)
	}
	if got := r.Record.Volumes; !slices.Equal(got, []string{p + "va", p + "vb", p + "ve", p + "vf"}) {
		t.Errorf("recorded %q", got)
	}
	if got := r.Record.Release; !slices.Equal(got.Local, []string{p + "vc", p + "vd"}) || !slices.Equal(got.NonMigrable, []string{p + "vb", p + "vd"}) {
		t.Errorf("local %q, non-migrable %q", got.Local, got.NonMigrable)
	}
	if model := reload(t, r.Files[app.CanonicalFile]); len(model.Volumes) != 6 {
		t.Errorf("written %+v", model.Volumes)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "volumes.unused") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestRelease_Times(t *testing.T) {
	for body, want := range map[string][2]int{
		"":                          {10, 0},
		"stop_grace_period: 1500ms": {2, 0},
		"stop_grace_period: 2m\n    healthcheck: {test: [CMD, x]}":                                {120, 3 * 60},
		"healthcheck: {test: [CMD, x], start_period: 1m, interval: 10s, timeout: 5s, retries: 6}": {10, 60 + 6*15},
		"healthcheck: {disable: true}":                                                            {10, 0},
		"healthcheck: {test: [NONE]}":                                                             {10, 0},
		"healthcheck: {interval: 1s}":                                                             {10, 3 * 31},
		"healthcheck: {test: [CMD, x], retries: 18446744073709551615, interval: 1000000h, start_period: 1000000h}": {10, 86400 + 1000*86400},
	} {
		in := with(t, ordinary+"    "+body+"\n")
		r := inspect.Inspect(in)
		accepted(t, r)
		if got := r.Record.Release; got.StopGrace != want[0] || got.HealthTimeout != want[1] {
			t.Errorf("%s: grace %d, health %d, want %v", body, got.StopGrace, got.HealthTimeout, want)
		}
	}
}

func TestPolicy(t *testing.T) {
	hostile := ordinary + "    cap_add: [SYS_ADMIN]\n    volumes: ['/srv/media:/media:ro']\n    sysctls: {net.core.somaxconn: 1024}\n"
	in := with(t, hostile)
	in.Policy = []byte(`{"allow": ["services.web.cap_add", "services.web.volumes[0]"]}`)
	r := inspect.Inspect(in)
	refused(t, r, "docker-compose.yml:6 services.web.sysctls", "policy/shop_master.45d3e")
	if len(r.Refused) != 1 {
		t.Errorf("refused %v", r.Refused)
	}
	in.Policy = []byte(`{"allow": ["services.web"]}`)
	r = inspect.Inspect(in)
	accepted(t, r)
	web := reload(t, r.Files[app.CanonicalFile]).Services["web"]
	if len(web.CapAdd) != 1 || web.Volumes[0].Source != "/srv/media" || web.Sysctls["net.core.somaxconn"] != "1024" {
		t.Errorf("written %+v", web)
	}
	for _, bad := range []string{`[]`, `{"allow": "services.web"}`, `{"allow": [], "deny": []}`, `{"allow": []} x`, `{"allow": ["*"]}`, `{"allow": [""]}`, `not json`} {
		in.Policy = []byte(bad)
		refused(t, inspect.Inspect(in), "policy/shop_master.45d3e", "")
	}
}

// An operator may lend a volume; it stays somebody else's.
func TestPolicy_ExternalVolume(t *testing.T) {
	in := with(t, ordinary+"    volumes: ['media:/media']\nvolumes:\n  media: {external: true, name: media_store}\n")
	in.Policy = []byte(`{"allow": ["volumes.media"]}`)
	r := inspect.Inspect(in)
	accepted(t, r)
	v := reload(t, r.Files[app.CanonicalFile]).Volumes["media"]
	if len(r.Volumes) != 0 || !bool(v.External) || v.Name != "media_store" {
		t.Errorf("volumes %v, written %+v", r.Volumes, v)
	}
}

// No policy lends what the cluster stands on.
func TestPolicy_Limits(t *testing.T) {
	for text, where := range map[string]string{
		"    volumes: ['./fake:/run/cluster.lease']\n":                                    "volumes[0]",
		"    volumes: ['./compose.cluster.yml:/x']\n":                                     "volumes[0]",
		"    labels: {com.docker.compose.project: x}\n":                                   "labels",
		"    tmpfs: ['/run/cluster.lease']\n":                                             "tmpfs",
		"    container_name: 'x y'\n":                                                     "container_name",
		"    secrets: [{source: s, target: ../cluster.lease}]\nsecrets: {s: {file: a}}\n": "secrets[0]",
	} {
		in := with(t, ordinary+text)
		in.Policy = []byte(`{"allow": ["services.web"]}`)
		refused(t, inspect.Inspect(in), "services.web."+where, "")
	}
}

func TestFiles_WhichOnes(t *testing.T) {
	in := with(t, ordinary)
	in.Files["compose.yaml"] = []byte("services: {}")
	r := inspect.Inspect(in)
	accepted(t, r)
	if len(r.Warnings) != 1 || r.Warnings[0] != "compose.yaml is ignored, docker-compose.yml is read" {
		t.Errorf("warnings %q", r.Warnings)
	}
	for _, name := range []string{"docker-compose.yaml", "compose.yml", "compose.yaml"} {
		in.Files = map[string][]byte{name: []byte(ordinary)}
		accepted(t, inspect.Inspect(in))
		in.Files[name] = []byte(ordinary + "    pid: host\n")
		refused(t, inspect.Inspect(in), name+":4 services.web.pid", "")
	}
	in.Files = map[string][]byte{"sub/docker-compose.yml": []byte(ordinary)}
	refused(t, inspect.Inspect(in), "docker-compose.yml", "is not in the checkout")
	for name, want := range map[string]bool{
		".env": true, "docker-compose.yml": true, "compose.yaml": true, "service.json": true, "a/b/c/prod.env": true, ".env.prod": true,
		"a/b/c/d/x.env": false, "a/docker-compose.yml": false, "../x.env": false, "/etc/x.env": false, "update.sh": false, "": false,
	} {
		if inspect.Wants(name) != want {
			t.Errorf("Wants(%q) is %v", name, !want)
		}
	}
}

func TestFiles_Malformed(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                               {"docker-compose.yml", "is empty"},
		"# nothing\n":                    {"docker-compose.yml", "is empty"},
		"text":                           {"docker-compose.yml", "is not a mapping"},
		"services: {}\n":                 {"services", "is missing"},
		"services:\n  web:\n":            {"docker-compose.yml:2 services.web", "is not a mapping"},
		ordinary + "---\n" + ordinary:    {"docker-compose.yml", "more than one YAML document"},
		ordinary + "    image: again\n":  {"docker-compose.yml:4 services.web.image", "twice"},
		ordinary + "    1: x\n":          {"docker-compose.yml:4 services.web", "not text"},
		"a: \xff\n":                      {"docker-compose.yml", "UTF-8"},
		"services:\n  web: {image: [}\n": {"docker-compose.yml:", ""},
		ordinary + "    ports: 80\n":     {"docker-compose.yml:4 services.web.ports", ""},
		ordinary + "    ulimits: {nofile: {soft: 1.5, hard: 2}}\n":        {"docker-compose.yml", ""},
		ordinary + "    user: !!binary aGk=\n":                            {"docker-compose.yml:4 services.web.user", "tag"},
		"services:\n  we/b:\n    image: nginx\n":                          {"", ""},
		"services:\n  Web:\n    image: nginx\n  web:\n    image: nginx\n": {"services.web", "upper and lower case"},
		ordinary + "    networks: [none]\n":                               {"docker-compose.yml", "undefined network"},
	} {
		refused(t, inspect.Inspect(with(t, text)), want[0], want[1])
	}
}

func TestEnvironment_ListForm(t *testing.T) {
	in := with(t, shared+`    environment:
      - A=1
      - |
        CADDYFILE=http://a.example.com {
          proxy / http://$CONTAINER:80
        }
      - CONSUL_CHECK_URLS=["http://a.example.com/up"]
`)
	r := inspect.Inspect(in)
	accepted(t, r)
	if r.Record.URLs != "http://a.example.com" || len(r.Record.Release.Checks) != 2 || !strings.Contains(r.Record.Caddyfile, "shopmaster45d3e-web-1") {
		t.Errorf("record %+v", r.Record)
	}
}

// Any app and any services that are accepted have names of their own: the
// record, the canonical file and the volumes agree, and nothing leaves the
// project's name space.
func TestNames(t *testing.T) {
	service := rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9]|[._-][A-Za-z0-9]){0,10}`)
	rapid.Check(t, func(rt *rapid.T) {
		a, err := app.Parse("https://git.example.com/t/"+rapid.StringMatching(`[a-zA-Z0-9_-]{1,20}`).Draw(rt, "repo"), rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?`).Draw(rt, "branch"))
		if err != nil {
			return
		}
		names := rapid.SliceOfNDistinct(service, 1, 5, strings.ToLower).Draw(rt, "services")
		text := "services:\n"
		for _, n := range names {
			text += fmt.Sprintf("  %q: {image: nginx, volumes: [\"%s:/d\"]}\n", n, "v"+n)
		}
		text += "volumes:\n"
		for _, n := range names {
			text += fmt.Sprintf("  %q: {driver: ccomb/buttervolume}\n", "v"+n)
		}
		r := inspect.Inspect(inspect.Input{App: a, Files: map[string][]byte{"compose.yml": []byte(text)}, ID: "x", Drivers: drivers})
		accepted(rt, r)
		model := reload(t, r.Files[app.CanonicalFile])
		images := map[string]bool{}
		for _, n := range names {
			s := model.Services[n]
			if r.Record.Ct[n] != a.Container(n) || s.ContainerName != a.Container(n) {
				rt.Fatalf("container of %s: %s and %s", n, r.Record.Ct[n], s.ContainerName)
			}
			if !slices.Contains(r.Record.Volumes, a.Project()+"_v"+n) {
				rt.Fatalf("volumes %q lack that of %s", r.Record.Volumes, n)
			}
			images[s.Image] = strings.HasPrefix(s.Image, a.Project()+"-") && s.Image == strings.ToLower(s.Image)
			if !images[s.Image] {
				rt.Fatalf("image %s", s.Image)
			}
		}
		if len(images) != len(names) {
			rt.Fatalf("images %v for %q", images, names)
		}
	})
}

// A path that is accepted as a bind stays inside the checkout.
func TestBinds_StayInside(t *testing.T) {
	part := rapid.SampledFrom([]string{"..", ".", "a", "b", "", "~", "\\", "...", "a..", " ", "é"})
	rapid.Check(t, func(rt *rapid.T) {
		source := strings.Join(rapid.SliceOfN(part, 1, 6).Draw(rt, "parts"), "/")
		body, err := json.Marshal(map[string]any{"services": map[string]any{"web": map[string]any{"image": "nginx", "volumes": []any{
			map[string]any{"type": "bind", "source": source, "target": "/x", "read_only": true}}}}})
		if err != nil {
			rt.Fatal(err)
		}
		r := inspect.Inspect(with(t, string(body)))
		full := path.Join("/root/checkout", source)
		inside := full == "/root/checkout" || strings.HasPrefix(full, "/root/checkout/")
		if len(r.Refused) == 0 && (!inside || path.IsAbs(source)) {
			rt.Fatalf("%q is accepted", source)
		}
	})
}

// What goes into the KV stays below the 512 KiB of one value.
func TestRecord_FitsTheKV(t *testing.T) {
	long := "http://a.example.com {\n" + strings.Repeat("  # "+strings.Repeat("<&>", 20)+"\n", 700) + "}"
	r := inspect.Inspect(env(t, "CADDYFILE", long))
	accepted(t, r)
	text, err := json.Marshal(r.Record)
	if err != nil || len(text) > 400<<10 {
		t.Errorf("%d bytes: %v", len(text), err)
	}
	refused(t, inspect.Inspect(env(t, "CADDYFILE", long+strings.Repeat("\n# more", 2000))), "services.web.environment.CADDYFILE", "48 KiB")
	in := with(t, ordinary)
	in.Files["service.json"] = []byte(`{"Name": "` + strings.Repeat("x", 40<<10) + `"}`)
	refused(t, inspect.Inspect(in), "service.json", "32 KiB")
	in = with(t, ordinary+"    volumes:\n"+numbered(101, "      - 'vol%d:/m%[1]d'\n")+"volumes:\n"+numbered(101, "  vol%d:\n"))
	refused(t, inspect.Inspect(in), "docker-compose.yml:106 volumes", "at most 100")
}

func TestMemo_IsInspect(t *testing.T) {
	var memo inspect.Memo
	for range 2 {
		for _, kind := range []string{"good", "hostile"} {
			for _, name := range dirs(t, kind) {
				in := checkout(t, kind+"/"+name)
				for seq, id := range map[uint64]string{1: "first", 22: "true", 1 << 40: "0-1"} {
					in.Seq, in.ID = seq, id
					if got, want := memo.Inspect(in), inspect.Inspect(in); !reflect.DeepEqual(got, want) {
						t.Fatalf("%s for %s:\n%v\n%v", name, id, got, want)
					}
				}
				in.Others = []app.Record{{RepoURL: in.App.Repo, Branch: "mas-ter"}}
				if len(memo.Inspect(in).Refused) == 0 {
					t.Errorf("%s: the other apps are forgotten", name)
				}
			}
		}
	}
}

// What a caller does with a result is not seen by the next one.
func TestMemo_ResultsAreApart(t *testing.T) {
	var memo inspect.Memo
	in := checkout(t, "good/gitlab")
	first := memo.Inspect(in)
	want := inspect.Inspect(in)
	for k := range first.Record.Ct {
		first.Record.Ct[k] = "changed"
	}
	for _, f := range first.Files {
		clear(f)
	}
	first.Record.Domains[0], first.Record.Volumes[0], first.Record.HAProxy[0], first.Record.Release.Checks[0] = "x", "x", 'x', "x"
	first.Record.Release.Local[0], first.Record.Release.Service[0], first.Volumes[0].Name, first.Services[0].Name = "x", 'x', "x", "x"
	first.Warnings[0] = "x"
	if got := memo.Inspect(in); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestReport_JSON(t *testing.T) {
	in := checkout(t, "hostile/privileged")
	text, err := json.Marshal(inspect.Report(in.App, inspect.Inspect(in)))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"privileged_master.127a2","project":"privilegedmaster127a2","containers":{"web":"privilegedmaster127a2-web-1"},"volumes":[],"urls":[],"domains":[],` +
		`"haproxy":{},"checks":[],"caddyfile":"","refused":[{"where":"docker-compose.yml:4 services.web.privileged","why":"is not allowed; ask the operator for an exception in policy/privileged_master.127a2"}]}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
}

// Whatever bytes a repository holds, the answer is a result.
func FuzzInspect(f *testing.F) {
	for _, kind := range []string{"good", "hostile"} {
		entries, err := fs.ReadDir(fixtures.Apps(), kind)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			in := checkout(f, kind+"/"+e.Name())
			f.Add(in.Files["docker-compose.yml"], in.Files[".env"], in.Files["service.json"])
		}
	}
	f.Fuzz(func(t *testing.T, compose, env, service []byte) {
		in := with(t, "")
		in.Files["docker-compose.yml"], in.Files[".env"], in.Files["a.env"] = compose, env, env
		if len(service) > 0 {
			in.Files["service.json"] = service
		}
		r := inspect.Inspect(in)
		if (len(r.Refused) == 0) != (len(r.Files) == 2) {
			t.Fatalf("refused %v, files %d", r.Refused, len(r.Files))
		}
		if len(r.Refused) == 0 {
			reload(t, r.Files[app.CanonicalFile])
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	in := checkout(b, "good/wordpress")
	for b.Loop() {
		inspect.Inspect(in)
	}
}

func BenchmarkMemo_Hit(b *testing.B) {
	for _, name := range []string{"hello", "wordpress", "gitlab"} {
		b.Run(name, func(b *testing.B) {
			var memo inspect.Memo
			in := checkout(b, "good/"+name)
			in.Others = []app.Record{{RepoURL: "https://git.example.com/t/a", Branch: "master", URLs: "https://x.y", Domains: []string{"x.y"}, HAProxy: json.RawMessage("{}")}}
			memo.Inspect(in)
			for b.Loop() {
				in.Seq++
				memo.Inspect(in)
			}
		})
	}
}
