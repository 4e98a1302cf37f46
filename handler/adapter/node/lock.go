package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/adapter/process"
)

// ErrHeld is returned when another handler runs on this node.
var ErrHeld = errors.New("another handler holds the lock")

// Mark is what a handler that holds the lock at path puts into the environment
// of every process it starts (process.Runner.Mark).
func Mark(path string) string { return "CLUSTER_HANDLER=" + path }

// sweepMax bounds how long the killing of leftovers takes.
const sweepMax = 30 * time.Second

// Held is a lock that this process has.
type Held struct{ file *os.File }

// Lock takes the lock of the one handler of this node, or returns ErrHeld. The
// kernel gives it back when the process dies, however it dies. Before Lock
// returns, the processes that an earlier holder left behind are dead, so that
// no late git, compose or script works beside the new one. runDir is
// Config.RunDir, whose recorded scripts are ended too.
func Lock(ctx context.Context, path, runDir string) (*Held, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	held := &Held{file: f}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, ErrHeld)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sweepMax)
	defer cancel()
	if err := killLeftovers(ctx, path, runDir); err != nil {
		return nil, errors.Join(fmt.Errorf("kill what an earlier handler left: %w", err), held.Close())
	}
	return held, nil
}

func killLeftovers(ctx context.Context, path, runDir string) error {
	records, err := filepath.Glob(filepath.Join(runDir, scripts, "*"))
	if err != nil {
		return err
	}
	for _, r := range records {
		err = errors.Join(err, process.KillRecorded(r))
		_, marked := process.KillMarked(ctx, scriptMark+filepath.Base(r))
		err = errors.Join(err, marked)
	}
	_, marked := process.KillMarked(ctx, Mark(path))
	return errors.Join(err, marked)
}

// Close gives the lock back.
func (h *Held) Close() error { return h.file.Close() }
