package haproxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/adapter/haproxy"
	"github.com/mlfmonde/cluster/handler/edge"
)

// stand is a real HAProxy with a server behind it, on loopback.
type stand struct {
	t        testing.TB
	dir      string
	https    int
	http     int
	behind   string // address of the server
	template *edge.Template
	proxy    *haproxy.HAProxy
	master   *exec.Cmd
	log      *bytes.Buffer
}

const staticText = `global
    description {{ .Digest }}
    maxconn 2000
    stats socket {{ .Socket }} mode 600 level admin expose-fd listeners
    stats timeout 30s

resolvers dns
    nameserver local {{ .Resolver }}

defaults
    mode tcp
    default-server init-addr last,libc,none
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend https-in
    bind 127.0.0.1:HTTPS
    tcp-request inspect-delay 5s
    tcp-request content accept if { req_ssl_hello_type 1 }
{{ .HTTPS }}
frontend http-in
    mode http
    bind 127.0.0.1:HTTP
{{ .HTTP }}
    default_backend behind

backend behind
    mode http
    server behind BEHIND
{{ .Sections -}}
`

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func newStand(t testing.TB) *stand {
	t.Helper()
	tools.Need(t, "haproxy", "nodes")
	dir, err := os.MkdirTemp("", "hap") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
	s := &stand{t: t, dir: dir, https: freePort(t), http: freePort(t), behind: server.Listener.Addr().String()}
	text := strings.NewReplacer("HTTPS\n", fmt.Sprintln(s.https), "BEHIND", s.behind, ":HTTP\n", fmt.Sprintf(":%d\n", s.http)).Replace(staticText)
	text = strings.ReplaceAll(text, "127.0.0.1:HTTPS", fmt.Sprintf("127.0.0.1:%d", s.https))
	if s.template, err = edge.NewTemplate(text); err != nil {
		t.Fatal(err)
	}
	s.template.Socket, s.template.Caddy, s.template.Resolver = filepath.Join(dir, "s"), "127.0.0.1", "127.0.0.1:9"
	s.proxy = s.adapter("pid:"+filepath.Join(dir, "pid"), nil)
	t.Cleanup(func() {
		s.kill()
		server.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *stand) adapter(reload string, signal func(context.Context, string, string) error) *haproxy.HAProxy {
	s.t.Helper()
	way, err := haproxy.ParseReload(reload)
	if err != nil {
		s.t.Fatal(err)
	}
	h, err := haproxy.New(haproxy.Config{File: s.file(), Socket: s.template.Socket, Reload: way, Signal: signal, Wait: 3 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (s *stand) file() string { return filepath.Join(s.dir, "cfg", "haproxy.cfg") }

// start runs HAProxy with the file that is there.
func (s *stand) start() {
	s.t.Helper()
	s.log = &bytes.Buffer{}
	s.master = exec.Command("haproxy", "-W", "-db", "-f", s.file())
	s.master.Stdout, s.master.Stderr = s.log, s.log
	s.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.master.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "pid"), fmt.Appendln(nil, s.master.Process.Pid), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.until("HAProxy to answer", func() error {
		conn, err := net.Dial("unix", s.template.Socket)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// kill ends the master and its workers at once.
func (s *stand) kill() {
	if s.master == nil {
		return
	}
	if err := syscall.Kill(-s.master.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		s.t.Error(err)
	}
	_ = s.master.Wait()
	s.master = nil
}

// until polls with a deadline.
func (s *stand) until(what string, try func() error) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if err = try(); err == nil {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	s.t.Fatalf("waiting for %s: %v\n%s", what, err, s.log)
}

// records are n apps of this node with a domain each.
func records(n int, more ...edge.Pair) []edge.Pair {
	var all []edge.Pair
	for i := range n {
		all = append(all, edge.Pair{Key: fmt.Sprintf("app/app%04d_main.00000", i), Value: fmt.Appendf(nil,
			`{"haproxy": {}, "domains": ["app%04d.example.com"], "ip": "192.0.2.%d", "master": "n%d", "ct": {}}`, i, 1+i%4, 1+i%4)})
	}
	return append(all, more...)
}

func (s *stand) render(pairs []edge.Pair) edge.Proxy {
	s.t.Helper()
	p, faults := edge.HAProxy(edge.Read(pairs), "n1", s.template)
	if len(faults) > 0 {
		s.t.Fatalf("%v", faults)
	}
	return p
}

// up is a HAProxy that runs n apps.
func (s *stand) up(n int) edge.Proxy {
	s.t.Helper()
	p := s.render(records(n))
	err := s.proxy.Run(s.t.Context(), p.Text(nil)) // nothing runs yet, but the file is there
	if err == nil || !strings.Contains(err.Error(), "start it") {
		s.t.Fatalf("without a HAProxy: %v", err)
	}
	s.start()
	if err := s.proxy.Run(s.t.Context(), p.Text(nil)); err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	return p
}
