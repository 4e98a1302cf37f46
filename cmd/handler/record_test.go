package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/execute"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
)

// still is a clock that stands.
type still struct{}

func (still) Now() time.Time                             { return time.Unix(0, 0).UTC() }
func (still) Boot() time.Duration                        { return time.Second }
func (still) Sleep(context.Context, time.Duration) error { return nil }

// begin records one call into the file at path, as one start of the agent.
func begin(t *testing.T, path string) {
	t.Helper()
	r, err := openRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	w := port.World{Clock: &pulse{Clock: still{}}, Log: slog.New(slog.DiscardHandler)}
	w, end := r.of(w, execute.DefaultConfig("n1"), func() error { return nil })
	if err := w.Clock.Sleep(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

func TestRecording_GoesOnAfterAPowerCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	begin(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := whole[:len(whole)-20] // the last line did not get to the disk
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, path)
	all, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(all), string(torn)+"\n") {
		t.Fatalf("%v: %s", err, all)
	}
	r, err := witness.Read(path, strings.NewReader(string(all)))
	if err != nil || len(r.Headers) != 2 || len(r.Calls) != 1 || r.Calls[0].Call != "Clock.Sleep" || r.Calls[0].Begun != 1 {
		t.Errorf("%v: %+v", err, r)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: others may read it: %v", err, info.Mode())
	}
}

func TestRecording_IsOffUnlessAskedFor(t *testing.T) {
	r, err := openRecording("")
	if err != nil {
		t.Fatal(err)
	}
	w := port.World{Clock: still{}}
	if got, _ := r.of(w, execute.DefaultConfig("n1"), nil); got != w {
		t.Errorf("the world is another one: %+v", got)
	}
}
