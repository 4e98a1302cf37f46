package hold_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/adapter/hold"
)

// patience bounds every wait of these tests; a machine with much to do may
// need seconds where it usually takes milliseconds.
const patience = 60 * time.Second

// needCaddy is a real Caddy.
func needCaddy(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Caddy is started only without -short")
	}
	return tools.Need(t, "caddy", "nodes")
}

// real is a Caddy that takes PROXY headers from loopback.
type real struct{ http, https string }

// newCaddy runs sites with its storage in dir, so that two share their internal
// authority.
func newCaddy(t *testing.T, dir, sites string) *real {
	t.Helper()
	program := needCaddy(t)
	r := &real{freeAddress(t), freeAddress(t)}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	text := fmt.Sprintf("{\n\tadmin off\n\thttp_port %s\n\thttps_port %s\n\tdefault_bind 127.0.0.1\n\tskip_install_trust\n\tstorage file_system %s\n\tlog {\n\t\tlevel ERROR\n\t}\n"+
		"\tservers {\n\t\tprotocols h1 h2\n\t\tlistener_wrappers {\n\t\t\tproxy_protocol {\n\t\t\t\tallow 127.0.0.0/8\n\t\t\t}\n\t\t\ttls\n\t\t}\n\t}\n}\n\n%s",
		port(r.http), port(r.https), filepath.Join(dir, "storage"), sites)
	path := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "run", "--config", path, "--adapter", "caddyfile")
	process.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	log := &bytes.Buffer{}
	process.Stderr = log
	if err := process.Start(); err != nil {
		t.Fatalf("start caddy: %v", err)
	}
	t.Cleanup(func() {
		_, _ = process.Process.Kill(), process.Wait()
		if t.Failed() {
			t.Logf("caddy said: … %s", log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// client asks this Caddy for any host, over http and https, as HAProxy would
// for a client at the address from.
func (r *real) client(from string) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to := r.http
		if strings.HasSuffix(address, ":443") {
			to = r.https
		}
		c, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if err == nil {
			_, err = c.Write(proxyHeader(netip.MustParseAddrPort(from), c.RemoteAddr()))
		}
		return c, err
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// proxyHeader is version 2 of the PROXY protocol for TCP over IPv4.
func proxyHeader(from netip.AddrPort, to net.Addr) []byte {
	target := netip.MustParseAddrPort(to.String())
	h := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11"), 0, 12)
	h = append(h, from.Addr().AsSlice()...)
	h = append(h, target.Addr().AsSlice()...)
	h = binary.BigEndian.AppendUint16(h, from.Port())
	return binary.BigEndian.AppendUint16(h, target.Port())
}

// echoed is what an upstream saw of a request.
type echoed struct {
	Method, Host, URI, Body string
	Header                  http.Header
}

// echo is an upstream that says what it saw.
func echo(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(echoed{r.Method, r.Host, r.URL.RequestURI(), string(body), r.Header})
	}))
	t.Cleanup(s.Close)
	return s
}

// eventually asks until f has no error.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
	}
}

// running is a server that answers on a socket until the test ends or stop.
func running(t *testing.T, c hold.Config) (s *hold.Server, stop func()) {
	t.Helper()
	s, err := hold.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, serve(t, s, c.Socket)
}

func serve(t *testing.T, s *hold.Server, socket string) (stop func()) {
	t.Helper()
	before, _ := os.Stat(socket)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	eventually(t, "the socket is there", func() error {
		now, err := os.Stat(socket)
		if err == nil && before != nil && os.SameFile(before, now) {
			err = errors.New("it is still the one before")
		}
		return err
	})
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// socketPath is short enough for a socket, which t.TempDir need not be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hold")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "hold.sock")
}
