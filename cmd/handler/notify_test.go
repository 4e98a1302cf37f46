package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestPulse_IsTheLastTimeThatSomebodySlept(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a"}})
	t.Cleanup(c.Close)
	done := false
	c.Shell("a", "clock", func(ctx context.Context, w port.World) {
		p := &pulse{Clock: w.Clock}
		if err := p.Sleep(ctx, time.Minute); err != nil || p.since() != time.Minute {
			t.Errorf("%v after a sleep of a minute, %v", p.since(), err)
		}
		if err := p.Sleep(ctx, 0); err != nil || p.since() != 0 {
			t.Errorf("%v after a sleep of nothing, %v", p.since(), err)
		}
		done = true
	})
	if err := c.Run(func() bool { return done }); err != nil {
		t.Fatal(err)
	}
}

// manager listens as systemd does.
func manager(t *testing.T) (next func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestReady_TellsTheServiceManagerThatItIsAlive(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	ready(ctx, &pulse{Clock: node.Clock{}}, time.Hour, log)
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := next(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

func TestReady_SaysNothingMoreWhenItIsStuck(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "3000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stuck := make(chan struct{})
	log := slog.New(slog.NewTextHandler(writer(func([]byte) { stuck <- struct{}{} }), nil))
	ready(ctx, &pulse{Clock: node.Clock{}}, 0, log)
	if got := next(); got != "READY=1" {
		t.Errorf("told %q", got)
	}
	<-stuck // it has logged instead, twice
	<-stuck
	go func() { // whatever else it logs
		for range stuck {
			continue
		}
	}()
	stopping(log)
	if got := next(); got != "STOPPING=1" {
		t.Errorf("told %q by a handler that is stuck", got)
	}
}

// writer calls itself with what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }
