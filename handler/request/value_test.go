package request_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/request"
)

var repos = []string{"https://git.example.com/team/app", "ssh://git@git.example.com:2222/team/shop", "git@git.example.com:team/blog", "http://127.0.0.1:3000/a/b", "https://git.example.com/Team/Wiki/"}

func drawApp(t *rapid.T, label string) app.App {
	branch := rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9_-]{0,8}/)?[A-Za-z0-9_-]{0,12}[a-z]`).Draw(t, label+" branch")
	a, err := app.Parse(rapid.SampledFrom(repos).Draw(t, label+" repo"), branch)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// drawRequest makes any request that Decode can give, or its tombstone.
func drawRequest(t *rapid.T) app.Request {
	flag := rapid.Bool()
	r := app.Request{ID: rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9-]{0,63}`).Draw(t, "id"), App: drawApp(t, "app")}
	r.Kind = rapid.SampledFrom([]app.Kind{app.Deploy, app.Destroy, app.Migrate}).Draw(t, "kind")
	switch r.Kind {
	case app.Deploy:
		r.New = rapid.SampledFrom([]app.Placement{{Master: "n1"}, {Master: "n1", Slave: "n2"}, {Master: "node-3.lan", Slave: "n1"}}).Draw(t, "new")
		r.Flags = app.Flags{Update: flag.Draw(t, "update"), Failover: flag.Draw(t, "failover"), Adopt: flag.Draw(t, "adopt")}
	case app.Destroy:
		r.Flags.Force = flag.Draw(t, "force")
	case app.Migrate:
		source := drawApp(t, "source")
		if source.Project() == r.App.Project() {
			t.Skip("source is target")
		}
		r.Source, r.Flags.Update = &source, flag.Draw(t, "update")
	}
	if r.Done = flag.Draw(t, "done"); r.Done {
		r.Outcome = rapid.SampledFrom([]app.Outcome{app.OutcomeCommitted, app.OutcomeAborted, app.OutcomeRefused}).Draw(t, "outcome")
		r.Reason = rapid.StringN(0, 300, 1000).Draw(t, "reason")
		r.Finished = rapid.SampledFrom([]string{"", "2026-01-02T03:04:05Z"}).Draw(t, "finished")
	}
	return r
}

func marshal(t *rapid.T, r app.Request) string {
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestValue_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRequest(t)
		value := request.Encode(r)
		got, err := request.Parse(r.ID, value)
		if err != nil || marshal(t, got) != marshal(t, r) {
			t.Fatalf("%s became %+v, %v", value, got, err)
		}
		if again := request.Encode(got); string(again) != string(value) {
			t.Fatalf("%s became %s", value, again)
		}
	})
}

// Whatever is cut off, the rest is no request.
func TestValue_NoPartOfItIsARequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRequest(t)
		value := request.Encode(r)
		n := rapid.IntRange(0, len(value)-1).Draw(t, "cut at")
		if got, err := request.Parse(r.ID, value[:n]); err == nil {
			t.Fatalf("%s was taken for %+v", value[:n], got)
		}
	})
}

func TestValue_HasAVersion(t *testing.T) {
	value := request.Encode(app.Request{ID: "a", Kind: app.Destroy, App: app.App{Repo: repos[0], Branch: "master"}})
	const want = `{"v":1,"id":"a","kind":"destroy","app":{"repo":"https://git.example.com/team/app","branch":"master"}}`
	if string(value) != want {
		t.Errorf("got  %s\nwant %s", value, want)
	}
}

func TestValue_LongOrForeignReasonsStayReadable(t *testing.T) {
	r := app.Request{ID: "a", Kind: app.Destroy, App: app.App{Repo: repos[0], Branch: "master"}, Done: true, Outcome: app.OutcomeAborted}
	for _, reason := range []string{strings.Repeat("é", 100_000), "\xff\x00 not text", strings.Repeat("\x01", 10_000)} {
		r.Reason = reason
		got, err := request.Parse("a", request.Encode(r))
		if err != nil || got.Reason == "" || len(got.Reason) > 4<<10 {
			t.Errorf("%.20q: %d bytes, %v", reason, len(got.Reason), err)
		}
	}
}

func TestParse_NamesKeyAndField(t *testing.T) {
	const a = `"app":{"repo":"https://git.example.com/team/app","branch":"master"}`
	for _, c := range []struct{ says, value, field string }{
		{"nothing", ``, "value"},
		{"null", `null`, "value"},
		{"text", `deploy it`, "value"},
		{"foreign JSON", `{"domains":["x.example.com"]}`, "v"},
		{"no version", `{"id":"r1","kind":"destroy",` + a + `}`, "v"},
		{"a later version", `{"v":2,"id":"r1","kind":"destroy","apps":[]}`, "v"},
		{"a version as text", `{"v":"1","id":"r1"}`, "v"},
		{"a fraction of a version", `{"v":1.5,"id":"r1"}`, "v"},
		{"another id", `{"v":1,"id":"r2","kind":"destroy",` + a + `}`, "id"},
		{"no id", `{"v":1,"kind":"destroy",` + a + `}`, "id"},
		{"no kind", `{"v":1,"id":"r1",` + a + `}`, "kind"},
		{"another kind", `{"v":1,"id":"r1","kind":"reboot",` + a + `}`, "kind"},
		{"an unknown field", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"x":1}`, "x"},
		{"a field twice", `{"v":1,"v":1,"id":"r1"}`, "v"},
		{"no application", `{"v":1,"id":"r1","kind":"destroy"}`, "app"},
		{"an application as text", `{"v":1,"id":"r1","kind":"destroy","app":"blog"}`, "app"},
		{"no branch", `{"v":1,"id":"r1","kind":"destroy","app":{"repo":"https://git.example.com/team/app"}}`, "app.branch"},
		{"an empty branch", `{"v":1,"id":"r1","kind":"destroy","app":{"repo":"https://git.example.com/team/app","branch":""}}`, "app.branch"},
		{"a hostile repo", `{"v":1,"id":"r1","kind":"destroy","app":{"repo":"--upload-pack=x","branch":"master"}}`, "app.repo"},
		{"a repo not in normal form", `{"v":1,"id":"r1","kind":"destroy","app":{"repo":"https://git.example.com/team/app.git","branch":"master"}}`, "app"},
		{"a branch with a newline", `{"v":1,"id":"r1","kind":"destroy","app":{"repo":"https://git.example.com/team/app","branch":"master\n"}}`, "app.branch"},
		{"a placement for destroy", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"new":{"master":"n1"}}`, "new"},
		{"a source for deploy", `{"v":1,"id":"r1","kind":"deploy",` + a + `,"new":{"master":"n1"},"source":null}`, "source"},
		{"no placement", `{"v":1,"id":"r1","kind":"deploy",` + a + `}`, "new"},
		{"no master", `{"v":1,"id":"r1","kind":"deploy",` + a + `,"new":{"slave":"n1"}}`, "new.master"},
		{"master = slave", `{"v":1,"id":"r1","kind":"deploy",` + a + `,"new":{"master":"n1","slave":"n1"}}`, "slave"},
		{"a hostile master", `{"v":1,"id":"r1","kind":"deploy",` + a + `,"new":{"master":"$(id)"}}`, "master"},
		{"a flag of another kind", `{"v":1,"id":"r1","kind":"deploy",` + a + `,"new":{"master":"n1"},"flags":{"force":true}}`, "flags.force"},
		{"a flag as text", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"flags":{"force":"yes"}}`, "flags.force"},
		{"no source", `{"v":1,"id":"r1","kind":"migrate",` + a + `}`, "source"},
		{"source = target", `{"v":1,"id":"r1","kind":"migrate",` + a + `,"source":{"repo":"https://git.example.com/team/app","branch":"master"}}`, "target"},
		{"an outcome before the end", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"outcome":"committed"}`, "outcome"},
		{"the end without outcome", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"done":true}`, "outcome"},
		{"an unknown outcome", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"done":true,"outcome":"fine"}`, "outcome"},
		{"done as number", `{"v":1,"id":"r1","kind":"destroy",` + a + `,"done":1}`, "done"},
		{"too large", `{"v":1,"id":"r1","kind":"destroy",` + a + `}` + strings.Repeat(" ", request.MaxValue), "value"},
		{"something after it", `{"v":1,"id":"r1","kind":"destroy",` + a + `} {}`, "value"},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, err := request.Parse("r1", []byte(c.value))
			refused(t, err, c.field)
			if !strings.HasPrefix(fmt.Sprint(err), "request/r1: ") {
				t.Errorf("%v does not begin with the key", err)
			}
		})
	}
}

// Parse knows no nodes and no settings: Check does the rest of Decode's checks.
func TestOptions_CheckFindsWhatParseCannot(t *testing.T) {
	from := app.App{Repo: repos[0], Branch: "master"}
	plain := app.App{Repo: "http://127.0.0.1:3000/a/b", Branch: "master"}
	for field, r := range map[string]app.Request{
		"repo":        {ID: "r1", Kind: app.Destroy, App: plain},
		"master":      {ID: "r1", Kind: app.Deploy, App: from, New: app.Placement{Master: "n9"}},
		"slave":       {ID: "r1", Kind: app.Deploy, App: from, New: app.Placement{Master: "n1", Slave: "n9"}},
		"target.repo": {ID: "r1", Kind: app.Migrate, App: plain, Source: &from},
	} {
		got, err := request.Parse("r1", request.Encode(r))
		if err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		refused(t, options.Check(got), field)
		if err := (request.Options{AllowHTTP: true}).Check(got); err != nil {
			t.Errorf("%s: nothing to check against, yet %v", field, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":"r1","kind":"deploy","app":{"repo":"https://git.example.com/team/app","branch":"master"},"new":{"master":"n1"},"flags":{"update":true}}`))
	f.Add([]byte(`{"v":1,"id":"r1","kind":"migrate","app":{"repo":"https://git.example.com/team/app","branch":"master"},"source":{"repo":"https://git.example.com/team/app","branch":"prod"},"done":true,"outcome":"refused","reason":"no"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := request.Parse("r1", value)
		if err != nil {
			return
		}
		again, err := request.Parse("r1", request.Encode(r))
		if err != nil || text(t, again) != text(t, r) && len(r.Reason) <= 4<<10 {
			t.Fatalf("%s became %s, %v", text(t, r), text(t, again), err)
		}
	})
}
