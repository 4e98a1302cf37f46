package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/adapter/caddy"
	"github.com/mlfmonde/cluster/handler/adapter/haproxy"
	"github.com/mlfmonde/cluster/handler/adapter/proxy"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/client"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/port"
)

// kept is a KV that is read only by the edge.
type kept struct {
	port.KV
	pairs []port.Pair
	index uint64
}

func (k *kept) put(key, value string) {
	k.index++
	p := port.Pair{Key: key, Value: []byte(value), Modify: k.index}
	i, found := slices.BinarySearchFunc(k.pairs, key, func(p port.Pair, key string) int { return strings.Compare(p.Key, key) })
	if found {
		k.pairs[i] = p
		return
	}
	k.pairs = slices.Insert(k.pairs, i, p)
}

func (k *kept) List(_ context.Context, prefix string) ([]port.Pair, uint64, error) {
	i, _ := slices.BinarySearchFunc(k.pairs, prefix, func(p port.Pair, key string) int { return strings.Compare(p.Key, key) })
	j := i
	for j < len(k.pairs) && strings.HasPrefix(k.pairs[j].Key, prefix) {
		j++
	}
	return slices.Clone(k.pairs[i:j]), k.index, nil
}

func (k *kept) Wait(context.Context, string, uint64, time.Duration) (uint64, error) {
	return k.index, nil
}

// shown is an edge on this machine: real HAProxy, and real Caddy if there is one.
type shown struct {
	t   testing.TB
	dir string
	kv  *kept
	own *proxy.Own
}

const edgeTemplate = `global
    description {{ .Digest }}
    stats socket {{ .Socket }} mode 600 level admin expose-fd listeners

resolvers dns
    nameserver local {{ .Resolver }}

defaults
    mode tcp
    default-server init-addr last,libc,none
    timeout connect 1s
    timeout client 10s
    timeout server 10s

frontend https-in
    bind unix@%[1]s/https
{{ .HTTPS }}
frontend http-in
    mode http
    bind unix@%[1]s/http
{{ .HTTP }}
{{ .Sections -}}
`

// start runs a program until the test ends, from when socket answers.
func (s *shown) start(socket, name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Error(err)
		}
		_ = cmd.Wait()
	})
	if err := os.WriteFile(filepath.Join(s.dir, filepath.Base(name)+".pid"), fmt.Appendln(nil, cmd.Process.Pid), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s does not answer: %v", name, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// newShown starts the proxies and an edge for n apps.
func newShown(t testing.TB, n int, sites proxy.Caddy) *shown {
	t.Helper()
	binary := tools.Need(t, "haproxy", "nodes")
	dir, err := os.MkdirTemp("", "ed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &shown{t: t, dir: dir, kv: &kept{}}
	template, err := edge.NewTemplate(fmt.Sprintf(edgeTemplate, dir))
	if err != nil {
		t.Fatal(err)
	}
	template.Socket, template.Caddy, template.Resolver = filepath.Join(dir, "s"), "127.0.0.1", "127.0.0.1:9"
	way, err := haproxy.ParseReload("pid:" + filepath.Join(dir, "haproxy.pid"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := haproxy.New(haproxy.Config{File: filepath.Join(dir, "cfg", "haproxy.cfg"), Socket: template.Socket, Command: []string{binary}, Reload: way})
	if err != nil {
		t.Fatal(err)
	}
	if sites == nil {
		sites = s.caddy()
	}
	s.own = proxy.NewOwn(proxy.Config{KV: s.kv, Node: "n1", HAProxy: h, Caddy: sites, Template: template, Dir: filepath.Join(dir, "good"), EdgeWait: time.Minute})
	s.kv.put("node/n1", `{"name": "n1", "address": "127.0.0.1"}`)
	for i := range n {
		s.app(i, fmt.Sprintf("app%d.example.com", i), "respond hello")
	}
	if p := s.publish(); !strings.Contains(p.Left[app.WholeEdge], "start it") {
		t.Fatalf("without HAProxy: %+v", p)
	}
	s.start(template.Socket, binary, "-W", "-db", "-f", filepath.Join(dir, "cfg", "haproxy.cfg"))
	if p := s.publish(); p.Left[app.WholeEdge] != "" {
		t.Fatalf("%+v", p)
	}
	return s
}

// caddy is a real one that listens only on sockets.
func (s *shown) caddy() proxy.Caddy {
	s.t.Helper()
	binary := tools.Need(s.t, "caddy", "nodes")
	socket := filepath.Join(s.dir, "c")
	config := filepath.Join(s.dir, "caddy.json")
	if err := os.WriteFile(config, fmt.Appendf(nil, `{"admin": {"listen": "unix/%s"}}`, socket), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.start(socket, binary, "run", "--config", config)
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	made, err := caddy.New(caddy.Config{Admin: "unix/" + socket, HTTP: free(), HTTPS: free()})
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func appName(i int) string { return fmt.Sprintf("app%04d_main.00000", i) }

// app writes a record with one site; every fourth is on n1.
func (s *shown) app(i int, host, directive string) {
	s.kv.put("app/"+appName(i), fmt.Sprintf(`{"haproxy": {}, "caddyfile": "http://%[1]s {\n    %[2]s\n}", "repo_url": "https://git.example.com/x", "branch": "main",
		"domains": [%[1]q, "www.%[1]s"], "urls": "http://%[1]s", "ip": "127.0.0.1", "master": "n%[3]d", "slave": null, "ct": {}}`, host, directive, 1+i%4))
}

func (s *shown) publish() app.Published {
	s.t.Helper()
	p, err := s.own.Publish(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func TestEdge_NamesOneBadAppAmongTwentyAndShowsTheOthers(t *testing.T) {
	s := newShown(t, 20, nil)
	s.app(8, "app8.example.com", "import /etc/passwd")
	s.app(12, "app16.example.com", "respond stolen")
	s.app(16, "app16.example.com", "respond changed")
	p := s.publish()
	if p.Index != s.kv.index || len(p.Left) != 2 || !strings.Contains(p.Left[appName(8)], "line 2") || !strings.Contains(p.Left[appName(16)], "belongs to "+appName(12)) {
		t.Errorf("%+v", p)
	}
	var out bytes.Buffer
	all(&out, client.Overview{Nodes: []client.Node{{Name: "n1", Address: "127.0.0.1", Present: true, Edge: client.Edge{Published: p.Index, Newest: p.Index, Left: p.Shown()}}}})
	t.Logf("handler status:\n%s", out.String())
	s.app(8, "app8.example.com", "respond mended")
	s.app(12, "app12.example.com", "respond own")
	if p := s.publish(); len(p.Left) != 0 {
		t.Errorf("mended: %+v", p)
	}
}

// quiet is a Caddy that takes everything at once.
type quiet struct{}

func (quiet) Apply(context.Context, []edge.Site) (map[string]string, error) { return nil, nil }

func (quiet) Running(context.Context) (string, error) { return "loaded", nil }

func (quiet) Drain(context.Context, string, time.Duration) (int, error) { return 0, nil }

// One app's change of many, from the KV to the running HAProxy and, where there
// is one, Caddy.
func BenchmarkEdge_OneChange(b *testing.B) {
	for _, n := range []int{20, 2000} {
		b.Run(fmt.Sprintf("HAProxy/apps=%d", n), func(b *testing.B) { changing(b, n, quiet{}) })
		b.Run(fmt.Sprintf("HAProxy and Caddy/apps=%d", n), func(b *testing.B) { changing(b, n, nil) })
	}
}

func changing(b *testing.B, n int, sites proxy.Caddy) {
	s := newShown(b, n, sites)
	i, before := 0, used(b)
	for b.Loop() {
		i++
		s.app(n/2, fmt.Sprintf("change%d.example.com", i), fmt.Sprintf("respond %d", i))
		if p := s.publish(); p.Index != s.kv.index || len(p.Left) != 0 {
			b.Fatalf("%+v", p)
		}
	}
	b.ReportMetric(float64((used(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// used is the processor time of this process and of the checks that it has run;
// on a machine that is busy with other things it says more than the time.
func used(t testing.TB) (sum time.Duration) {
	t.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum
}
