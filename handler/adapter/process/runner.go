// Package process runs other programs: argv only, never a shell. What comes in
// is a command with its exact environment; what goes out is its bounded output
// or one typed error. Every command has its own process group, which is gone
// when Run returns, and dies with this process.
package process

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultLimit is how many bytes of standard output Run returns when the
// command does not say.
const DefaultLimit = 64 << 10

// tail is how many of the last bytes of a command's output its error carries.
const tail = 4 << 10

// drain is how long Run waits, after the group is dead, for strangers that
// left the group but still hold its output open.
const drain = 2 * time.Second

// Command is one program with everything it gets.
type Command struct {
	Name string   // looked up in PATH
	Args []string // without the name
	Dir  string   // working directory, "" = this process's
	Env  []string // the whole environment; PATH is added when it is not there
	// Stdin may be nil: nothing to read.
	Stdin io.Reader
	// Limit is how many bytes of standard output are returned, the first ones;
	// the rest is dropped. 0: DefaultLimit.
	Limit int
	// Record, when not empty, is a file that holds the group while the command
	// runs, for [KillRecorded] in another process.
	Record string
}

// Runner starts processes.
type Runner struct {
	// Log gets a debug line at the start and the end of every process; nil: none.
	Log *slog.Logger
	// Mark is a "NAME=value" that every process finds in its environment, so
	// that the next incarnation of a handler finds what is left of this one
	// with [KillMarked].
	Mark string
}

// Run starts the command and waits for its end. It returns the first Limit
// bytes of its standard output. Any failure is an [*Error], which wraps the
// context's error when that ended the command. When Run returns nothing of
// the command's process group is alive.
func (r *Runner) Run(ctx context.Context, c Command) ([]byte, error) {
	// The kernel ties the death signal of the child to this thread, not to
	// this process; the thread waits below anyway.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	out, both := &head{limit: c.limit()}, &last{limit: tail}
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir, cmd.Stdin, cmd.Env = c.Dir, c.Stdin, c.environ(r.Mark)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, both), both
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = drain
	began := time.Now()
	r.log("process starts", c, nil, 0)
	err := r.wait(cmd, c)
	r.log("process ended", c, err, time.Since(began))
	if err == nil {
		return out.kept, nil
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), ctx.Err())
	}
	return out.kept, newError(c, cmd, both.bytes(), err)
}

// wait starts cmd and returns when its whole group is gone.
func (r *Runner) wait(cmd *exec.Cmd, c Command) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed error
	if c.Record != "" {
		failed = record(c.Record, cmd.Process.Pid)
		defer os.Remove(c.Record)
	}
	if failed != nil {
		_ = killGroup(cmd.Process.Pid)
	}
	// The dead leader is not reaped yet, so its number still names our group.
	awaitExit(cmd.Process.Pid)
	_ = killGroup(cmd.Process.Pid)
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return errors.Join(failed, err)
}

func (r *Runner) log(what string, c Command, err error, took time.Duration) {
	if r.Log == nil {
		return
	}
	argv := strings.Join(Strip(append([]string{c.Name}, c.Args...)), " ")
	if took == 0 {
		r.Log.Debug(what, "argv", argv, "dir", c.Dir)
		return
	}
	r.Log.Debug(what, "argv", argv, "took", took, "failed", err != nil)
}

func (c Command) limit() int {
	if c.Limit > 0 {
		return c.Limit
	}
	return DefaultLimit
}

func (c Command) environ(mark string) []string {
	env := slices.Clone(c.Env)
	if env == nil {
		env = []string{}
	}
	if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "PATH=") }) {
		env = append(env, "PATH="+os.Getenv("PATH"))
	}
	if mark != "" {
		env = append(env, mark)
	}
	return env
}

// awaitExit returns when the process has ended, and leaves it to be reaped.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func killGroup(pgid int) error {
	err := syscall.Kill(-pgid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
