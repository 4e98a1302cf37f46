package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	proxies "github.com/mlfmonde/cluster/fixtures/nodes/edge"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

// Eye looks at one real node from outside, past everything that can be broken
// between its handler and its neighbours.
type Eye struct {
	Name    string
	Root    func(context.Context) string // the node's root folder as this machine sees it, "" when it is off
	Machine machine.Config               // what runs commands inside
	Docker  string                       // dockerd as this machine reaches it, "unix://…"
	Driver  string                       // the volume driver's socket likewise
	Handler string                       // the handler's and the guard's names among the machine's programs
	Guard   string
	// Get asks the node's Consul agent; path begins with /v1.
	Get func(ctx context.Context, path string) ([]byte, error)
}

// Look sees the node in the same words as the simulator, with the handler's own
// adapters where they are enough. One that is off shows nothing. Serving,
// Routes and Closed are of the edge, and left to whoever has one.
func (e Eye) Look(ctx context.Context) (sim.Observation, error) {
	o := sim.Observation{Node: e.Name, Powered: e.Root(ctx) != "", Date: time.Now().UTC(), Journal: map[string]app.Journal{}}
	if !o.Powered {
		return o, nil
	}
	for _, look := range []func(context.Context, *sim.Observation) error{
		e.programs, e.files, e.ours, e.docker, e.data, e.snapshots, e.services,
	} {
		if err := look(ctx, &o); err != nil {
			return o, fmt.Errorf("look at %s: %w", o.Node, err)
		}
	}
	o.Snapshots = lastMarkers(o.Snapshots)
	return o, nil
}

func (e Eye) programs(ctx context.Context, o *sim.Observation) error {
	states, err := e.Machine.States(ctx)
	for _, s := range states {
		switch s.Name {
		case e.Handler:
			o.Handler = s.Pid != 0
		case e.Guard:
			o.Guard = s.Pid != 0
		}
	}
	o.Boot = node.Clock{}.Boot()
	return err
}

func (e Eye) files(ctx context.Context, o *sim.Observation) error {
	root := e.Root(ctx)
	checkouts, err := names(filepath.Join(root, app.DeployRoot))
	if err != nil {
		return err
	}
	o.Checkouts = checkouts
	scripts, err := names(filepath.Join(root, node.DefaultRunDir, "script"))
	if err != nil {
		return err
	}
	for _, s := range scripts {
		project, text, _ := strings.Cut(s, ".")
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("mark of a script: %w", err)
		}
		o.Scripts = append(o.Scripts, app.Lease{Project: project, Seq: seq})
	}
	ports, err := node.New(node.Config{
		Root: filepath.Join(root, app.DeployRoot), LeaseRoot: filepath.Join(root, app.LeaseRoot), RunDir: filepath.Join(root, node.DefaultRunDir),
	})
	if err != nil {
		return err
	}
	if o.Leases, err = ports.Guard.List(ctx); err != nil {
		return err
	}
	entries, err := ports.Journal.List(ctx)
	for _, name := range entries {
		var failed error
		o.Journal[name], failed = ports.Journal.Read(ctx, name)
		err = errors.Join(err, failed)
	}
	return err
}

// names lists a folder without what is hidden; a missing one is empty.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			all = append(all, e.Name())
		}
	}
	return all, err
}

// ours are the containers as the handler lists them.
func (e Eye) ours(ctx context.Context, o *sim.Observation) error {
	run, err := os.MkdirTemp("", "eye") // the adapter wants a folder for scripts
	if err != nil {
		return err
	}
	defer os.RemoveAll(run)
	d, err := docker.New(docker.Config{Host: e.Docker, RunDir: run})
	if err != nil {
		return err
	}
	o.Containers, err = d.Containers.List(ctx, "")
	return errors.Join(err, d.Close())
}

// docker adds what the handler's own view leaves out: containers that are not
// ours, volumes of other drivers, images.
func (e Eye) docker(ctx context.Context, o *sim.Observation) error {
	api, err := client.New(client.WithHost(e.Docker))
	if err != nil {
		return err
	}
	defer api.Close()
	all, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return err
	}
	for _, c := range all.Items {
		name := strings.TrimPrefix(slices.Concat(c.Names, []string{c.ID})[0], "/")
		if name == proxies.Caddy || name == proxies.HAProxy {
			continue // the node's own
		}
		if !slices.ContainsFunc(o.Containers, func(x app.Container) bool { return x.Name == name }) {
			o.Containers = append(o.Containers, app.Container{Name: name, Project: c.Labels["com.docker.compose.project"], Image: c.ImageID, Running: c.State == "running"})
		}
		o.Images = append(o.Images, c.ImageID)
	}
	volumes, err := api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return err
	}
	for _, v := range volumes.Items {
		if !strings.Contains(v.Driver, "buttervolume") {
			o.Local = append(o.Local, v.Name)
		}
	}
	images, err := api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return err
	}
	for _, i := range images.Items {
		o.Images = append(o.Images, i.ID)
	}
	slices.Sort(o.Local)
	slices.Sort(o.Images)
	o.Images = slices.Compact(o.Images)
	return nil
}

// tags are the names of images that begin with prefix.
func (e Eye) tags(ctx context.Context, prefix string) (all []string, err error) {
	api, err := client.New(client.WithHost(e.Docker))
	if err != nil {
		return nil, err
	}
	defer api.Close()
	images, err := api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", prefix+"*")})
	if err != nil {
		return nil, fmt.Errorf("list images of %s: %w", e.Name, err)
	}
	for _, i := range images.Items {
		all = append(all, i.RepoTags...)
	}
	return all, nil
}

func (e Eye) services(ctx context.Context, o *sim.Observation) error {
	data, err := e.Get(ctx, "/v1/agent/services")
	if err != nil {
		return err
	}
	var services map[string]struct{ Service string }
	if err := json.Unmarshal(data, &services); err != nil {
		return fmt.Errorf("services: %w", err)
	}
	for _, s := range services {
		o.Services = append(o.Services, s.Service)
	}
	slices.Sort(o.Services)
	return nil
}
