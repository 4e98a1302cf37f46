package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// workPrefix begins the names of workplaces; a checkout never begins with ".".
const workPrefix = ".clone-"

func newWorkplace(root string) (*workplace, error) {
	dir, err := os.MkdirTemp(root, workPrefix)
	if err != nil {
		return nil, noSpace(err)
	}
	w := &workplace{dir: dir, home: filepath.Join(dir, "home"), tree: filepath.Join(dir, "tree")}
	if err := os.Mkdir(w.home, 0o700); err != nil {
		w.remove()
		return nil, noSpace(err)
	}
	w.lock, err = os.Open(dir)
	if err == nil {
		// Waiting is for a sweep that looks at this moment.
		err = unix.Flock(int(w.lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

func (w *workplace) remove() {
	_ = os.RemoveAll(w.dir)
	if w.lock != nil {
		w.lock.Close()
	}
}

// young is the age up to which a workplace may not have taken its lock yet.
const young = time.Minute

// sweep removes the workplaces whose maker has died.
func sweep(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), workPrefix) {
			sweepOne(filepath.Join(root, e.Name()))
		}
	}
}

func sweepOne(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	if info, err := f.Stat(); err == nil && time.Since(info.ModTime()) > young {
		_ = os.RemoveAll(dir)
	}
}

// watchSize ends the clone when dir grows beyond limit: a stranger decides how
// much is sent.
func watchSize(ctx context.Context, dir string, limit int64, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if size(dir) > limit {
				cancel(tooLarge(limit))
				return
			}
		}
	}
}

func tooLarge(limit int64) error {
	return fmt.Errorf("the clone is larger than %d MiB", limit>>20)
}

// size is the sum of the files below dir; files that vanish meanwhile count 0.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
