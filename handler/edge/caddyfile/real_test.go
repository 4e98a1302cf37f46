package caddyfile_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/fixtures/tools"
)

// patience bounds every wait for the real Caddy.
const patience = 60 * time.Second

// caddyProgram is a real Caddy.
func caddyProgram(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Caddy is started only without -short")
	}
	return tools.Need(t, "caddy", "nodes")
}

// world is one Caddy that serves everything, and the container behind it.
type world struct {
	t                  *testing.T
	program, dir       string
	plain, secure      string       // where Caddy listens
	container, private string       // where the container does, and its TLS
	dead               string       // where nobody does
	out                output       // of Caddy: the access log
	asked              atomic.Int64 // health checks
}

// output is what a program has written so far.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) lines() []string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return strings.Split(o.text.String(), "\n")
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, program: caddyProgram(t), dir: t.TempDir(), plain: free(t), secure: free(t), dead: free(t)}
	w.container, w.private = containers(t, &w.asked)
	return w
}

// free is an address of this machine where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run calls Caddy with nothing of this machine in its environment.
func (w *world) run(args ...string) *exec.Cmd {
	cmd := exec.Command(w.program, args...)
	cmd.Env = []string{"HOME=" + w.dir, "XDG_DATA_HOME=" + w.dir, "XDG_CONFIG_HOME=" + w.dir}
	cmd.Dir = w.dir
	return cmd
}

// adapt is Caddy's own reading of a text.
func (w *world) adapt(text string) ([]byte, error) {
	file := filepath.Join(w.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	var errs bytes.Buffer
	cmd := w.run("adapt", "--adapter", "caddyfile", "--config", file)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = errors.New(errs.String())
	}
	return out, err
}

// validate lets Caddy make everything of a text but listen.
func (w *world) validate(text string) error {
	file := filepath.Join(w.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	out, err := w.run("validate", "--adapter", "caddyfile", "--config", file).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return errors.New(lines[len(lines)-1])
	}
	return nil
}

// serve starts Caddy with a text. Only where it listens, whom it asks and where
// its files are is changed, after it was adapted.
func (w *world) serve(text string) {
	w.t.Helper()
	config, err := w.adapt(text)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, text)
	}
	_, plain, _ := net.SplitHostPort(w.plain)
	_, secure, _ := net.SplitHostPort(w.secure)
	files := filepath.Join(w.dir, "srv")
	if err := os.MkdirAll(filepath.Join(files, "files"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "files", "a.txt"), []byte("a file"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	changed := strings.NewReplacer(`"ct:80"`, `"`+w.container+`"`, `"ct:443"`, `"`+w.private+`"`, `"ct:1"`, `"`+w.dead+`"`, `":80"`, `"`+w.plain+`"`, `":443"`, `"`+w.secure+`"`,
		`"/srv`, `"`+files, `"http":{"servers"`, `"pki":{"certificate_authorities":{"local":{"install_trust":false}}},"http":{"http_port":`+plain+`,"https_port":`+secure+`,"servers"`).Replace(string(config))
	changed = `{"admin":{"disabled":true},` + strings.TrimPrefix(changed, "{")
	file := filepath.Join(w.dir, "caddy.json")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := w.run("run", "--config", file)
	cmd.Stderr, cmd.Stdout = &log, &w.out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
		if w.t.Failed() {
			w.t.Logf("the end of Caddy's log:\n%s", log.Bytes()[max(0, log.Len()-8000):])
		}
	})
	w.ready(ended, &log)
}

// ready waits until Caddy takes connections.
func (w *world) ready(ended <-chan struct{}, log *bytes.Buffer) {
	w.t.Helper()
	await(w.t, "Caddy does not listen", func() bool {
		select {
		case <-ended:
			w.t.Fatalf("Caddy ended:\n%s", log)
		default:
		}
		return errors.Join(answers(w.plain), answers(w.secure)) == nil
	})
}

// await polls until something is so.
func await(t *testing.T, otherwise string, so func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !so() {
		select {
		case <-deadline.C:
			t.Fatal(otherwise)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func answers(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// client asks Caddy, whatever the host of a URL, and follows nothing.
func (w *world) client() *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to := w.plain
		if strings.HasSuffix(address, ":443") {
			to = w.secure
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	return &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DialContext: dial, DisableCompression: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask sends one request.
func (w *world) ask(a ask) (*http.Response, string, error) {
	method, url, ok := strings.Cut(a.request, " ")
	if !ok {
		method, url = http.MethodGet, a.request
	}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, "", err
	}
	for _, h := range a.with {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Authorization" {
			user, password, _ := strings.Cut(value, ":")
			req.SetBasicAuth(user, password)
			continue
		}
		req.Header.Add(name, value)
	}
	resp, err := w.client().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}
