package node_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/handler/adapter/node"
	"github.com/mlfmonde/cluster/handler/adapter/process"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// The test's own program plays two parts: one that holds a lease file in a
// mount namespace of its own, as a container does, and a handler.
const (
	playHolder  = "NODE_TEST_HOLDER"  // lease file
	playHandler = "NODE_TEST_HANDLER" // lock file
	deadline    = 20 * time.Second
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(playHolder) != "":
		hold(os.Getenv(playHolder))
	case os.Getenv(playHandler) != "":
		handle(os.Getenv(playHandler))
	default:
		os.Exit(m.Run())
	}
}

// hold binds the lease over a file of its own and waits to be killed.
func hold(lease string) {
	ready := os.Getenv("NODE_TEST_READY")
	target := ready + ".lease"
	err := os.WriteFile(target, nil, 0o600)
	if err == nil {
		err = unix.Mount(lease, target, "", unix.MS_BIND, "")
	}
	if err == nil {
		err = os.Remove(ready)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	wait()
}

// handle takes the lock, leaves a child that left its group, and waits.
func handle(lock string) {
	if _, err := node.Lock(context.Background(), lock, filepath.Dir(lock)); err != nil {
		os.Exit(1)
	}
	r := &process.Runner{Mark: node.Mark(lock)}
	_, _ = r.Run(context.Background(), process.Command{
		// The runner kills what is left of the group: the child must be out of it by then.
		Name: "sh", Args: []string{"-c", `setsid sh -c 'echo $$ > "$0"; exec sleep 1000' "$0" & until [ -s "$0" ]; do sleep 0.01; done`, lock + ".child"},
	})
	wait()
}

func wait() {
	for {
		_ = unix.Pause()
	}
}

func tempDir(t testing.TB, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newNode is a node whose leases are on a tmpfs, where the machine has one.
func newNode(t testing.TB) (*node.Node, node.Config) {
	t.Helper()
	parent := ""
	if _, err := os.Stat("/dev/shm"); err == nil {
		parent = "/dev/shm"
	}
	volatile := tempDir(t, parent)
	c := node.Config{Root: tempDir(t, ""), LeaseRoot: filepath.Join(volatile, "lease"), RunDir: filepath.Join(volatile, "run")}
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return n, c
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// start starts this program in a part, with attributes, until the test ends.
func start(t testing.TB, attr *syscall.SysProcAttr, env ...string) int {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.SysProcAttr, cmd.Stderr = append(os.Environ(), env...), attr, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if said.Len() > 0 {
			t.Errorf("a process said %q", said.String())
		}
	})
	return cmd.Process.Pid
}

// holdLease holds the lease file's mount as a container of Docker does.
func holdLease(t testing.TB, lease string) func() bool {
	t.Helper()
	ready := filepath.Join(tempDir(t, ""), "ready")
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := start(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}, playHolder+"="+lease, "NODE_TEST_READY="+ready)
	until(t, "the lease is mounted", func() bool { _, err := os.Stat(ready); return err != nil })
	return func() bool { return alive(pid) }
}

// script runs as the Docker adapter runs one, with a process that leaves its group.
func script(t testing.TB, c node.Config, name string) func() bool {
	t.Helper()
	dir := tempDir(t, "")
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		_, _ = (&process.Runner{}).Run(ctx, process.Command{
			Name: "sh", Args: []string{"-c", `setsid --fork sh -c 'echo $$ > stray; exec sleep 1000'; echo $$ > leader; exec sleep 1000`},
			Dir: dir, Env: []string{"CLUSTER_SCRIPT=" + name}, Record: filepath.Join(c.RunDir, "script", name),
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	pid := func(file string) int {
		data, _ := os.ReadFile(filepath.Join(dir, file))
		n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
		return n
	}
	until(t, "the script runs", func() bool { return pid("leader") > 0 && pid("stray") > 0 })
	until(t, "it is recorded", func() bool { _, err := os.Stat(filepath.Join(c.RunDir, "script", name)); return err == nil })
	t.Cleanup(func() { _ = syscall.Kill(pid("stray"), syscall.SIGKILL) })
	return func() bool {
		leader := alive(pid("leader"))
		// Group and stray live and die together, whatever the clause asks.
		if alive(pid("stray")) != leader {
			t.Errorf("leader of %s is alive: %v, what left its group: %v", name, leader, !leader)
		}
		return leader
	}
}

func guardEnv(t testing.TB) porttest.GuardEnv {
	t.Helper()
	n, c := newNode(t)
	name := func(project string, seq uint64) string { return project + "." + strconv.FormatUint(seq, 10) }
	return porttest.GuardEnv{
		Guard: n.Guard, Warden: n.Warden, Clock: n.Clock,
		Script: func(project string, seq uint64) func() bool { return script(t, c, name(project, seq)) },
		Container: func(project string, seq uint64) func() bool {
			return holdLease(t, filepath.Join(c.LeaseRoot, name(project, seq)))
		},
	}
}

func TestGuard_Contract(t *testing.T)  { guardContract(t, porttest.GuardClauses()) }
func TestWarden_Contract(t *testing.T) { guardContract(t, porttest.WardenClauses()) }

func guardContract(t *testing.T, clauses []porttest.Clause[porttest.GuardEnv]) {
	if os.Geteuid() != 0 {
		t.Skip("mount namespaces want root")
	}
	for _, clause := range clauses {
		t.Run(clause.Method+"/"+clause.Says, func(t *testing.T) {
			porttest.Note(t, clause.Method, clause.Says)
			clause.Check(t.Context(), t, guardEnv(t))
		})
	}
}

func TestJournal_Contract(t *testing.T) {
	for _, clause := range porttest.JournalClauses() {
		t.Run(clause.Method+"/"+clause.Says, func(t *testing.T) {
			n, _ := newNode(t)
			porttest.Note(t, clause.Method, clause.Says)
			clause.Check(t.Context(), t, porttest.JournalEnv{Journal: n.Journal})
		})
	}
}

func TestClock_Contract(t *testing.T) {
	for _, clause := range porttest.ClockClauses() {
		t.Run(clause.Method+"/"+clause.Says, func(t *testing.T) {
			n, _ := newNode(t)
			porttest.Note(t, clause.Method, clause.Says)
			clause.Check(t.Context(), t, porttest.ClockEnv{Clock: n.Clock, Tasks: n.Tasks})
			n.Tasks.Wait()
		})
	}
}

func TestGuard_StrangersAreReportedAndForeignLeasesHaveEnded(t *testing.T) {
	_, c := newNode(t)
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"alpha.1": "", "alpha.2": `{"project":"beta","seq":2}`, "alpha.3": `{"project":"alpha","seq":3}`,
		"README": "x", "alpha.0": "", "Alpha.1": "", "alpha.99999999999999999999": "", ".alpha.4-123": "",
	} {
		if err := os.WriteFile(filepath.Join(c.LeaseRoot, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := n.Guard.List(t.Context())
	if err != nil || len(got) != 4 || got[0].Until != 1 || got[1].Until != 1 || got[2].Until != 1 || got[3].Until != 0 {
		t.Errorf("leases are %+v, %v", got, err)
	}
	if lines := strings.Count(log.String(), "level=WARN"); lines != 6 {
		t.Errorf("%d warnings: %s", lines, log.String())
	}
}

func TestGuard_RefusesNamesThatAreNotProjects(t *testing.T) {
	n, _ := newNode(t)
	for _, l := range []app.Lease{{Project: "", Seq: 1}, {Project: "../x", Seq: 1}, {Project: "a.b", Seq: 1}} {
		if n.Guard.Grant(t.Context(), l) == nil || n.Guard.Release(t.Context(), l.Project, l.Seq) == nil || n.Warden.Slay(t.Context(), l.Project, l.Seq, true) == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
}

func TestJournal_DamageIsNotForgetting(t *testing.T) {
	n, c := newNode(t)
	if err := os.WriteFile(filepath.Join(c.Root, ".state", "a.0a1b2.json"), []byte(`{"seq":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if entry, err := n.Journal.Read(t.Context(), "a.0a1b2"); err == nil {
		t.Errorf("entry is %+v", entry)
	}
	for _, name := range []string{"", "..", "../x", "a/b", ".hidden", "a\x00"} {
		if n.Journal.Write(t.Context(), name, app.Journal{}) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestLock_OneHandlerAndNoLeftovers(t *testing.T) {
	lock := filepath.Join(tempDir(t, ""), "lock")
	first := start(t, nil, playHandler+"="+lock)
	child := func() int {
		data, _ := os.ReadFile(lock + ".child")
		n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
		return n
	}
	until(t, "the first handler has started its child", func() bool { return child() > 0 })
	t.Cleanup(func() { _ = syscall.Kill(child(), syscall.SIGKILL) })
	if _, err := node.Lock(t.Context(), lock, filepath.Dir(lock)); !errors.Is(err, node.ErrHeld) {
		t.Fatalf("a second lock: error is %v", err)
	}
	if !alive(first) || !alive(child()) {
		t.Fatal("the first handler or its child was killed")
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !alive(child()) {
		t.Fatal("the child died with the handler")
	}
	var held *node.Held
	until(t, "the kernel has given the lock back", func() bool {
		var err error
		held, err = node.Lock(t.Context(), lock, filepath.Dir(lock))
		if err != nil && !errors.Is(err, node.ErrHeld) {
			t.Fatal(err)
		}
		return err == nil
	})
	if alive(child()) {
		t.Error("what the first handler left is alive")
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
}
