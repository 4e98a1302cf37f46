// Package node is what the machine itself gives a handler: lease files, the
// guard's mark, the end of processes without dockerd, this node's own journal,
// its clock, its tasks, and the lock that lets one handler run. What comes in
// are names and values of the domain; what goes out are files below two
// folders and signals. It talks to no other program.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// DefaultRunDir holds what must not survive a reboot.
const DefaultRunDir = "/run/cluster"

// Config says where the files are. The zero Config is a real node's.
type Config struct {
	Root      string // folder of the checkouts, with the journal below; "": app.DeployRoot
	LeaseRoot string // lease files, on a tmpfs; "": app.LeaseRoot
	RunDir    string // mark, lock and process groups, on a tmpfs; "": DefaultRunDir
	Log       *slog.Logger
}

// Node is the ports of one machine.
type Node struct {
	Guard   *Guard
	Warden  *Warden
	Journal *Journal
	Clock   Clock
	Tasks   *Tasks
}

// New makes the folders and returns the ports. Lease files on anything but a
// tmpfs would survive a power cut, and containers with them: that is reported
// with every start.
func New(c Config) (*Node, error) {
	for value, usual := range map[*string]string{&c.Root: app.DeployRoot, &c.LeaseRoot: app.LeaseRoot, &c.RunDir: DefaultRunDir} {
		if *value == "" {
			*value = usual
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	journal := filepath.Join(c.Root, ".state")
	for _, dir := range []string{c.LeaseRoot, c.RunDir, filepath.Join(c.RunDir, scripts), journal} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make folder of the node: %w", err)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(c.LeaseRoot, &fs); err != nil {
		return nil, fmt.Errorf("look at folder of leases: %w", err)
	}
	if fs.Type != unix.TMPFS_MAGIC {
		c.Log.Warn("the folder of leases is not on a tmpfs: after a power cut containers could start by themselves", "dir", c.LeaseRoot)
	}
	return &Node{
		Guard:   &Guard{leases: c.LeaseRoot, run: c.RunDir, log: c.Log},
		Warden:  &Warden{leases: c.LeaseRoot, run: c.RunDir},
		Journal: &Journal{dir: journal},
		Tasks:   &Tasks{},
	}, nil
}

// Clock is the machine's.
type Clock struct{}

var _ port.Clock = Clock{}

// Now is wall-clock time.
func (Clock) Now() time.Time { return time.Now().UTC() }

// Boot is CLOCK_BOOTTIME. The call cannot fail on a Linux that runs Go.
func (Clock) Boot() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return time.Duration(t.Nano())
}

// Sleep waits for d or the end of ctx.
func (Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Tasks are goroutines that a shutdown waits for.
type Tasks struct{ group sync.WaitGroup }

var _ port.Tasks = (*Tasks)(nil)

// Go starts f.
func (t *Tasks) Go(ctx context.Context, _ string, f func(context.Context)) {
	t.group.Go(func() { f(ctx) })
}

// Wait returns when every task has returned.
func (t *Tasks) Wait() { t.group.Wait() }
