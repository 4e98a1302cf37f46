package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// batch is n events, every one of which carries a whole request; ids begin at
// from.
func batch(t testing.TB, from, n int) string {
	t.Helper()
	type event struct{ ID, Name, Payload string }
	var events []event
	for i := from; i < from+n; i++ {
		payload := fmt.Sprintf(`{"repo": "https://h.example/team/app%d", "branch": "main", "master": "n1", "slave": "n2"}`, i)
		events = append(events, event{fmt.Sprintf("b54fe110-7af5-cafc-d1fb-%012d", i), "deploy", base64.StdEncoding.EncodeToString([]byte(payload))})
	}
	data, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// asked counts what reaches the KV.
type asked struct {
	port.KV
	calls *int
}

func (k asked) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	*k.calls++
	return k.KV.List(ctx, prefix)
}

func (k asked) Apply(ctx context.Context, t port.Txn) (uint64, error) {
	*k.calls++
	return k.KV.Apply(ctx, t)
}

// firing lets the watch take a batch, and returns its error and how often it
// asked Consul.
func firing(t *testing.T, c *sim.Cluster, dir, stdin string) (calls int, err error) {
	t.Helper()
	done := false
	c.Shell("a", "watch", func(ctx context.Context, w port.World) {
		v := &watcher{err: io.Discard, kv: func() (port.KV, error) { return asked{w.KV, &calls}, nil }}
		v.runDir = dir
		err = v.run(ctx, strings.NewReader(stdin))
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		t.Fatal(err)
	}
	return calls, err
}

func requests(c *sim.Cluster) (n int) {
	pairs, _ := c.KV()
	for _, p := range pairs {
		if strings.HasPrefix(p.Key, "request/") {
			n++
		}
	}
	return n
}

func TestWatch_HandsEachEventOverOnce(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	dir := filepath.Join(t.TempDir(), "run")
	for _, f := range []struct {
		says     string
		from, n  int
		calls    int
		requests int
	}{
		{"one event is one write", 0, 1, 1, 1},
		{"again: nothing is asked", 0, 1, 0, 1},
		{"one more is one write", 0, 2, 1, 2},
		{"many: one listing, and a write for each", 0, 10, 1 + 8, 10},
		{"the ring has lost the oldest", 5, 6, 1, 11},
		{"nothing new", 5, 6, 0, 11},
	} {
		calls, err := firing(t, c, dir, batch(t, f.from, f.n))
		if err != nil || calls != f.calls || requests(c) != f.requests {
			t.Errorf("%s: %d calls, %d requests, %v; want %d and %d", f.says, calls, requests(c), err, f.calls, f.requests)
		}
	}
	pairs, index := c.KV()
	// After a reboot nothing is remembered: one listing, and nothing is written.
	if calls, err := firing(t, c, filepath.Join(t.TempDir(), "run"), batch(t, 0, 11)); err != nil || calls != 1 {
		t.Errorf("with nothing remembered: %d calls, %v", calls, err)
	}
	if again, now := c.KV(); len(again) != len(pairs) || now != index {
		t.Error("a firing without news has changed the KV")
	}
}

func TestWatch_LeavesToTheNextFiringWhatConsulDidNotTake(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	dir := t.TempDir()
	fault := c.Inject(sim.Fault{Process: sim.Shell, Call: "KV.Apply:request", Nth: 3, Phase: sim.ErrorBefore})
	if _, err := firing(t, c, dir, batch(t, 0, 5)); err == nil || code(err) != exitUnknown || fault.Fired != 1 || requests(c) != 2 {
		t.Errorf("%d requests, %v", requests(c), err)
	}
	if calls, err := firing(t, c, dir, batch(t, 0, 5)); err != nil || requests(c) != 5 || calls != 1+3 {
		t.Errorf("next firing: %d requests, %d calls, %v", requests(c), calls, err)
	}
	c.ConsulAway(true)
	if _, err := firing(t, c, dir, batch(t, 0, 9)); code(err) != exitUnknown {
		t.Errorf("without Consul: %v", err)
	}
}

func TestWatch_WithoutAFolderWorksAllTheSame(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	for range 2 {
		if _, err := firing(t, c, "/proc/nowhere", batch(t, 0, 3)); err != nil || requests(c) != 3 {
			t.Errorf("%d requests, %v", requests(c), err)
		}
	}
}
