// Package programs starts the real programs that the tests of this module
// need, on loopback: in comes a test, out come addresses; whatever was started
// ends with the test. A program that is not there skips the test with the
// reason, or fails it where RECETTE_REQUIRE names it.
package programs

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// deadline is how long anything real may take on a busy machine.
const deadline = 90 * time.Second

// Find gives the path of a program, from PATH or where fixtures/tools/build
// keeps it.
func Find(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real programs are started only without -short")
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	tools := os.Getenv("CLUSTER_TOOLS")
	if home, err := os.UserHomeDir(); tools == "" && err == nil {
		tools = filepath.Join(home, ".cache", "mlfmonde-cluster", "tools")
	}
	found := filepath.Join(tools, "bin", name)
	if _, err := os.Stat(found); err == nil {
		return found
	}
	lack := t.Skipf
	if slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), name) {
		lack = t.Fatalf
	}
	lack("no %s in PATH nor at %s: run fixtures/tools/build %s", name, found, name)
	return ""
}

// Ports gives n ports of loopback that nobody uses.
func Ports(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// Process is a program under way and what it has said.
type Process struct {
	command *exec.Cmd
	done    chan struct{}
	mutex   sync.Mutex
	said    bytes.Buffer
}

// Write takes what the program says.
func (p *Process) Write(text []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.said.Write(text)
}

// Said is everything that the program has said so far.
func (p *Process) Said() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.said.String()
}

// Start runs a program until Kill or the end of the test. What it said is shown
// when the test fails.
func Start(t *testing.T, environment []string, path string, arguments ...string) *Process {
	t.Helper()
	p := &Process{command: exec.Command(path, arguments...), done: make(chan struct{})}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = p, p
	p.command.WaitDelay = time.Second
	// A test that panics or is killed cleans nothing up: the kernel ends its
	// programs. It looks at the thread that started them, which has to stay.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait() // how it ended is in what it said
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			said := p.Said()
			t.Logf("%s said:\n%s", filepath.Base(path), said[max(0, len(said)-6000):])
		}
	})
	return p
}

// Kill ends the program as a crash does.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.done
}

// Stop asks the program to end and waits for it.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(os.Interrupt) // it may have ended
	<-p.done
}

// Await polls until check holds, or fails the test with what still lacks.
func Await(t *testing.T, what string, check func() error) {
	t.Helper()
	until := time.Now().Add(deadline)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%s: not within %s: %v", what, deadline, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Consul is an agent with a KV in memory.
type Consul struct {
	Address string
	process *Process
	path    string
	ports   []int
}

// NewConsul starts an agent and waits until it can be written to.
func NewConsul(t *testing.T) *Consul {
	t.Helper()
	c := &Consul{path: Find(t, "consul"), ports: Ports(t, 4)}
	c.Address = fmt.Sprintf("127.0.0.1:%d", c.ports[0])
	c.Start(t)
	return c
}

// Start runs the agent, once more after Kill: with nothing in its KV.
func (c *Consul) Start(t *testing.T) {
	t.Helper()
	port := func(i int) string { return fmt.Sprint(c.ports[i]) }
	c.process = Start(t, nil, c.path, "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1", "-log-level", "warn",
		"-http-port", port(0), "-server-port", port(1), "-serf-lan-port", port(2), "-serf-wan-port", port(3),
		"-dns-port", "-1", "-grpc-port", "-1", "-grpc-tls-port", "-1")
	Await(t, "Consul has a leader", func() error {
		answer, err := http.Get("http://" + c.Address + "/v1/kv/?keys&consistent")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
}

// Kill ends the agent.
func (c *Consul) Kill() { c.process.Kill() }
