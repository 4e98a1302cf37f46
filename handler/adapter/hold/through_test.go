package hold_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/hold"
)

const app = "blog_master.ddb14"

// edges are two nodes' Caddies: here holds app, there serves it.
func edges(t *testing.T, socket string) (here, there *real) {
	t.Helper()
	needCaddy(t)
	dir, upstream := t.TempDir(), echo(t)
	there = newCaddy(t, dir, fmt.Sprintf("http://blog.example.com, https://blog.example.com, https://www.blog.example.com {\n\ttls internal\n\treverse_proxy %s\n}\n",
		strings.TrimPrefix(upstream.URL, "http://")))
	answers(t, there, "https://blog.example.com/", http.StatusOK) // the shared authority exists
	text, err := os.ReadFile("testdata/hold.caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	here = newCaddy(t, dir, strings.ReplaceAll(string(text), "SOCKET", socket))
	return here, there
}

// answers waits until url has status.
func answers(t *testing.T, r *real, url string, status int) {
	t.Helper()
	eventually(t, url, func() error {
		a, err := r.client("198.51.100.1:1").Get(url)
		if err == nil {
			a.Body.Close()
			if a.StatusCode != status {
				err = fmt.Errorf("status %d, want %d", a.StatusCode, status)
			}
		}
		return err
	})
}

// waiting waits until n requests of app wait.
func waiting(t *testing.T, s *hold.Server, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests wait", n), func() error {
		for _, h := range s.Held() {
			if h.App == app && h.Waiting == n {
				return nil
			}
		}
		return fmt.Errorf("held: %+v", s.Held())
	})
}

func TestHold_RequestsWaitAndGoOnToAnotherNode(t *testing.T) {
	socket := socketPath(t)
	here, there := edges(t, socket)
	s, _ := running(t, hold.Config{Socket: socket})
	for _, c := range []struct{ scheme, target string }{{"https", there.https}, {"http", there.http}} {
		t.Run(c.scheme, func(t *testing.T) {
			s.Forget(app)
			answers(t, here, c.scheme+"://blog.example.com/", http.StatusServiceUnavailable) // it listens and has a certificate
			s.Hold(app, 0)
			body := strings.Repeat("a body that must arrive whole. ", 20000)
			got := make(chan error)
			for i := range 10 {
				go func() { got <- post(here, c.scheme, i, body) }()
			}
			waiting(t, s, 10)
			if err := s.Open(app, c.target); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if err := <-got; err != nil {
					t.Error(err)
				}
			}
			if err := post(here, c.scheme, 10, "late"); err != nil {
				t.Errorf("after it was opened: %v", err)
			}
		})
	}
	if h := s.Held()[0]; h.Passed != 11 || h.Waiting != 0 || h.Longest <= 0 || h.Late+h.Refused+h.Gone != 0 {
		t.Errorf("figures: %+v", h)
	}
}

// post sends body as the i-th client and checks what the upstream saw.
func post(r *real, scheme string, i int, body string) error {
	from := fmt.Sprintf("203.0.113.%d", i)
	q, err := http.NewRequest(http.MethodPost, scheme+"://blog.example.com/a%20b?c=d&e", strings.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set(hold.TargetHeader, "192.0.2.1:1")
	q.Header.Set("X-Forwarded-For", "192.0.2.2")
	q.Header.Set("Cookie", "kept=1")
	a, err := r.client(from + ":4711").Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	var saw echoed
	if err := json.NewDecoder(a.Body).Decode(&saw); err != nil || a.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s: %w", a.Status, err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"method", saw.Method, http.MethodPost}, {"host", saw.Host, "blog.example.com"}, {"uri", saw.URI, "/a%20b?c=d&e"},
		{"client", saw.Header.Get("X-Forwarded-For"), from}, {"scheme", saw.Header.Get("X-Forwarded-Proto"), scheme}, {"cookie", saw.Header.Get("Cookie"), "kept=1"},
		{"target", saw.Header.Get(hold.TargetHeader), ""},
	} {
		if c.got != c.want {
			err = errors.Join(err, fmt.Errorf("the upstream saw the %s %q, want %q", c.what, c.got, c.want))
		}
	}
	if saw.Body != body {
		err = errors.Join(err, fmt.Errorf("the upstream saw %d bytes, want %d", len(saw.Body), len(body)))
	}
	return err
}

func TestHold_GivesThePage(t *testing.T) {
	socket := socketPath(t)
	here, _ := edges(t, socket)
	page := func(what, want string) {
		t.Helper()
		eventually(t, what, func() error {
			a, err := here.client("203.0.113.1:1").Get("https://blog.example.com/")
			if err != nil {
				return err
			}
			defer a.Body.Close()
			body, err := io.ReadAll(a.Body)
			if err == nil && (a.StatusCode != 503 || a.Header.Get("Retry-After") != "5" || !strings.Contains(string(body), want)) {
				err = fmt.Errorf("%s %v: %q, want 503 with %q", a.Status, a.Header, body, want)
			}
			return err
		})
	}
	page("nobody listens on the socket", "<h1>Back in a moment</h1>")
	own := socket + ".html"
	if err := os.WriteFile(own, []byte("<p>the operator's page"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, stop := running(t, hold.Config{Socket: socket, Page: own, PerApp: 1})
	page("nobody holds the app", "the operator's page")
	s.Hold(app, time.Millisecond)
	page("the limit is passed", "the operator's page")
	s.Hold(app, patience)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://blog.example.com/", nil)
		if err == nil {
			_, err = here.client("203.0.113.1:1").Do(q)
		}
		gone <- err
	}()
	waiting(t, s, 1)
	page("too many wait", "the operator's page")
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("a client that gives up: %v", err)
	}
	waiting(t, s, 0)
	stop()
	if h := s.Held()[0]; h.Gone != 1 || h.Late == 0 || h.Refused == 0 || h.Passed != 0 {
		t.Errorf("figures: %+v", h)
	}
	page("nobody listens on the socket any more", "<h1>Back in a moment</h1>")
}

func TestHold_LosesNoRequestWhenItIsRestarted(t *testing.T) {
	socket := socketPath(t)
	here, there := edges(t, socket)
	first, stop := running(t, hold.Config{Socket: socket})
	answers(t, here, "https://blog.example.com/", http.StatusServiceUnavailable)
	first.Hold(app, 0)
	got := make(chan error)
	for i := range 5 {
		go func() { got <- post(here, "https", i, "body") }()
	}
	waiting(t, first, 5)
	second, err := hold.New(hold.Config{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	second.Hold(app, 0)
	stop()
	serve(t, second, socket)
	waiting(t, second, 5)
	if err := second.Open(app, there.https); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
}
