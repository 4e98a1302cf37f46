package git_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/git"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// need skips the test when a program is missing, or fails it where the recette
// requires git.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if strings.Contains(","+os.Getenv("RECETTE_REQUIRE")+",", ",git,") {
				t.Fatalf("git is required and %s is missing", p)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// tempDir is short and has only characters that a repository's path may have.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// repository is a bare repository "team/site" below root, and a place to
// commit from.
type repository struct {
	t          testing.TB
	root, work string
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	need(t, "git")
	r := &repository{t: t, root: tempDir(t), work: tempDir(t)}
	bare := filepath.Join(r.root, "team", "site.git")
	run(t, r.root, "git", "init", "-q", "--bare", "-b", "main", bare)
	run(t, r.work, "git", "init", "-q", "-b", "main", ".")
	run(t, r.work, "git", "remote", "add", "origin", bare)
	r.push(port.Files{"docker-compose.yml": []byte("services: {}\n")})
	return r
}

// push makes the files of main exactly these.
func (r *repository) push(files port.Files) string {
	r.t.Helper()
	run(r.t, r.work, "git", "rm", "-rfq", "--ignore-unmatch", ".")
	for name, data := range files {
		path := filepath.Join(r.work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.commit()
}

func (r *repository) commit() string {
	r.t.Helper()
	run(r.t, r.work, "git", "add", "-A")
	run(r.t, r.work, "git", "commit", "-q", "--allow-empty", "-m", "change")
	run(r.t, r.work, "git", "push", "-q", "origin", "main")
	return run(r.t, r.work, "git", "rev-parse", "HEAD")
}

// remote serves a repository and can be told to refuse.
type remote struct {
	app    app.App
	config git.Config
	deny   func()
}

const secret = "s3cr3t-canary"

// overHTTP serves by git's own CGI program, with a password when tls.
func overHTTP(t testing.TB, r *repository, tls bool) remote {
	t.Helper()
	backend := filepath.Join(run(t, r.root, "git", "--exec-path"), "git-http-backend")
	need(t, backend)
	git := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + r.root, "GIT_HTTP_EXPORT_ALL=1"}}
	var denied atomic.Bool
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		switch {
		case denied.Load():
			http.Error(w, "no", http.StatusForbidden)
		case tls && (user != "deploy" || password != secret):
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
		default:
			git.ServeHTTP(w, q)
		}
	})
	rem := remote{deny: func() { denied.Store(true) }}
	server := httptest.NewUnstartedServer(handler)
	if tls {
		server.StartTLS()
		dir := tempDir(t)
		rem.config.CA = write(t, dir, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
		host := strings.TrimPrefix(server.URL, "https://")
		rem.config.Credentials = write(t, dir, "credentials", fmt.Appendf(nil, "https://deploy:%s@%s\n", secret, host))
	} else {
		server.Start()
		rem.config.AllowHTTP = true
	}
	t.Cleanup(server.Close)
	rem.app = app.App{Repo: server.URL + "/team/site", Branch: "main"}
	return rem
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// overSSH serves by a real sshd on the loopback, with keys of its own.
func overSSH(t testing.TB, r *repository) remote {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("sshd wants to be root")
	}
	need(t, "sshd", "ssh", "ssh-keygen")
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	dir := tempDir(t)
	for _, key := range []string{"host", "client"} {
		run(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key))
	}
	public, err := os.ReadFile(filepath.Join(dir, "client.pub"))
	if err != nil {
		t.Fatal(err)
	}
	authorized := write(t, dir, "authorized", public)
	addr := freeAddress(t)
	host, number, _ := strings.Cut(addr, ":")
	config := write(t, dir, "sshd_config", fmt.Appendf(nil, `ListenAddress %s
HostKey %s/host
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
`, addr, dir, authorized))
	startSSHD(t, sshd, config, addr)
	hostKey, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return remote{
		app: app.App{Repo: fmt.Sprintf("ssh://root@%s%s/team/site", addr, r.root), Branch: "main"},
		config: git.Config{
			Key:        filepath.Join(dir, "client"),
			KnownHosts: write(t, dir, "known_hosts", fmt.Appendf(nil, "[%s]:%s %s", host, number, hostKey)),
		},
		deny: func() { write(t, dir, "authorized", nil) },
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startSSHD(t testing.TB, sshd, config, addr string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("sshd does not answer: %v", err)
		}
	}
}
