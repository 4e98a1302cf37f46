package hold_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/hold"
)

func TestNew_RefusesWhatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		config hold.Config
		want   string
	}{
		{hold.Config{}, "no socket"},
		{hold.Config{Socket: "/s", Limit: -1}, "must not be negative"},
		{hold.Config{Socket: "/s", Page: "/nonexistent/page.html"}, "/nonexistent/page.html"},
	} {
		if _, err := hold.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want %q", c.config, err, c.want)
		}
	}
}

// server is one that is asked without a socket.
func server(t *testing.T, c hold.Config) *hold.Server {
	t.Helper()
	c.Socket = "/unused"
	s, err := hold.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asked is an answer that may still come.
type asked struct {
	*httptest.ResponseRecorder
	done   bool
	giveUp context.CancelFunc
}

// ask puts a question of app and lets everything happen that can without time.
func ask(s *hold.Server, app string) *asked {
	ctx, cancel := context.WithCancel(context.Background())
	a := &asked{ResponseRecorder: httptest.NewRecorder(), giveUp: cancel}
	go func() {
		s.ServeHTTP(a, httptest.NewRequestWithContext(ctx, http.MethodGet, hold.Path+app, nil))
		a.done = true
	}()
	synctest.Wait()
	return a
}

// want fails unless the answer is there: with a target, or "" for the page.
func (a *asked) want(t *testing.T, what, target string) {
	t.Helper()
	synctest.Wait()
	status := http.StatusServiceUnavailable
	if target != "" {
		status = http.StatusOK
	}
	switch {
	case !a.done:
		t.Errorf("%s: it still waits", what)
	case a.Code != status || a.Header().Get(hold.TargetHeader) != target:
		t.Errorf("%s: %d %v, want %d %q", what, a.Code, a.Header(), status, target)
	case target == "" && (a.Header().Get("Retry-After") == "" || !strings.Contains(a.Body.String(), "<h1>")):
		t.Errorf("%s: the page is %v %q", what, a.Header(), a.Body)
	}
}

func open(t *testing.T, s *hold.Server, app, target string) {
	t.Helper()
	if err := s.Open(app, target); err != nil {
		t.Fatal(err)
	}
}

func TestServer_WaitsUntilItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, hold.Config{})
		ask(s, "one").want(t, "an app that nobody holds", "")
		s.Hold("one", 0)
		s.Hold("two", 0)
		a, b, other := ask(s, "one"), ask(s, "one"), ask(s, "two")
		time.Sleep(10 * time.Second) // of the bubble's clock
		if a.done || b.done {
			t.Error("answered while the app is held")
		}
		s.Hold("one", 0) // said twice
		open(t, s, "one", "192.0.2.1:1443")
		a.want(t, "the first", "192.0.2.1:1443")
		b.want(t, "the second", "192.0.2.1:1443")
		ask(s, "one").want(t, "a late one", "192.0.2.1:1443")
		open(t, s, "one", "192.0.2.2:1443")
		ask(s, "one").want(t, "after another switch", "192.0.2.2:1443")
		s.Hold("one", 0)
		again := ask(s, "one")
		if again.done || other.done {
			t.Error("answered while the app is held again, or another one")
		}
		s.Forget("one")
		s.Forget("one")
		again.want(t, "forgotten while it waits", "")
		ask(s, "one").want(t, "forgotten", "")
		open(t, s, "two", "[2001:db8::1]:1443")
		other.want(t, "the other app", "[2001:db8::1]:1443")
		open(t, s, "three", "192.0.2.3:1443")
		ask(s, "three").want(t, "opened without being held", "192.0.2.3:1443")
		for _, h := range s.Held() {
			if h.App == "two" && (h.Longest != 10*time.Second || h.Passed != 1 || h.Waiting != 0) {
				t.Errorf("figures: %+v", h)
			}
		}
	})
}

func TestServer_GivesThePageAfterTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, hold.Config{Limit: 20 * time.Second})
		s.Hold("usual", 0)
		s.Hold("short", 3*time.Second)
		usual, short := ask(s, "usual"), ask(s, "short")
		time.Sleep(3 * time.Second)
		short.want(t, "its own limit", "")
		if usual.done {
			t.Error("answered before the usual limit")
		}
		if h := s.Held(); h[1].App != "usual" || h[1].Waiting != 1 || h[1].Longest != 3*time.Second {
			t.Errorf("while one waits: %+v", h)
		}
		time.Sleep(17 * time.Second)
		usual.want(t, "the usual limit", "")
		if h := s.Held(); h[0].Late != 1 || h[1].Late != 1 || h[1].Waiting != 0 {
			t.Errorf("figures: %+v", h)
		}
	})
}

func TestServer_BoundsHowManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, hold.Config{PerApp: 2, Total: 3})
		for _, app := range []string{"one", "two"} {
			s.Hold(app, 0)
		}
		first, _ := ask(s, "one"), ask(s, "one")
		ask(s, "one").want(t, "the third of an app", "")
		second := ask(s, "two")
		ask(s, "two").want(t, "the fourth of all", "")
		first.giveUp()
		synctest.Wait()
		if h := s.Held(); h[0].Waiting != 1 || h[0].Gone != 1 || h[0].Refused != 1 || h[1].Refused != 1 {
			t.Errorf("figures: %+v", h)
		}
		third := ask(s, "two")
		if third.done {
			t.Error("the place of a client that gave up is not free")
		}
		open(t, s, "two", "192.0.2.1:1443")
		second.want(t, "waited", "192.0.2.1:1443")
		third.want(t, "waited in a freed place", "192.0.2.1:1443")
		s.Forget("one")
	})
}

func TestServer_AnswersOnlyQuestions(t *testing.T) {
	s := server(t, hold.Config{})
	s.Hold("one", 0)
	for _, q := range []*http.Request{httptest.NewRequest(http.MethodPost, hold.Path+"one", nil), httptest.NewRequest(http.MethodGet, "/one", nil)} {
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, q); w.Code != http.StatusNotFound {
			t.Errorf("%s %s: %d", q.Method, q.URL, w.Code)
		}
	}
	for _, target := range []string{"", "node", "192.0.2.1", "node:1443"} {
		if err := s.Open("one", target); err == nil || !strings.Contains(err.Error(), "open one") {
			t.Errorf("Open to %q: %v", target, err)
		}
	}
}

func TestRun_SaysWhyItCannotListen(t *testing.T) {
	s, err := hold.New(hold.Config{Socket: filepath.Join(socketPath(t), "nowhere", "s")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("run: %v", err)
	}
}

func TestRun_ReplacesASocketThatIsThere(t *testing.T) {
	socket := socketPath(t)
	if err := os.WriteFile(socket+".new", []byte("left of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = running(t, hold.Config{Socket: socket})
	s, stop := running(t, hold.Config{Socket: socket})
	open(t, s, "one", "192.0.2.1:1443")
	stop()
	if info, err := os.Stat(socket); err != nil || info.Mode()&os.ModeSocket == 0 || info.Mode().Perm() != 0o660 {
		t.Errorf("after the end the socket is %v, %v", info, err)
	}
}
