package buttervolume_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/buttervolume/pair"
	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/port"
)

// TestRestore_BelievesTheDiskOnly: the old generation answers success to a
// restore that did nothing.
func TestRestore_BelievesTheDiskOnly(t *testing.T) {
	p := start(t, "3.13", time.Hour)
	node, liar := p.Nodes[0], filepath.Join(filepath.Dir(p.Nodes[0].Socket), "liar.sock")
	answering(t, liar, says(`{"Err": ""}`))
	real := adapter(node)
	create(t, real, node.Socket, "db")
	first, err := real.Snapshots.Take(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	// The volume is already a copy of the snapshot: only a new one counts.
	if err := real.Volumes.Restore(t.Context(), first.Name, "db"); err != nil {
		t.Fatal(err)
	}
	lied := buttervolume.New(buttervolume.Config{Socket: liar, SnapshotsPath: filepath.Join(node.Root, "snapshots")})
	for _, volume := range []string{"db", "never"} {
		if err := lied.Volumes.Restore(t.Context(), first.Name, volume); err == nil || !strings.Contains(err.Error(), "reports success") {
			t.Errorf("restore to %s: %v", volume, err)
		}
	}
}

// TestSnapshots_HalfReceived: a receive that was cut off leaves a writable
// subvolume with the name of the whole.
func TestSnapshots_HalfReceived(t *testing.T) {
	p := start(t, "3.13", time.Hour)
	node, a := p.Nodes[0], adapter(p.Nodes[0])
	create(t, a, node.Socket, "db")
	half := "db@2026-01-01T00:00:00.000000"
	btrfs(t, "subvolume", "create", filepath.Join(node.Root, "snapshots", half))
	got, err := a.Snapshots.List(t.Context(), "db")
	if err != nil || len(got) != 1 || got[0].Name != half || got[0].ReadOnly || got[0].Received != "" || got[0].UUID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := a.Volumes.Restore(t.Context(), half, "db"); err == nil || errors.Is(err, port.ErrNotFound) {
		t.Errorf("restored: %v", err)
	}
	if err := a.Snapshots.Remove(t.Context(), half); err != nil {
		t.Error(err)
	}
}

// TestSnapshots_SeveralMountsAndStrangers: the folder of snapshots may be seen
// through any mount, other trees of the file system have the same names, and
// not everything in the folder is a snapshot.
func TestSnapshots_SeveralMountsAndStrangers(t *testing.T) {
	p := start(t, "3.13", time.Hour)
	here, other := p.Nodes[0], p.Nodes[1]
	a := adapter(here)
	create(t, a, here.Socket, "db")
	s, err := a.Snapshots.Take(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Snapshots.Send(t.Context(), s.Name, other.Address); err != nil {
		t.Fatal(err)
	}
	btrfs(t, "subvolume", "create", filepath.Join(here.Root, "snapshots", "not a snapshot"))
	if err := os.MkdirAll(filepath.Join(here.Root, "snapshots", "db@plain"), 0o755); err != nil {
		t.Fatal(err)
	}
	view := t.TempDir()
	command(t, "mount", "--bind", here.Root, view)
	t.Cleanup(func() { command(t, "umount", view) })
	for _, root := range []string{here.Root, view} {
		seen := buttervolume.New(buttervolume.Config{Socket: here.Socket, SnapshotsPath: filepath.Join(root, "snapshots")})
		got, err := seen.Snapshots.List(t.Context(), "")
		if err != nil || len(got) != 2 || got[0] != s || got[1].Host != other.Address {
			t.Errorf("through %s: %+v, %v", root, got, err)
		}
	}
	wrong := buttervolume.New(buttervolume.Config{Socket: here.Socket, SnapshotsPath: t.TempDir()})
	if _, err := wrong.Snapshots.List(t.Context(), ""); err == nil {
		t.Error("a wrong folder passed for an empty one")
	}
}

// TestSend_IsIncrementalWhereItCan: what was received second grew out of what
// was received first.
func TestSend_IsIncrementalWhereItCan(t *testing.T) {
	p := start(t, "3.13", time.Hour)
	here, other := p.Nodes[0], p.Nodes[1]
	a := adapter(here)
	create(t, a, here.Socket, "db")
	var received []string
	for range 2 {
		s, err := a.Snapshots.Take(t.Context(), "db")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Snapshots.Send(t.Context(), s.Name, other.Address); err != nil {
			t.Fatal(err)
		}
		received = append(received, show(t, other, s.Name))
	}
	if first, second := field(received[0], "UUID"), field(received[1], "Parent UUID"); first == "" || first != second {
		t.Errorf("parent of the second is %q, the first is %q", second, first)
	}
}

// TestSend_FullDiskIsErrNoSpace: the receiver's text is what tells.
func TestSend_FullDiskIsErrNoSpace(t *testing.T) {
	need(t)
	socket, _ := place(t)
	p := start(t, "3.13", time.Hour)
	node := p.Nodes[0]
	a := adapter(node)
	create(t, a, node.Socket, "db")
	s, err := a.Snapshots.Take(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	full := answering(t, socket, func(w http.ResponseWriter, r *http.Request) {
		says(`{"Err": "btrfs send/receive failed (send: 1, receive: 1): ERROR: write to x failed: No space left on device"}`)(w, r)
	})
	b := buttervolume.New(buttervolume.Config{Socket: full.socket, SnapshotsPath: filepath.Join(node.Root, "snapshots")})
	if err := b.Snapshots.Send(t.Context(), s.Name, "10.0.0.2"); !errors.Is(err, port.ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if calls := full.asked(); len(calls) != 1 {
		t.Errorf("a failed send was repeated: %q", calls)
	}
}

func show(t *testing.T, n *pair.Node, snapshot string) string {
	t.Helper()
	return btrfs(t, "subvolume", "show", filepath.Join(n.Root, "snapshots", snapshot))
}

func field(shown, key string) string {
	m := regexp.MustCompile(`(?m)^\s*` + key + `:\s+(\S+)$`).FindStringSubmatch(shown)
	if m == nil {
		return ""
	}
	return m[1]
}

func btrfs(t *testing.T, args ...string) string {
	t.Helper()
	return command(t, append([]string{"btrfs"}, args...)...)
}

func command(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", argv, err, out)
	}
	return string(out)
}

// TestVolumes_DriverKilledWhileItHangs: the new driver knows nothing of the
// old one's call, so the volume is open and as it was.
func TestVolumes_DriverKilledWhileItHangs(t *testing.T) {
	p := start(t, "3.13", time.Hour)
	node, a := p.Nodes[0], adapter(p.Nodes[0])
	create(t, a, node.Socket, "db")
	if err := node.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.Volumes.Remove(ctx, "db"); !errors.Is(err, port.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if err := node.StopDriver(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Snapshots.Take(t.Context(), "db"); !errors.Is(err, port.ErrBlocked) {
		t.Errorf("no driver: %v, want ErrBlocked", err)
	}
	if err := p.StartDriver(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Snapshots.Take(t.Context(), "db"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}
