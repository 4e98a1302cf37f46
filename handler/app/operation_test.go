package app_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/mlfmonde/cluster/handler/app"
)

var (
	ab = app.Placement{Master: "a", Slave: "b"}
	cd = app.Placement{Master: "c", Slave: "d"}
)

func TestOperation_RunsByItsOutcome(t *testing.T) {
	for _, c := range []struct {
		says string
		o    app.Operation
		want app.Placement
	}{
		{"committed: the new one", app.Operation{State: app.Done, Outcome: app.OutcomeCommitted, Old: ab, New: cd}, cd},
		{"aborted: as before", app.Operation{State: app.Done, Outcome: app.OutcomeAborted, Old: ab, New: cd}, ab},
		{"refused: as before", app.Operation{State: app.Done, Outcome: app.OutcomeRefused, Old: ab, New: cd}, ab},
		{"destroyed: nowhere", app.Operation{State: app.Done, Outcome: app.OutcomeCommitted, Old: ab}, app.Placement{}},
		{"a first deploy that was aborted: nowhere", app.Operation{State: app.Done, Outcome: app.OutcomeAborted, New: cd}, app.Placement{}},
	} {
		if got := c.o.Runs(); got != c.want {
			t.Errorf("%s: got %s", c.says, got)
		}
	}
}

func TestOperation_NodesAreTheParticipants(t *testing.T) {
	for _, c := range []struct {
		o    app.Operation
		want []string
	}{
		{app.Operation{}, nil},
		{app.Operation{Old: ab}, []string{"a", "b"}},
		{app.Operation{Old: ab, New: app.Placement{Master: "b", Slave: "a"}}, []string{"a", "b"}},
		{app.Operation{Old: cd, New: ab}, []string{"a", "b", "c", "d"}},
		{app.Operation{New: app.Placement{Master: "z"}, PeerAt: ab}, []string{"a", "z"}},
		{app.Operation{Lead: "x", Old: ab}, []string{"a", "b", "x"}},
	} {
		got := c.o.Nodes()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s → %s: got %v, want %v", c.o.Old, c.o.New, got, c.want)
		}
		for _, node := range []string{"a", "b", "c", "d", "z", "x", ""} {
			if c.o.Involves(node) != slices.Contains(c.want, node) {
				t.Errorf("%s → %s: involves %q: %v", c.o.Old, c.o.New, node, c.o.Involves(node))
			}
		}
	}
}

func TestOperation_RunnerIsWhoseContainersStart(t *testing.T) {
	for kind, want := range map[app.Kind]uint64{app.Deploy: 7, app.Migrate: 3, app.Destroy: 3} {
		if got := (app.Operation{Kind: kind, Seq: 7, Generation: 3}).Runner(); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}

func TestOperation_FailoverIsWithoutTheOldMaster(t *testing.T) {
	flag := app.Flags{Failover: true}
	for _, c := range []struct {
		o    app.Operation
		want bool
	}{
		{app.Operation{Flags: flag, Old: ab, New: cd}, true},
		{app.Operation{Old: ab, New: cd}, false},
		{app.Operation{Flags: flag, Old: ab, New: app.Placement{Master: "a"}}, false},
	} {
		if got := c.o.Failover(); got != c.want {
			t.Errorf("%s → %s: %v", c.o.Old, c.o.New, got)
		}
	}
}

func TestOperation_JSONKeepsEverythingButTheIndex(t *testing.T) {
	peer := app.App{Repo: "https://h.example/app", Branch: "dev"}
	o := app.Operation{Seq: 7, ID: "r1", Kind: app.Migrate, App: peer, Flags: app.Flags{Update: true}, Old: ab, New: cd, RecordIndex: 12,
		Generation: 6, State: app.Switching, Reason: "x", Pending: []string{"b"}, Peer: &peer, PeerAt: ab, Lock: true, Index: 99}
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var got app.Operation
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Index != 0 || *got.Peer != peer {
		t.Errorf("index %d, peer %v", got.Index, got.Peer)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("%s became %s, %v", data, again, err)
	}
}

func TestRequest_NamesWhatItLocks(t *testing.T) {
	target, source := parse(t, "https://h.example/app", "dev"), parse(t, "https://h.example/app", "prod")
	if got := (app.Request{App: target}).Names(); !slices.Equal(got, []string{target.Name()}) {
		t.Errorf("deploy: %v", got)
	}
	if got := (app.Request{App: target, Source: &source}).Names(); !slices.Equal(got, []string{target.Name(), source.Name()}) {
		t.Errorf("migrate: %v", got)
	}
}

func TestSnapshot_OriginIsWhereItWasTaken(t *testing.T) {
	if got := (app.Snapshot{UUID: "own"}).Origin(); got != "own" {
		t.Errorf("made here: %s", got)
	}
	if got := (app.Snapshot{UUID: "own", Received: "far"}).Origin(); got != "far" {
		t.Errorf("received: %s", got)
	}
}
