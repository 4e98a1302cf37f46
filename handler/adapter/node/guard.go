package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// ended is a lease's end for a file whose content is not ours: the guard takes
// it away at its next look.
const ended = 1

// Guard is the lease files. A renewal replaces the file: the containers that
// run keep the replaced one in their mounts, which is harmless, because
// dockerd looks for the name only when it starts one.
type Guard struct {
	leases, run string
	log         *slog.Logger
}

var _ port.Guard = (*Guard)(nil)

var leaseOK = regexp.MustCompile(`^([a-z0-9]{1,200})\.(0|[1-9][0-9]{0,19})$`)

// leaseName is the name of a lease file (seq 0: of an app of the old tool), and the last part of the mount that
// every container of that project and seq has.
func leaseName(project string, seq uint64) (string, error) {
	name := project + "." + strconv.FormatUint(seq, 10)
	if !leaseOK.MatchString(name) {
		return "", fmt.Errorf("%q is not the name of a lease (a project and a seq)", name)
	}
	return name, nil
}

// Grant writes the lease file.
func (g *Guard) Grant(_ context.Context, l app.Lease) error {
	name, err := leaseName(l.Project, l.Seq)
	if err != nil {
		return fmt.Errorf("grant lease: %w", err)
	}
	data, err := json.Marshal(l)
	if err == nil {
		err = replace(filepath.Join(g.leases, name), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("grant lease %s: %w", name, err)
	}
	return nil
}

// Release removes the lease file.
func (g *Guard) Release(_ context.Context, project string, seq uint64) error {
	name, err := leaseName(project, seq)
	if err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	if err := remove(filepath.Join(g.leases, name)); err != nil {
		return fmt.Errorf("release lease %s: %w", name, err)
	}
	return nil
}

// List reads the lease files. A file of another name is reported and left out.
// One with the name of a lease that we did not write lets containers start all
// the same, so it is listed as a lease that has ended.
func (g *Guard) List(ctx context.Context) ([]app.Lease, error) {
	entries, err := os.ReadDir(g.leases)
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	leases := []app.Lease{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		l, ok := g.read(ctx, e.Name())
		if ok {
			leases = append(leases, l)
		}
	}
	slices.SortFunc(leases, func(a, b app.Lease) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), cmp.Compare(a.Seq, b.Seq))
	})
	return leases, nil
}

func (g *Guard) read(ctx context.Context, name string) (app.Lease, bool) {
	parts := leaseOK.FindStringSubmatch(name)
	if parts == nil {
		g.log.WarnContext(ctx, "a stranger's file among the leases", "file", name)
		return app.Lease{}, false
	}
	seq, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		g.log.WarnContext(ctx, "a stranger's file among the leases", "file", name)
		return app.Lease{}, false
	}
	data, err := os.ReadFile(filepath.Join(g.leases, name))
	if errors.Is(err, fs.ErrNotExist) {
		return app.Lease{}, false
	}
	var l app.Lease
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil || l.Project != parts[1] || l.Seq != seq {
		g.log.WarnContext(ctx, "a lease file that the handler did not write counts as ended", "file", name)
		return app.Lease{Project: parts[1], Seq: seq, Until: ended}, true
	}
	return l, true
}

const mark = "guard.mark"

// Mark reads the guard's mark. ErrNotFound: the guard has not looked since
// the machine started.
func (g *Guard) Mark(context.Context) (time.Duration, error) {
	data, err := os.ReadFile(filepath.Join(g.run, mark))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read guard's mark: %w", port.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("read guard's mark: %w", err)
	}
	boot, text, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read guard's mark: %w", err)
	}
	this, err := bootID()
	if err != nil {
		return 0, fmt.Errorf("read guard's mark: %w", err)
	}
	age := Clock{}.Boot() - time.Duration(at)
	if boot != this || age < 0 {
		return 0, fmt.Errorf("read guard's mark: it is of an earlier boot: %w", port.ErrNotFound)
	}
	return age, nil
}

// bootID is another one after every start of the kernel.
func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}
