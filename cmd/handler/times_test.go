package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

func TestTimes_TheFileCanSetEachOfThem(t *testing.T) {
	given := map[string]any{}
	want := app.DefaultTimes()
	for i, d := range durations(&want) {
		*d.at = time.Duration(i+1) * time.Second
		given[d.name] = d.at.String()
	}
	for i, n := range numbers(&want) {
		*n.at = i + 1
		given[n.name] = i + 1
	}
	if n := reflect.TypeFor[app.Times]().NumField(); n != len(given) {
		t.Fatalf("app.Times has %d fields, the file knows %d", n, len(given))
	}
	data, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	got := app.DefaultTimes()
	if err := readTimes(data, &got); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestTimes_EveryBrokenRelationIsNamed(t *testing.T) {
	if err := checkTimes(app.DefaultTimes()); err != nil {
		t.Fatal(err)
	}
	broken := map[string]func(*app.Times){
		"lease must be ≥ 3 ×":      func(t *app.Times) { t.Beat = 4 * time.Second },
		"call_timeout must be":     func(t *app.Times) { t.CallTimeout = 9 * time.Second },
		"lease must be > 10s":      func(t *app.Times) { t.Lease = 10 * time.Second },
		"guard_poll must be":       func(t *app.Times) { t.GuardPoll = 3 * time.Second },
		"kill_max must be":         func(t *app.Times) { t.KillMax = 3 * time.Second },
		"silence must be":          func(t *app.Times) { t.Silence = 44 * time.Second },
		"session_ttl must be from": func(t *app.Times) { t.SessionTTL = 9 * time.Second },
		"session_ttl must be ≥":    func(t *app.Times) { t.Beat = 6 * time.Second },
		"gone must be ≥ 2":         func(t *app.Times) { t.SessionTTL = 31 * time.Second },
		"gone must be ≥ silence":   func(t *app.Times) { t.Gone = 44 * time.Second },
		"orphan must be":           func(t *app.Times) { t.Orphan = t.Gone },
		"edge_wait must be":        func(t *app.Times) { t.EdgeWait = t.Silence },
		"poll must be":             func(t *app.Times) { t.Poll = time.Minute },
		"delta_max must be":        func(t *app.Times) { t.DeltaMax = 2 * time.Minute },
		"settled must be":          func(t *app.Times) { t.Settled = t.Healthy },
		"tombstones_kept must be":  func(t *app.Times) { t.TombstonesKept = 1023 },
	}
	if n := len(relations(app.DefaultTimes())); n != len(broken) {
		t.Errorf("%d relations, %d of them are broken here", n, len(broken))
	}
	for says, change := range broken {
		times := app.DefaultTimes()
		change(&times)
		if err := checkTimes(times); err == nil || !strings.Contains("\n"+err.Error(), "\n"+says) {
			t.Errorf("%q is not said: %s", says, fmt.Sprint(err))
		}
	}
}
