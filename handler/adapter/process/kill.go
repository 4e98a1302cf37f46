package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// record writes the group of pid to path, whole or not at all. The start time
// tells the leader from a later process with its number.
func record(path string, pid int) error {
	text := fmt.Sprintf("%d %s\n", pid, startTime(pid))
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("record process group: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("record process group: %w", err)
	}
	return nil
}

// KillRecorded kills the process group that the file at path names, unless its
// number belongs to somebody else by now. The file goes once the group is
// dead; a missing one is success.
func KillRecorded(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read process group: %w", err)
	}
	pid, start, ours := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.Atoi(pid)
	if ours && err == nil && n > 1 && n != os.Getpid() && start != "" && startTime(n) == start {
		if err := killGroup(n); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("kill process group %d: %w", n, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove process group file: %w", err)
	}
	return nil
}

// KillMarked kills every process but this one that has mark, a "NAME=value",
// in the environment it was started with, and waits until none is left.
func KillMarked(ctx context.Context, mark string) (killed int, err error) {
	return KillWhere(ctx, func(pid int) bool {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		return err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(e []byte) bool { return string(e) == mark })
	})
}

// KillWhere kills every process but this one for which match is true, again
// until a look finds none, so that children born meanwhile go too. It returns
// how many it signalled. Dead processes that nobody has reaped do not count.
func KillWhere(ctx context.Context, match func(pid int) bool) (killed int, err error) {
	for {
		n, err := killOnce(match)
		killed += n
		if err != nil || n == 0 {
			return killed, err
		}
		select {
		case <-ctx.Done():
			return killed, fmt.Errorf("kill processes: some are still alive: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func killOnce(match func(pid int) bool) (int, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	n := 0
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid <= 1 || pid == os.Getpid() {
			continue
		}
		hit, err := killIf(pid, match)
		if err != nil {
			return n, err
		}
		if hit {
			n++
		}
	}
	return n, nil
}

// killIf asks match about pid while it holds a descriptor of the process, so
// that the signal cannot reach a later process with the same number.
func killIf(pid int, match func(int) bool) (bool, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false, nil
	}
	defer unix.Close(fd)
	if !match(pid) {
		return false, nil
	}
	err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return false, fmt.Errorf("kill process %d: %w", pid, err)
	}
	return err == nil, nil
}

// startTime is field 22 of /proc/<pid>/stat, in ticks since boot; "" when
// there is no such process.
func startTime(pid int) string {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// The second field is the program's name in brackets and may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
