package nodes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/handler/adapter/buttervolume"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

func (e Eye) driver(ctx context.Context) *buttervolume.Adapter {
	return buttervolume.New(buttervolume.Config{Socket: e.Driver, SnapshotsPath: filepath.Join(e.Root(ctx), machine.Volumes, "snapshots")})
}

func (e Eye) data(ctx context.Context, o *sim.Observation) error {
	driver := e.driver(ctx)
	volumes, err := driver.Volumes.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range volumes {
		records, err := records(filepath.Join(e.Root(ctx), machine.Volumes, "volumes", name))
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return err
		}
		o.Volumes = append(o.Volumes, sim.VolumeState{Name: name, Records: records})
	}
	o.Schedules, err = driver.Schedules.List(ctx)
	return err
}

// snapshots asks btrfs inside: it finds its way only in its own mounts.
func (e Eye) snapshots(ctx context.Context, o *sim.Observation) error {
	whole, err := e.subvolumes(ctx, "-r")
	if err != nil {
		return err
	}
	all, err := e.subvolumes(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		s.ReadOnly = slices.ContainsFunc(whole, func(x app.Snapshot) bool { return x.Name == s.Name })
		content, err := records(filepath.Join(e.Root(ctx), machine.Volumes, "snapshots", s.Name))
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return err
		}
		o.Snapshots = append(o.Snapshots, sim.SnapshotState{Snapshot: s, Records: content, Complete: s.ReadOnly})
	}
	slices.SortFunc(o.Snapshots, func(a, b sim.SnapshotState) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// subvolumes lists the snapshots that btrfs knows.
func (e Eye) subvolumes(ctx context.Context, flags ...string) (all []app.Snapshot, err error) {
	argv := slices.Concat([]string{"btrfs", "subvolume", "list", "-u", "-R"}, flags, []string{machine.Volumes})
	r, err := e.Machine.Run(ctx, machine.Command{Argv: argv})
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("btrfs: %s", r.Stderr)
	}
	for line := range strings.Lines(string(r.Stdout)) {
		if s, ours := snapshot(strings.TrimSuffix(line, "\n")); ours {
			all = append(all, s)
		}
	}
	return all, err
}

// snapshot reads one line, "ID … received_uuid - uuid X path snapshots/V@D".
func snapshot(line string) (app.Snapshot, bool) {
	pairs, path, _ := strings.Cut(line, " path ")
	_, name, ours := strings.Cut(path, "snapshots/")
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

// parse reads records. The number is the user's own where the text begins with
// one, "#12 …", else the application's.
func parse(text string) (all []sim.Record, err error) {
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole { // it is being written
			break
		}
		number, mark, _ := strings.Cut(line, "\t")
		if own, ok := strings.CutPrefix(mark, "#"); ok {
			number, _, _ = strings.Cut(own, " ")
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("record %q: %w", line, err)
		}
		all = append(all, sim.Record{Number: n, Mark: mark})
	}
	return all, nil
}

// lastMarkers leaves the older of two markers for one host out, where both mark
// something: the driver's own scheduler has sent while the handler did. Neither
// has seen the other's marker to take away; the next transfer does that.
func lastMarkers(all []sim.SnapshotState) []sim.SnapshotState {
	last := map[string]string{}
	for _, s := range all { // sorted by name, and so by date
		if s.Host != "" && slices.ContainsFunc(all, func(x sim.SnapshotState) bool { return x.Name == strings.TrimSuffix(s.Name, "@"+s.Host) }) {
			last[s.Volume+"@"+s.Host] = s.Name
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s sim.SnapshotState) bool {
		newest := last[s.Volume+"@"+s.Host]
		return s.Host != "" && newest != "" && newest != s.Name
	})
}
