package node_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/fixtures/nodes/dockerd"
	"github.com/mlfmonde/cluster/handler/app"
)

// startDocker starts a private daemon, or skips the test.
func startDocker(t *testing.T) (*dockerd.Daemon, *client.Client) {
	t.Helper()
	dir := tempDir(t, "")
	d, err := dockerd.Start(t.Context(), filepath.Join(dir, "d"))
	if errors.Is(err, dockerd.ErrMissing) && !slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), "docker") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	api, err := client.New(client.WithHost(d.Host()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return d, api
}

// importSleeper makes an image of a program that waits to be killed.
func importSleeper(t *testing.T, api *client.Client) {
	t.Helper()
	dir := tempDir(t, "")
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "sleeper")
	if err := os.WriteFile(source, []byte("package main\n\nimport \"time\"\n\nfunc main() { time.Sleep(time.Hour) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", binary, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "sleeper", Mode: 0o755, Size: int64(len(data))}), func() error { _, err := w.Write(data); return err }(), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: &files, SourceName: "-"}, "sleeper", client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/sleeper"]`}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
}

// runContainer starts a container that Docker restarts for ever, with the
// lease file among its mounts, and returns its process.
func runContainer(t *testing.T, api *client.Client, name, lease string) int {
	t.Helper()
	_, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: "sleeper"},
		HostConfig: &container.HostConfig{
			NetworkMode: "none", RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
			Mounts: []mount.Mount{{Type: mount.TypeBind, Source: lease, Target: "/run/cluster.lease", ReadOnly: true}},
		},
	})
	if err == nil {
		_, err = api.ContainerStart(t.Context(), name, client.ContainerStartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return state(t, api, name).Pid
}

func state(t *testing.T, api *client.Client, name string) *container.State {
	t.Helper()
	found, err := api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Container.State
}

// What the guard does at the end of a lease when dockerd does not answer, and
// what dockerd does when it answers again.
func TestWarden_KillsRealContainersOfADaemonThatHangs(t *testing.T) {
	n, c := newNode(t)
	daemon, api := startDocker(t)
	importSleeper(t, api)
	for _, l := range []app.Lease{{Project: "alpha", Seq: 1}, {Project: "alpha", Seq: 2}} {
		if err := n.Guard.Grant(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	ours := runContainer(t, api, "ours", filepath.Join(c.LeaseRoot, "alpha.1"))
	other := runContainer(t, api, "other", filepath.Join(c.LeaseRoot, "alpha.2"))

	if err := syscall.Kill(daemon.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(daemon.Pid(), syscall.SIGCONT) }()
	if err := n.Guard.Release(t.Context(), "alpha", 1); err != nil {
		t.Fatal(err)
	}
	if err := n.Warden.Slay(t.Context(), "alpha", 1, true); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); alive(ours) && time.Now().Before(end); { // killed, perhaps not yet gone
		runtime.Gosched()
	}
	if alive(ours) || !alive(other) {
		t.Fatalf("its container is alive: %v, the other: %v", alive(ours), alive(other))
	}

	if err := syscall.Kill(daemon.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "dockerd has seen the death", func() bool { s := state(t, api, "ours"); return s.Pid == 0 && !s.Running })
	if _, err := api.ContainerStart(t.Context(), "ours", client.ContainerStartOptions{}); err == nil || !strings.Contains(err.Error(), "bind source path does not exist") {
		t.Errorf("a start without the lease file: error is %v", err)
	}
	if s := state(t, api, "other"); !s.Running || s.Pid != other {
		t.Errorf("the other container is %+v", s)
	}
}
