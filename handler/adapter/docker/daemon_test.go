package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"github.com/mlfmonde/cluster/fixtures/nodes/dockerd"
)

// world is what all tests of this package share: one private daemon and one
// small program, both made when first asked for.
type world struct {
	once    sync.Once
	dir     string
	compose []string
	daemon  *dockerd.Daemon
	server  []byte // the program
	lack    error  // why there is none
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared().stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var shared = sync.OnceValue(func() *world { return &world{} })

// need returns the shared world, or skips: it fails where the recette requires
// Docker.
func need(t testing.TB) *world {
	t.Helper()
	w := shared()
	w.once.Do(func() { w.lack = w.start() })
	if w.lack != nil {
		if slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), "docker") {
			t.Fatalf("Docker is required: %v", w.lack)
		}
		t.Skip(w.lack)
	}
	return w
}

func (w *world) start() error {
	var err error
	if w.compose, err = findCompose(); err != nil {
		return err
	}
	if w.dir, err = os.MkdirTemp("", "dk"); err != nil {
		return err
	}
	if w.server, err = buildServer(w.dir); err != nil {
		return err
	}
	w.daemon, err = dockerd.Start(context.Background(), filepath.Join(w.dir, "d"))
	return err
}

func (w *world) stop() error {
	if w.daemon == nil {
		return os.RemoveAll(w.dir)
	}
	return errors.Join(w.daemon.Stop(context.Background()), os.RemoveAll(w.dir))
}

// findCompose prefers the pinned tool.
func findCompose() ([]string, error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		path := filepath.Join(cache, "mlfmonde-cluster", "tools", "bin", "docker-compose")
		if _, err := os.Stat(path); err == nil {
			return []string{path}, nil
		}
	}
	if path, err := exec.LookPath("docker-compose"); err == nil {
		if out, err := exec.Command(path, "version", "--short").Output(); err == nil && !bytes.HasPrefix(out, []byte("1.")) {
			return []string{path}, nil
		}
	}
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}, nil
	}
	return nil, errors.New("no docker compose of version 2 or later (make tools)")
}

// program runs until it is asked to stop, with "stubborn" until it is killed,
// with "crash" not at all; "ok" is its health check.
const program = `package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	switch {
	case slices.Contains(os.Args, "crash"):
		os.Exit(3)
	case slices.Contains(os.Args, "ok"):
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for {
		<-stop
		if !slices.Contains(os.Args, "stubborn") {
			return
		}
	}
}
`

func buildServer(dir string) ([]byte, error) {
	source, binary := filepath.Join(dir, "server.go"), filepath.Join(dir, "server")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the test's server: %w: %s", err, out)
	}
	return os.ReadFile(binary)
}

// archive is a tar of files, all executable.
func archive(files map[string][]byte) []byte {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for name, data := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg})
		_, _ = w.Write(data)
	}
	_ = w.Close()
	return buffer.Bytes()
}

// api is the plain client of the shared daemon.
func (w *world) api(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost(w.daemon.Host()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// importImage makes an image of the server under a name, without a build.
func (w *world) importImage(t testing.TB, ref string, args ...string) {
	t.Helper()
	entry, err := json.Marshal(append([]string{"/server"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.api(t).ImageImport(t.Context(), client.ImageImportSource{Source: bytes.NewReader(archive(map[string][]byte{"server": w.server})), SourceName: "-"},
		ref, client.ImageImportOptions{Changes: []string{"ENTRYPOINT " + string(entry)}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var said bytes.Buffer
	if _, err := said.ReadFrom(r); err != nil || !strings.Contains(said.String(), "sha256:") {
		t.Fatalf("import: %v: %s", err, said.String())
	}
}

// wipe removes everything from the daemon.
func (w *world) wipe(t testing.TB) {
	ctx, api := context.Background(), w.api(t)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	for _, c := range containers.Items {
		_, failed := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		err = errors.Join(err, failed)
	}
	networks, failed := api.NetworkList(ctx, client.NetworkListOptions{})
	err = errors.Join(err, failed)
	for _, n := range networks.Items {
		if n.Driver == "bridge" && n.Name != "bridge" {
			_, failed := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			err = errors.Join(err, failed)
		}
	}
	volumes, failed := api.VolumeList(ctx, client.VolumeListOptions{})
	err = errors.Join(err, failed)
	for _, v := range volumes.Items {
		_, failed := api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		err = errors.Join(err, failed)
	}
	images, failed := api.ImageList(ctx, client.ImageListOptions{All: true})
	err = errors.Join(err, failed)
	for _, i := range images.Items {
		// Parents go with their children.
		_, _ = api.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true})
	}
	if err != nil {
		t.Errorf("wipe: %v", err)
	}
}
