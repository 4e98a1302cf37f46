package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/port"
)

// scripts is the folder, below the run folder, with one file per running
// script: <project>.<seq>, as the Docker adapter records it.
const scripts = "script"

// scriptMark names the environment variable that every process of a script
// has: <project>.<seq>.
const scriptMark = "CLUSTER_SCRIPT="

// Warden ends processes by their numbers, with nothing but the kernel.
type Warden struct{ leases, run string }

var _ port.Warden = (*Warden)(nil)

// Touch writes this moment of CLOCK_BOOTTIME, in nanoseconds, with the boot's id.
func (w *Warden) Touch(context.Context) error {
	boot, err := bootID()
	if err == nil {
		err = replace(filepath.Join(w.run, mark), fmt.Appendf(nil, "%s %d\n", boot, Clock{}.Boot()))
	}
	if err != nil {
		return fmt.Errorf("set guard's mark: %w", err)
	}
	return nil
}

// Slay kills the script's recorded group and what has left that group but has
// its mark, then every process whose mounts hold the lease file: that is what
// the containers of project and seq have in common, whether the file still
// exists or not, and no daemon has to be asked for it.
func (w *Warden) Slay(ctx context.Context, project string, seq uint64, containers bool) error {
	name, err := leaseName(project, seq)
	if err != nil {
		return fmt.Errorf("slay: %w", err)
	}
	err = process.KillRecorded(filepath.Join(w.run, scripts, name))
	_, marked := process.KillMarked(ctx, scriptMark+name)
	err = errors.Join(err, marked)
	if containers {
		_, killed := process.KillWhere(ctx, w.holder(name))
		err = errors.Join(err, killed)
	}
	if err != nil {
		return fmt.Errorf("slay %s: %w", name, err)
	}
	return nil
}

// holder tells whether a process has the lease file called name among its
// mounts, at a place where the machine itself has not: a person who bound the
// file somewhere on the host must not bring the host down.
func (w *Warden) holder(name string) func(pid int) bool {
	suffix := "/" + filepath.Base(w.leases) + "/" + name
	host := append(mounts(1, name, suffix), mounts(os.Getpid(), name, suffix)...)
	return func(pid int) bool {
		return slices.ContainsFunc(mounts(pid, name, suffix), func(target string) bool { return !slices.Contains(host, target) })
	}
}

// mounts lists the mount points where pid has the lease file. A line of
// mountinfo is "id parent major:minor root target options …", and root is the
// file's path on its own file system, with "//deleted" behind it once it was
// removed or replaced. The root is only "/<name>" where the folder of leases
// is a file system of its own.
func mounts(pid int, name, suffix string) []string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "mountinfo"))
	if err != nil || !bytes.Contains(data, []byte(name)) {
		return nil
	}
	var targets []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		root := strings.TrimSuffix(f[3], "//deleted")
		if root == "/"+name || strings.HasSuffix(root, suffix) {
			targets = append(targets, f[4])
		}
	}
	return targets
}
