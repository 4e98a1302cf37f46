package buttervolume

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/port"
)

// top is the inode of the top of every subvolume.
const top = 256

// disk looks at the plugin's folders with btrfs.
type disk struct {
	volumes   string
	snapshots string
	runner    *process.Runner
}

// subvolume is what btrfs knows of one.
type subvolume struct {
	path     string // from the top of the file system
	uuid     string
	parent   string // uuid of what it was copied from
	received string // uuid that the sender named
	readonly bool
}

func (d *disk) btrfs(ctx context.Context, args ...string) ([]byte, error) {
	out, err := d.runner.Run(ctx, process.Command{Name: "btrfs", Args: args, Env: []string{"LC_ALL=C"}, Limit: largest})
	if err == nil && len(out) == largest {
		err = fmt.Errorf("btrfs %s: more than %d bytes of answer", args[1], largest)
	}
	if err == nil || ctx.Err() != nil {
		return out, err
	}
	var failed *process.Error
	if errors.As(err, &failed) && strings.TrimSpace(failed.Output) != "" {
		return out, fmt.Errorf("btrfs %s: %s", args[1], oneLine(failed.Output))
	}
	return out, fmt.Errorf("btrfs %s: %s", args[1], oneLine(err.Error()))
}

// present reports whether path is the top of a subvolume.
func present(path string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && st.Ino == top, nil
}

// show looks at one subvolume. ErrNotFound: there is none at path.
func (d *disk) show(ctx context.Context, path string) (subvolume, error) {
	there, err := present(path)
	if err != nil {
		return subvolume{}, err
	}
	if !there {
		return subvolume{}, fmt.Errorf("subvolume %s: %w", filepath.Base(path), port.ErrNotFound)
	}
	out, err := d.btrfs(ctx, "subvolume", "show", path)
	if err == nil {
		return parseShow(out), nil
	}
	if there, lookErr := present(path); lookErr == nil && !there { // removed between the two looks
		return subvolume{}, fmt.Errorf("subvolume %s: %w", filepath.Base(path), port.ErrNotFound)
	}
	return subvolume{}, err
}

// parseShow reads "path", then lines of "key: value". Which line a key stands
// on differs between versions of btrfs-progs.
func parseShow(out []byte) subvolume {
	lines := strings.Split(string(out), "\n")
	s := subvolume{path: strings.TrimSpace(lines[0])}
	for _, l := range lines[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ":")
		switch value = strings.TrimSpace(value); key {
		case "UUID":
			s.uuid = uuid(value)
		case "Parent UUID":
			s.parent = uuid(value)
		case "Received UUID":
			s.received = uuid(value)
		case "Flags":
			s.readonly = value == "readonly"
		case "Snapshot(s)": // names follow, which could look like anything
			return s
		}
	}
	return s
}

// uuid is the uuid of a column, where "-" stands for none.
func uuid(text string) string { return strings.TrimPrefix(text, "-") }

// look returns what btrfs knows of the named snapshots; those that are gone
// meanwhile are left out. It takes three processes however many there are.
func (d *disk) look(ctx context.Context, names []string) (map[string]subvolume, error) {
	found := map[string]subvolume{}
	folder, err := d.folder(ctx, names)
	if folder == nil || err != nil {
		return found, err
	}
	// Read-only ones first: a receive names its origin before it becomes
	// read-only, so what this list holds is whole in every field.
	for _, readonly := range []bool{true, false} {
		args := []string{"subvolume", "list", "-o", "-u", "-R", d.snapshots}
		if readonly {
			args = slices.Insert(args, 2, "-r")
		}
		out, err := d.btrfs(ctx, args...)
		if err != nil {
			return nil, err
		}
		for s := range parseList(out) {
			name, here := strings.CutPrefix(s.path, *folder)
			if _, known := found[name]; !here || known {
				continue
			}
			s.readonly = readonly
			found[name] = s
		}
	}
	return found, nil
}

// folder is the path of the snapshots from the top of the file system, as
// lists have it: the same tree may be mounted in many ways. nil: none of the
// names is there.
func (d *disk) folder(ctx context.Context, names []string) (*string, error) {
	for _, name := range names {
		s, err := d.show(ctx, filepath.Join(d.snapshots, name))
		if errors.Is(err, port.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		folder, ok := strings.CutSuffix(s.path, name)
		if !ok {
			return nil, fmt.Errorf("btrfs calls the snapshot %s %q", name, s.path)
		}
		return &folder, nil
	}
	return nil, nil
}

// parseList reads lines of pairs, "… received_uuid - uuid X path P".
func parseList(out []byte) func(yield func(subvolume) bool) {
	return func(yield func(subvolume) bool) {
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			pairs, path, ok := strings.Cut(lines.Text(), " path ")
			s := subvolume{path: path}
			words := strings.Fields(pairs)
			for i := range words[:max(0, len(words)-1)] {
				switch words[i] {
				case "uuid":
					s.uuid = uuid(words[i+1])
				case "received_uuid":
					s.received = uuid(words[i+1])
				}
			}
			if ok && s.uuid != "" && !yield(s) {
				return
			}
		}
	}
}
