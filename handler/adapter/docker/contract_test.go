package docker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"gopkg.in/yaml.v3"

	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// bench is one empty node for one test: the shared daemon, folders and a
// registry of its own.
type bench struct {
	*docker.Docker
	t        testing.TB
	world    *world
	registry *registry
	config   docker.Config
}

func newBench(t testing.TB, change ...func(*docker.Config)) *bench {
	t.Helper()
	w := need(t)
	dir, err := os.MkdirTemp("", "bn")
	if err != nil {
		t.Fatal(err)
	}
	c := docker.Config{
		Host: w.daemon.Host(), Compose: w.compose, Root: filepath.Join(dir, "deploy"),
		LeaseRoot: filepath.Join(dir, "lease"), RunDir: filepath.Join(dir, "run"),
	}
	for _, f := range change {
		f(&c)
	}
	for _, folder := range []string{c.Root, c.LeaseRoot} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d, err := docker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.wipe(t)
		_ = d.Close()
		_ = os.RemoveAll(dir)
	})
	return &bench{Docker: d, t: t, world: w, registry: newRegistry(t, w.server, ""), config: c}
}

// The application of all benches.
const (
	appName = "site_main.0a1b2"
	project = "sitemain0a1b2"
)

func stackOf(l porttest.Layout) app.Stack {
	return app.Stack{Name: appName, Project: project, Dir: app.Checkout(appName, "id"+l.ID), Seq: l.Seq, ID: l.ID}
}

// service is one service of a compose file, as a map that tests may change.
type service = map[string]any

// canonical is the file that inspection would write.
func (b *bench) canonical(l porttest.Layout) map[string]service {
	s := stackOf(l)
	common := func(name string) service {
		return service{
			"image": s.Project + "-" + name + ":" + s.ID, "pull_policy": "never", "restart": "unless-stopped",
			"labels": map[string]string{app.LabelApp: s.Name, app.LabelSeq: strconv.FormatUint(s.Seq, 10), app.LabelOperation: s.ID},
			"volumes": []any{map[string]any{
				"type": "bind", "source": filepath.Join(b.config.LeaseRoot, fmt.Sprintf("%s.%d", s.Project, s.Seq)), "target": "/run/cluster.lease",
				"read_only": true, "bind": map[string]any{"create_host_path": false},
			}},
		}
	}
	services := map[string]service{}
	for _, name := range l.Built {
		services[name] = common(name)
		services[name]["build"] = map[string]any{"context": ".", "dockerfile": "Dockerfile." + name}
	}
	for _, name := range l.Pulled {
		services[name] = common(name)
		services[name]["x-cluster-source"] = b.registry.host() + "/app:latest"
	}
	for _, name := range l.Gone {
		services[name] = common(name)
		services[name]["x-cluster-source"] = b.registry.host() + "/gone:latest"
	}
	for _, s := range services {
		if l.Checked {
			s["healthcheck"] = map[string]any{"test": []string{"CMD", "/server", "ok"}, "interval": "200ms"}
		}
	}
	for _, key := range l.Local {
		for _, s := range services {
			s["volumes"] = append(s["volumes"].([]any), key+":/"+key)
		}
	}
	return services
}

// old is a file of the old tool: no label, no lease, and what it names.
func (b *bench) old(l porttest.Layout) map[string]service {
	services := map[string]service{}
	for _, name := range l.Built {
		b.world.importImage(b.t, "old-"+name)
		services[name] = service{"image": "old-" + name, "restart": "always"}
	}
	return services
}

// lay makes the checkout of a layout and returns its stack.
func (b *bench) lay(l porttest.Layout) app.Stack {
	if l.Seq == 0 {
		return b.write(l, "docker-compose.yml", b.old(l))
	}
	return b.write(l, app.CanonicalFile, b.canonical(l))
}

func (b *bench) write(l porttest.Layout, file string, services map[string]service) app.Stack {
	b.t.Helper()
	s := stackOf(l)
	dir := filepath.Join(b.config.Root, s.Dir)
	volumes := map[string]any{}
	for _, key := range l.Local {
		volumes[key] = map[string]any{}
	}
	text, err := yaml.Marshal(map[string]any{"name": s.Project, "services": services, "volumes": volumes})
	if err != nil {
		b.t.Fatal(err)
	}
	files := map[string][]byte{file: text, "server": b.world.server}
	entry := []string{"/server"}
	if l.Stubborn {
		entry = append(entry, "stubborn")
	}
	argv, err := json.Marshal(entry)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, name := range l.Built {
		files["Dockerfile."+name] = fmt.Appendf(nil, "FROM scratch\nCOPY server /server\nLABEL version=%q service=%q\nENTRYPOINT %s\n", l.Version, name, argv)
	}
	for name, what := range l.Scripts {
		files[name] = map[porttest.Script][]byte{porttest.Works: []byte("exit 0\n"), porttest.Breaks: []byte("echo it broke >&2\nexit 4\n")}[what]
	}
	for name, data := range files {
		b.put(filepath.Join(dir, name), data)
	}
	return s
}

func (b *bench) put(path string, data []byte) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		b.t.Fatal(err)
	}
}

// boot is a loss of power and the machine's next start.
func (b *bench) boot() {
	b.t.Helper()
	if err := b.world.daemon.Cut(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	leases, err := filepath.Glob(filepath.Join(b.config.LeaseRoot, "*"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, l := range leases {
		if err := os.Remove(l); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := b.world.daemon.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) volumes() []string {
	b.t.Helper()
	found, err := b.world.api(b.t).VolumeList(context.Background(), client.VolumeListOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	names := []string{}
	for _, v := range found.Items {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names
}

// leases makes and removes lease files and nothing else.
type leases struct{ dir string }

func (g leases) path(project string, seq uint64) string {
	return filepath.Join(g.dir, fmt.Sprintf("%s.%d", project, seq))
}

func (g leases) Grant(_ context.Context, l app.Lease) error {
	return os.WriteFile(g.path(l.Project, l.Seq), nil, 0o644)
}

func (g leases) Release(_ context.Context, project string, seq uint64) error {
	return os.Remove(g.path(project, seq))
}

func (g leases) List(context.Context) ([]app.Lease, error) { return nil, port.ErrNotFound }

func (g leases) Mark(context.Context) (time.Duration, error) { return 0, port.ErrNotFound }

func (b *bench) env() porttest.StackEnv {
	return porttest.StackEnv{
		Images: b.Images, Stack: b.Stack, Containers: b.Containers, Scripts: b.Scripts, Guard: leases{dir: b.config.LeaseRoot},
		Lay: b.lay, Volumes: b.volumes, Boot: b.boot,
		ByHand: func(name string) error {
			_, err := b.world.api(b.t).ContainerStart(context.Background(), name, client.ContainerStartOptions{})
			return err
		},
	}
}

func contract(t *testing.T, clauses []porttest.Clause[porttest.StackEnv]) {
	need(t)
	for _, clause := range clauses {
		t.Run(clause.Method+"/"+clause.Says, func(t *testing.T) {
			porttest.Note(t, clause.Method, clause.Says)
			clause.Check(t.Context(), t, newBench(t).env())
		})
	}
}

func TestImages_Contract(t *testing.T)     { contract(t, porttest.ImagesClauses()) }
func TestStack_Contract(t *testing.T)      { contract(t, porttest.StackClauses()) }
func TestContainers_Contract(t *testing.T) { contract(t, porttest.ContainersClauses()) }
func TestScripts_Contract(t *testing.T)    { contract(t, porttest.ScriptsClauses()) }
