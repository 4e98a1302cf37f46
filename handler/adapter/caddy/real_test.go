package caddy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/tools"
	"github.com/mlfmonde/cluster/handler/adapter/caddy"
	"github.com/mlfmonde/cluster/handler/edge"
)

// patience bounds every wait of these tests; a machine with much to do may
// need seconds where it usually takes milliseconds.
const patience = 60 * time.Second

// real is a Caddy of this test, with its own storage.
type real struct {
	t           testing.TB
	program     string
	dir, run    string
	admin       string
	http, https string
	process     *exec.Cmd
}

// needCaddy is a real Caddy.
func needCaddy(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Caddy is started only without -short")
	}
	return tools.Need(t, "caddy", "nodes")
}

// newCaddy starts one whose storage is in dir, so that two share their internal
// authority.
func newCaddy(t testing.TB, dir string) *real {
	t.Helper()
	program := needCaddy(t)
	// The path of a socket has little room, so it is not in t.TempDir.
	run, err := os.MkdirTemp("", "caddy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	r := &real{t: t, program: program, dir: dir, run: run, admin: "unix/" + filepath.Join(run, "admin.sock"), http: freeAddress(t), https: freeAddress(t)}
	r.start()
	t.Cleanup(r.stop)
	return r
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

// start runs Caddy with what an operator might give it.
func (r *real) start() {
	r.t.Helper()
	config := fmt.Sprintf(`{"admin":{"listen":%q,"config":{"persist":false}},
		"logging":{"logs":{"default":{"level":"ERROR"}}},
		"storage":{"module":"file_system","root":%q},
		"apps":{"pki":{"certificate_authorities":{"local":{"install_trust":false}}},
		"tls":{"automation":{"policies":[{"issuers":[{"module":"internal"}]}]}}}}`, r.admin, filepath.Join(r.dir, "storage"))
	path := filepath.Join(r.t.TempDir(), "caddy.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.process = exec.Command(r.program, "run", "--config", path)
	r.process.Env = append(os.Environ(), "HOME="+r.dir, "XDG_DATA_HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir)
	log := &bytes.Buffer{}
	r.process.Stderr = log
	process := r.process
	r.t.Cleanup(func() {
		if r.t.Failed() {
			_, _ = process.Process.Kill(), process.Wait()
			r.t.Logf("caddy said: … %s", log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	if err := r.process.Start(); err != nil {
		r.t.Fatalf("start caddy: %v", err)
	}
	eventually(r.t, "caddy answers", func() error {
		_, err := r.config("/config/")
		return err
	})
}

func (r *real) stop() {
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
}

// ask is one request to the admin endpoint.
func (r *real) ask(method, path, body string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: r.dialAdmin}}
	q, err := http.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	q.Header.Set("Content-Type", "application/json")
	a, err := client.Do(q)
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, a.Status, got)
	}
	return string(got), err
}

func (r *real) config(path string) (string, error) { return r.ask(http.MethodGet, path, "") }

// between is the address of an admin endpoint that calls first for each request
// and then passes it on to Caddy.
func (r *real) between(first func(*http.Request)) string {
	pass := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) {
		q.Out.URL.Scheme, q.Out.URL.Host, q.Out.Host = "http", "localhost", "localhost"
	},
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: r.dialAdmin}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		first(q)
		pass.ServeHTTP(w, q)
	}))
	r.t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func (r *real) dialAdmin(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(r.admin, "unix/"))
}

// publisher is the adapter under test, for this Caddy.
func (r *real) publisher() *caddy.Publisher {
	r.t.Helper()
	p, err := caddy.New(caddy.Config{Admin: r.admin, HTTP: r.http, HTTPS: r.https, Gates: filepath.Join(r.run, "held"), Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// apply publishes sites and fails the test when that does not work as a whole.
func apply(t *testing.T, p *caddy.Publisher, sites ...edge.Site) map[string]string {
	t.Helper()
	left, err := p.Apply(t.Context(), sites)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return left
}

// client asks this Caddy for any host, over http and https, as HAProxy would
// for a client at the address from; "" is without a PROXY header.
func (r *real) client(from string) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to := r.http
		if strings.HasSuffix(address, ":443") {
			to = r.https
		}
		c, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if err == nil && from != "" {
			_, err = c.Write(proxyHeader(netip.MustParseAddrPort(from), c.RemoteAddr()))
		}
		return c, err
	}
	t := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	return &http.Client{Transport: t, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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

// get is the status and body of url.
func get(c *http.Client, url string) (int, string, error) {
	a, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a.StatusCode, string(body), err
}

// wantBody asks url and fails unless the body is want. A certificate comes when
// the site is there already, so https is asked until it has one.
func wantBody(t *testing.T, c *http.Client, url, want string) {
	t.Helper()
	ask := func() error {
		status, body, err := get(c, url)
		if err == nil && (status != http.StatusOK || body != want) {
			err = fmt.Errorf("%d %q", status, body)
		}
		if err != nil {
			return fmt.Errorf("GET %s: %w; want 200 %q", url, err, want)
		}
		return nil
	}
	if strings.HasPrefix(url, "https:") {
		eventually(t, url, ask)
	} else if err := ask(); err != nil {
		t.Error(err)
	}
}

// echoed is what an upstream saw of a request.
type echoed struct {
	Name, Method, Host, URI, Body string
	Header                        http.Header
}

// echo is an upstream that says what it saw.
func echo(t *testing.T, name string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(echoed{name, r.Method, r.Host, r.URL.RequestURI(), string(body), r.Header})
	}))
	t.Cleanup(s.Close)
	return s
}

// eventually asks until f has no error.
func eventually(t testing.TB, what string, f func() error) {
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

// says is a site of app that answers text.
func says(app, text string) edge.Site {
	return edge.Site{App: app, Mode: edge.Serve, Text: fmt.Sprintf("http://%[1]s.example.com, https://%[1]s.example.com {\n\trespond %[2]q\n}\n", app, text)}
}

// proxies is a site of app that goes to an upstream.
func proxies(app string, upstream *httptest.Server) edge.Site {
	return edge.Site{App: app, Mode: edge.Serve, Text: fmt.Sprintf(
		"http://%[1]s.example.com, https://%[1]s.example.com {\n\treverse_proxy %[2]s {\n\t\tstream_close_delay 5m\n\t}\n}\n", app, strings.TrimPrefix(upstream.URL, "http://"))}
}
