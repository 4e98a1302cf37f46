package nodes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/adapter/docker"
	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

// Observe looks at the node from outside, with the same adapters as the handler
// where they are enough. One that is off shows nothing.
func (w *World) Observe(ctx context.Context) (sim.Observation, error) {
	o := sim.Observation{Node: w.Node.Name, Powered: w.Node.Root() != "", Journal: map[string]app.Journal{}, Routes: map[string]string{}}
	if !o.Powered {
		return o, nil
	}
	for _, look := range []func(context.Context, *sim.Observation) error{
		w.seePrograms, w.seeFiles, w.seeContainers, w.seeDocker, w.seeData, w.seeSnapshots, w.seeServices, w.seeAnswers,
	} {
		if err := look(ctx, &o); err != nil {
			return o, fmt.Errorf("observe %s: %w", o.Node, err)
		}
	}
	return o, nil
}

func (w *World) seePrograms(ctx context.Context, o *sim.Observation) error {
	states, err := w.Node.Machine().States(ctx)
	for _, s := range states {
		switch s.Name {
		case fixture.Agent:
			o.Handler = s.Pid != 0
		case fixture.Guard:
			o.Guard = s.Pid != 0
		}
	}
	o.Boot = node.Clock{}.Boot()
	return err
}

func (w *World) seeFiles(ctx context.Context, o *sim.Observation) error {
	root := w.Node.Root()
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
			return err
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

func (w *World) seeContainers(ctx context.Context, o *sim.Observation) error {
	run, err := os.MkdirTemp(w.Node.Dir, "run") // the adapter wants a folder for scripts
	if err != nil {
		return err
	}
	defer os.RemoveAll(run)
	d, err := docker.New(docker.Config{Host: w.Node.DockerHost(), RunDir: run})
	if err != nil {
		return err
	}
	o.Containers, err = d.Containers.List(ctx, "")
	return errors.Join(err, d.Close())
}

// seeDocker adds what the handler's own view leaves out: containers that are
// not ours, volumes of other drivers, images.
func (w *World) seeDocker(ctx context.Context, o *sim.Observation) error {
	api, err := client.New(client.WithHost(w.Node.DockerHost()))
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
		if !slices.ContainsFunc(o.Containers, func(x app.Container) bool { return x.Name == name }) {
			o.Containers = append(o.Containers, app.Container{Name: name, Image: c.ImageID, Running: c.State == "running"})
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

func (w *World) seeData(ctx context.Context, o *sim.Observation) error {
	root := filepath.Join(w.Node.Root(), machine.Volumes)
	driver := buttervolume.New(buttervolume.Config{Socket: w.Node.DriverSocket(), SnapshotsPath: filepath.Join(root, "snapshots")})
	volumes, err := driver.Volumes.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range volumes {
		records, err := records(filepath.Join(root, "volumes", name))
		if err != nil {
			return err
		}
		o.Volumes = append(o.Volumes, sim.VolumeState{Name: name, Records: records})
	}
	o.Schedules, err = driver.Schedules.List(ctx)
	return err
}

// seeSnapshots asks btrfs inside: it finds its way only in its own mounts.
func (w *World) seeSnapshots(ctx context.Context, o *sim.Observation) error {
	for _, only := range []string{"-r", ""} {
		argv := []string{"btrfs", "subvolume", "list", "-u", "-R", machine.Volumes}
		if only != "" {
			argv = slices.Insert(argv, 3, only)
		}
		r, err := w.Node.Machine().Run(ctx, machine.Command{Argv: argv})
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("btrfs: %s", r.Stderr)
		}
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(bytes.NewReader(r.Stdout)); lines.Scan(); {
			s, ours := snapshot(lines.Text())
			if !ours || slices.ContainsFunc(o.Snapshots, func(x sim.SnapshotState) bool { return x.Name == s.Name }) {
				continue
			}
			s.ReadOnly = only != ""
			content, err := records(filepath.Join(w.Node.Root(), machine.Volumes, "snapshots", s.Name))
			if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
				continue
			}
			if err != nil {
				return err
			}
			o.Snapshots = append(o.Snapshots, sim.SnapshotState{Snapshot: s, Records: content, Complete: s.ReadOnly})
		}
	}
	slices.SortFunc(o.Snapshots, func(a, b sim.SnapshotState) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// snapshot reads one line, "ID … received_uuid - uuid X path snapshots/V@D".
func snapshot(line string) (app.Snapshot, bool) {
	pairs, path, _ := strings.Cut(line, " path ")
	name, ours := strings.CutPrefix(path, "snapshots/")
	volume, date, dated := strings.Cut(name, "@")
	s := app.Snapshot{Name: name, Volume: volume}
	_, s.Host, _ = strings.Cut(date, "@")
	words := strings.Fields(pairs)
	for i := range max(0, len(words)-1) {
		switch words[i] {
		case "uuid":
			s.UUID = words[i+1]
		case "received_uuid":
			s.Received = strings.TrimPrefix(words[i+1], "-")
		}
	}
	return s, ours && dated
}

// records reads what hello wrote into a volume: lines of a number, a tab and a
// text. A volume without the file has none.
func records(dir string) ([]sim.Record, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "records"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(string(data))
}

func parse(text string) (all []sim.Record, err error) {
	for line := range strings.Lines(text) {
		number, mark, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("record %q: %w", line, err)
		}
		all = append(all, sim.Record{Number: n, Mark: mark})
	}
	return all, nil
}

func (w *World) seeServices(ctx context.Context, o *sim.Observation) error {
	data, err := w.Node.Get(ctx, "/v1/agent/services")
	if err != nil {
		return err
	}
	var services map[string]struct{ Service string }
	if err := json.Unmarshal(data, &services); err != nil {
		return err
	}
	for _, s := range services {
		o.Services = append(o.Services, s.Service)
	}
	slices.Sort(o.Services)
	return nil
}

// seeAnswers asks hello, which is the only one that is published.
func (w *World) seeAnswers(ctx context.Context, o *sim.Observation) error {
	a, err := w.Ask(ctx, w.Client(), "")
	for _, c := range o.Containers {
		if err == nil && a.Status == http.StatusOK && c.Running && !slices.Contains(o.Serving, c.Project) {
			o.Serving = append(o.Serving, c.Project)
		}
	}
	return nil
}
