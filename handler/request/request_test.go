package request_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/request"
)

const id = "0b5ae8b4-7d2c-4f8c-9a55-2f2e9f1b1c11"

var options = request.Options{Nodes: []string{"n1", "n2", "n3"}}

// fixture reads a table of fixtures/requests.
func fixture[T any](t testing.TB, name string) []T {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/requests/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []T
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return rows
}

type good struct {
	Says    string
	Kind    string
	Payload json.RawMessage
	Want    app.Request
}

// A request is compared as JSON: it holds a pointer.
func text(t testing.TB, r app.Request) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDecode_TakesTheDocumentedPayloads(t *testing.T) {
	for _, c := range fixture[good](t, "good.json") {
		t.Run(c.Says, func(t *testing.T) {
			got, err := request.Decode(c.Kind, id, c.Payload, options)
			if err != nil {
				t.Fatal(err)
			}
			c.Want.ID, c.Want.Kind = id, app.Kind(c.Kind)
			if text(t, got) != text(t, c.Want) {
				t.Errorf("got  %s\nwant %s", text(t, got), text(t, c.Want))
			}
		})
	}
}

type hostile struct {
	Says, Kind string
	Payload    json.RawMessage
	Raw        string
	Field      string
}

// refused checks that err is one line that names field and says more than that.
func refused(t *testing.T, err error, field string) {
	t.Helper()
	var fe *app.FieldError
	if !errors.As(err, &fe) {
		t.Fatalf("got %v, want a field error for %s", err, field)
	}
	if fe.Field != field {
		t.Errorf("names field %s, want %s: %v", fe.Field, field, err)
	}
	if fe.Why == "" || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x1b || r == 0x202e }) {
		t.Errorf("%q is not one readable line", err)
	}
	if len(err.Error()) > 1000 {
		t.Errorf("error of %d characters", len(err.Error()))
	}
}

func TestDecode_RefusesAndNamesTheField(t *testing.T) {
	for _, c := range fixture[hostile](t, "hostile.json") {
		t.Run(c.Says, func(t *testing.T) {
			payload := []byte(c.Raw)
			if c.Payload != nil {
				payload = c.Payload
			}
			got, err := request.Decode(c.Kind, id, payload, options)
			refused(t, err, c.Field)
			if text(t, got) != text(t, app.Request{}) {
				t.Errorf("a refused payload still gave %s", text(t, got))
			}
		})
	}
}

func payload(t *testing.T, repo, branch string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]string{"repo": repo, "branch": branch, "master": "n1"})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecode_RefusesHostileRepositories(t *testing.T) {
	for _, url := range fixture[string](t, "urls.json") {
		_, err := request.Decode("deploy", id, payload(t, url, "master"), options)
		refused(t, err, "repo")
	}
}

func TestDecode_RefusesHostileBranches(t *testing.T) {
	for _, branch := range fixture[string](t, "branches.json") {
		_, err := request.Decode("deploy", id, payload(t, "https://git.example.com/team/app", branch), options)
		refused(t, err, "branch")
	}
}

func TestDecode_RefusesBytesThatAreNotUTF8(t *testing.T) {
	_, err := request.Decode("deploy", id, []byte("{\"repo\":\"https://git.example.com/team/\xff\",\"branch\":\"master\",\"master\":\"n1\"}"), options)
	refused(t, err, "payload")
}

func TestDecode_RefusesIdsThatAreNoPathPart(t *testing.T) {
	for _, bad := range []string{"", "..", "a/b", "a b", "-a", "a\n", strings.Repeat("a", 65), "é"} {
		_, err := request.Decode("deploy", bad, payload(t, "https://git.example.com/team/app", "master"), options)
		refused(t, err, "id")
	}
}

func TestDecode_TakesPlainHTTPOnlyWhereItIsAllowed(t *testing.T) {
	p := payload(t, "http://127.0.0.1:3000/team/app", "master")
	_, err := request.Decode("deploy", id, p, request.Options{})
	refused(t, err, "repo")
	r, err := request.Decode("deploy", id, p, request.Options{AllowHTTP: true})
	if err != nil || r.App.Repo != "http://127.0.0.1:3000/team/app" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestDecode_ChecksNodesOnlyWhenTheyAreKnown(t *testing.T) {
	p := payload(t, "https://git.example.com/team/app", "master")
	if _, err := request.Decode("deploy", id, p, request.Options{}); err != nil {
		t.Errorf("no list of nodes: %v", err)
	}
	_, err := request.Decode("deploy", id, p, request.Options{Nodes: []string{}})
	refused(t, err, "master")
	_, err = request.Decode("deploy", id, p, request.Options{Nodes: []string{"n2", "n3"}})
	refused(t, err, "master")
	if !strings.Contains(err.Error(), "n2, n3") {
		t.Errorf("%q does not say which nodes there are", err)
	}
}

func TestDecode_SaysUnknownEventName(t *testing.T) {
	_, err := request.Decode("restart", id, []byte(`{}`), options)
	if err == nil || !strings.Contains(err.Error(), `unknown event name "restart"`) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range fixture[good](f, "good.json") {
		f.Add(c.Kind, []byte(c.Payload))
	}
	for _, c := range fixture[hostile](f, "hostile.json") {
		f.Add(c.Kind, []byte(c.Raw+string(c.Payload)))
	}
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		r, err := request.Decode(kind, id, payload, options)
		var fe *app.FieldError
		switch {
		case err != nil && !errors.As(err, &fe):
			t.Fatalf("not a field error: %v", err)
		case err == nil:
			if again, err := request.Parse(id, request.Encode(r)); err != nil || text(t, again) != text(t, r) {
				t.Fatalf("%s became %s, %v", text(t, r), text(t, again), err)
			}
		}
	})
}
