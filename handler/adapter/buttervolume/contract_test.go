package buttervolume_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/buttervolume/pair"
	"github.com/mlfmonde/cluster/fixtures/nodes/loop"
	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

func TestMain(m *testing.M) { os.Exit(loop.Contain(m.Run)) }

// round is the pause between two rounds of the drivers' schedulers.
const round = 200 * time.Millisecond

// world is two drivers that listen somewhere.
type world struct {
	here, other   *buttervolume.Adapter
	socket        string
	root, far     string // of the two
	address, away string
	dead          string
	freeze, thaw  func() error // of the first driver
	stop, start   func() error
}

func TestContract(t *testing.T) {
	if socket := os.Getenv("BUTTERVOLUME_SOCKET"); socket != "" {
		run(t, foreign(t, socket))
		return
	}
	for _, api := range []string{"3.13", "3.7"} {
		t.Run(api, func(t *testing.T) {
			p := start(t, api, round)
			here, other := p.Nodes[0], p.Nodes[1]
			run(t, &world{
				here: adapter(here), other: adapter(other), socket: here.Socket, root: here.Root, far: other.Root,
				address: here.Address, away: other.Address, dead: pair.Nobody, freeze: here.Freeze, thaw: here.Thaw,
				stop: here.StopDriver, start: func() error { return p.StartDriver(t.Context(), here) },
			})
		})
	}
}

func run(t *testing.T, w *world) {
	porttest.Each(t, porttest.DataClauses(), w.run)
	if w.freeze != nil {
		porttest.Each(t, porttest.DataHangClauses(), w.run)
	}
	if w.stop != nil {
		porttest.Each(t, porttest.DataDownClauses(), w.run)
	}
}

// need skips the test where the machine cannot run it, or fails when it must.
func need(t *testing.T) {
	t.Helper()
	why := pair.Missing()
	if testing.Short() {
		t.Skip("real BTRFS is not for -short")
	}
	switch {
	case why == "":
	case slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), "btrfs"):
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

func start(t *testing.T, api string, timer time.Duration) *pair.Pair {
	t.Helper()
	need(t)
	driver, err := pair.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// The name of a unix socket has room for 107 bytes, t.TempDir's may be longer.
	dir, err := os.MkdirTemp("", "pair")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p, err := pair.Start(t.Context(), pair.Options{Dir: dir, Driver: driver, API: api, Timer: timer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func adapter(n *pair.Node) *buttervolume.Adapter {
	return buttervolume.New(buttervolume.Config{Socket: n.Socket, SnapshotsPath: filepath.Join(n.Root, "snapshots")})
}

// foreign is a pair of drivers that somebody else started: the plugin itself.
func foreign(t *testing.T, socket string) *world {
	t.Helper()
	from := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			t.Fatalf("BUTTERVOLUME_SOCKET is set, so %s must be too", name)
		}
		return value
	}
	w := &world{
		socket: socket, root: from("BUTTERVOLUME_ROOT"), far: from("BUTTERVOLUME_OTHER_ROOT"), dead: pair.Nobody,
		address: from("BUTTERVOLUME_ADDRESS"), away: from("BUTTERVOLUME_OTHER_ADDRESS"),
	}
	w.here = adapter(&pair.Node{Socket: socket, Root: w.root})
	w.other = adapter(&pair.Node{Socket: from("BUTTERVOLUME_OTHER_SOCKET"), Root: w.far})
	if pid, err := strconv.Atoi(os.Getenv("BUTTERVOLUME_PID")); err == nil {
		w.freeze = func() error { return syscall.Kill(pid, syscall.SIGSTOP) }
		w.thaw = func() error { return syscall.Kill(pid, syscall.SIGCONT) }
	}
	return w
}

// run gives body a pair without anything of an earlier clause.
func (w *world) run(t porttest.T, body func(context.Context, porttest.Data)) {
	ctx := context.Background()
	w.sweep(ctx, t)
	body(ctx, w.data(t))
	w.sweep(ctx, t)
}

func (w *world) data(t porttest.T) porttest.Data {
	text := func(root, volume string) string { return filepath.Join(root, "volumes", volume, "text") }
	read := func(root string) func(string) string {
		return func(volume string) string {
			content, err := os.ReadFile(text(root, volume))
			if err != nil && !os.IsNotExist(err) {
				t.Fatalf("read: %v", err)
			}
			return string(content)
		}
	}
	return porttest.Data{
		DataPorts: ports(w.here), Other: ports(w.other),
		Address: w.address, OtherAddress: w.away, DeadAddress: w.dead,
		Create: func(volume string) { create(t, w.here, w.socket, volume) },
		Write: func(volume, content string) {
			if err := os.WriteFile(text(w.root, volume), []byte(content), 0o644); err != nil {
				t.Fatalf("write: %v", err)
			}
		},
		Read: read(w.root), ReadOther: read(w.far),
		Advance: func(time.Duration) { <-time.After(round) },
		Hang: func(ctx context.Context) (context.Context, func()) {
			if err := w.freeze(); err != nil {
				t.Fatalf("freeze: %v", err)
			}
			hung, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			return hung, func() {
				cancel()
				if err := w.thaw(); err != nil {
					t.Fatalf("thaw: %v", err)
				}
			}
		},
		Down: func() func() {
			check(t, w.stop())
			return func() { check(t, w.start()) }
		},
	}
}

func ports(a *buttervolume.Adapter) porttest.DataPorts {
	return porttest.DataPorts{Volumes: a.Volumes, Snapshots: a.Snapshots, Schedules: a.Schedules}
}

// sweep takes away what clauses left on both nodes: schedules first, that the
// scheduler makes nothing new.
func (w *world) sweep(ctx context.Context, t porttest.T) {
	for _, a := range []*buttervolume.Adapter{w.here, w.other} {
		lines, err := a.Schedules.List(ctx)
		check(t, err)
		for _, l := range lines {
			if strings.HasPrefix(l.Volume, porttest.DataPrefix) {
				check(t, a.Schedules.Set(ctx, l.Volume, nil))
			}
		}
		volumes, err := a.Volumes.List(ctx)
		check(t, err)
		for _, v := range volumes {
			if strings.HasPrefix(v, porttest.DataPrefix) {
				check(t, a.Volumes.Remove(ctx, v))
			}
		}
		snapshots, err := a.Snapshots.List(ctx, "")
		check(t, err)
		for _, s := range snapshots {
			if strings.HasPrefix(s.Volume, porttest.DataPrefix) {
				check(t, a.Snapshots.Remove(ctx, s.Name))
			}
		}
	}
}

func check(t porttest.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}
