package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
)

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

func whole() app.Record {
	slave, previous := "n2", "r0"
	return app.Record{
		HAProxy:   json.RawMessage(`{"ssh": {"backends": [{"port": "22"}]}}`),
		Caddyfile: "blog.example.com {\n\treverse_proxy foobarmasterddb14-web-1:80\n}\n",
		RepoURL:   "https://gitlab.example.com/hosting/foobar", Branch: "master",
		DeployDate: "2026-01-02T03:04:05Z", DeployID: "r1", PreviousDeployID: &previous,
		Domains: []string{"blog.example.com", "www.example.com"}, URLs: "https://blog.example.com, https://www.example.com",
		IP: "10.0.0.1", Master: "n1", Slave: &slave,
		Ct:      map[string]string{"db": "foobarmasterddb14-db-1", "web": "foobarmasterddb14-web-1"},
		Volumes: []string{"foobarmasterddb14_db"}, Generation: 3, Commit: "4f0c1e",
		Release: app.Release{Images: map[string]string{"web": "sha256:1"}, Local: []string{"foobarmasterddb14_cache"}, Checks: []string{"https://blog.example.com"},
			Snapshots: map[string]string{"foobarmasterddb14_db": "foobarmasterddb14_db@2026-01-02T03:04:05.000006"}, StopGrace: 10, HealthTimeout: 60},
	}
}

// Templates and scripts of existing clusters read these fields in this order.
func TestRecord_IsWrittenAsExistingClustersHaveIt(t *testing.T) {
	for name, r := range map[string]app.Record{"record.json": whole(), "record-empty.json": {Master: "n1"}} {
		got, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if want := golden(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestRecord_ReadsWhatItWrote(t *testing.T) {
	data, err := json.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	var r app.Record
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(r)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("%s became %s, %v", data, again, err)
	}
	if r.Placement() != (app.Placement{Master: "n1", Slave: "n2"}) || r.App().Name() != "foobar_master.ddb14" {
		t.Errorf("%s at %s", r.App().Name(), r.Placement())
	}
}

// The old tool's record has no generation, commit or release, and a null slave.
func TestRecord_OfTheOldToolHasGenerationZero(t *testing.T) {
	var r app.Record
	if err := json.Unmarshal(golden(t, "record-old.json"), &r); err != nil {
		t.Fatal(err)
	}
	if r.Generation != 0 || r.Commit != "" || r.Release.Images != nil || r.PreviousDeployID != nil {
		t.Errorf("generation %d, commit %q, release %+v", r.Generation, r.Commit, r.Release)
	}
	if r.Placement() != (app.Placement{Master: "n1"}) || r.App().Name() != "foobar_master.ddb14" || r.Ct["web"] != "foobarmasterddb14_web_1" {
		t.Errorf("%s at %s, %v", r.App().Name(), r.Placement(), r.Ct)
	}
}

func TestRecord_WithFieldsOfALaterHandlerIsRead(t *testing.T) {
	var r app.Record
	err := json.Unmarshal([]byte(`{"master":"n1","repo_url":"https://h.example/app","branch":"b","colour":"blue","release":{"shape":"round"}}`), &r)
	if err != nil || r.Master != "n1" || r.Generation != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRecord_StackIsTheReleaseToStart(t *testing.T) {
	s := whole().Stack()
	if s.Name != "foobar_master.ddb14" || s.Project != "foobarmasterddb14" || s.Dir != "foobar_master.ddb14-r1" || s.Seq != 3 || s.ID != "r1" || s.Images["web"] != "sha256:1" {
		t.Errorf("%+v", s)
	}
}
