package process_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/process"
)

// deadline bounds every wait of these tests.
const deadline = 20 * time.Second

func sh(script string, args ...string) process.Command {
	return process.Command{Name: "sh", Args: append([]string{"-c", script, "sh"}, args...)}
}

func run(t *testing.T, c process.Command) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	return (&process.Runner{}).Run(ctx, c)
}

// until polls what becomes true by somebody else's doing.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// pidIn reads a process number that a script has written, 0 until it is there.
func pidIn(path string) int {
	data, err := os.ReadFile(path)
	if err != nil || !bytes.HasSuffix(data, []byte("\n")) {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}

// alive reports that pid runs; a dead one that nobody has reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestRun_ReturnsStandardOutput(t *testing.T) {
	out, err := run(t, sh(`cat; echo "$1"; echo no >&2`, "a b; $(c)"))
	if err != nil || string(out) != "a b; $(c)\n" {
		t.Errorf("output is %q, %v", out, err)
	}
	c := sh("cat")
	c.Stdin = strings.NewReader("typed")
	if out, err := run(t, c); err != nil || string(out) != "typed" {
		t.Errorf("output is %q, %v", out, err)
	}
}

func TestRun_EnvironmentIsExact(t *testing.T) {
	t.Setenv("HANDLER_SECRET", "canary")
	c := process.Command{Name: "env", Env: []string{"A=1"}}
	out, err := (&process.Runner{Mark: "M=2"}).Run(t.Context(), c)
	if want := "A=1\nPATH=" + os.Getenv("PATH") + "\nM=2\n"; err != nil || string(out) != want {
		t.Errorf("environment is %q, %v; not %q", out, err, want)
	}
}

func TestRun_OutputIsBounded(t *testing.T) {
	c := sh("yes | head -c 3000000")
	c.Limit = 1000
	if out, err := run(t, c); err != nil || len(out) != 1000 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	_, err := run(t, sh("yes | head -c 3000000; echo the end; exit 3"))
	var failed *process.Error
	if !errors.As(err, &failed) || len(failed.Output) > 8<<10 || !strings.HasSuffix(failed.Output, "the end\n") {
		t.Errorf("error is %.200v", err)
	}
}

func TestRun_ErrorSaysWhatAndWhyWithoutSecrets(t *testing.T) {
	_, err := run(t, sh(`echo "cannot reach $1" >&2; exit 7`, "https://me:pass@host/x"))
	var failed *process.Error
	if !errors.As(err, &failed) || failed.Exit != 7 || strings.Contains(err.Error(), "pass") ||
		!strings.Contains(err.Error(), "exit 7") || !strings.Contains(err.Error(), "cannot reach https://***@host/x") {
		t.Errorf("error is %v", err)
	}
	_, err = run(t, process.Command{Name: "no-such-program-anywhere"})
	if !errors.As(err, &failed) || failed.Exit != -1 || !strings.Contains(err.Error(), "not found") {
		t.Errorf("error is %v", err)
	}
}

func TestRun_LogsWithoutSecrets(t *testing.T) {
	var log bytes.Buffer
	r := &process.Runner{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if _, err := r.Run(t.Context(), process.Command{Name: "true", Args: []string{"ssh://me:pass@host/x"}}); err != nil {
		t.Fatal(err)
	}
	if s := log.String(); strings.Count(s, "\n") != 2 || strings.Contains(s, "pass") || !strings.Contains(s, "ssh://***@host/x") {
		t.Errorf("log is %q", s)
	}
}

func TestRun_EndOfTheContextKillsTheWholeGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := (&process.Runner{}).Run(ctx, sh(`trap "" TERM INT HUP; sleep 1000 & echo $! > "$1"; wait`, file))
		done <- err
	}()
	until(t, "the child writes its number", func() bool { return pidIn(file) > 0 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	until(t, "the child is dead", func() bool { return !alive(pidIn(file)) })
}

func TestRun_NothingOfTheGroupOutlivesTheCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := run(t, sh(`sleep 1000 & echo $! > "$1"`, file)); err != nil {
		t.Fatal(err)
	}
	until(t, "the child is dead", func() bool { return !alive(pidIn(file)) })
}

func TestRun_RecordNamesTheGroupWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	record, file := filepath.Join(dir, "record"), filepath.Join(dir, "pid")
	c := sh(`sleep 1000 & echo $! > "$1"; wait`, file)
	c.Record = record
	done := make(chan error)
	go func() {
		_, err := (&process.Runner{}).Run(t.Context(), c)
		done <- err
	}()
	until(t, "the child writes its number", func() bool { return pidIn(file) > 0 })
	// Another process, such as the guard, would do this.
	until(t, "the record is there", func() bool { _, err := os.Stat(record); return err == nil })
	if err := process.KillRecorded(record); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the command succeeded although it was killed")
	}
	until(t, "the child is dead", func() bool { return !alive(pidIn(file)) })
	if _, err := os.Stat(record); err == nil {
		t.Error("the record is left")
	}
	if err := process.KillRecorded(record); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestKillRecorded_SparesAStrangerWithTheSameNumber(t *testing.T) {
	stranger := startSleep(t)
	record := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(record, []byte(strconv.Itoa(stranger)+" 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := process.KillRecorded(record); err != nil {
		t.Fatal(err)
	}
	if !alive(stranger) {
		t.Error("the stranger is dead")
	}
}

func TestKillMarked_FindsWhatLeftTheGroup(t *testing.T) {
	dir := t.TempDir()
	mark := "CLUSTER_TEST=" + dir
	file := filepath.Join(dir, "pid")
	stranger := startSleep(t)
	c := sh(`setsid sh -c 'echo $$ > "$1"; exec sleep 1000' sh "$1" >/dev/null 2>&1 & sleep 0.2`, file)
	c.Env = []string{mark}
	if _, err := run(t, c); err != nil {
		t.Fatal(err)
	}
	until(t, "the daemon writes its number", func() bool { return pidIn(file) > 0 })
	if !alive(pidIn(file)) {
		t.Fatal("the daemon did not leave the group")
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if n, err := process.KillMarked(ctx, mark); err != nil || n == 0 {
		t.Errorf("killed %d, %v", n, err)
	}
	if alive(pidIn(file)) {
		t.Error("the daemon is alive")
	}
	if !alive(stranger) {
		t.Error("a process without the mark is dead")
	}
	if n, err := process.KillMarked(ctx, mark); err != nil || n != 0 {
		t.Errorf("again: killed %d, %v", n, err)
	}
}

// startSleep starts a process in a group of its own that ends with the test.
func startSleep(t *testing.T) int {
	t.Helper()
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_, _ = p.Wait()
	})
	return p.Pid
}
