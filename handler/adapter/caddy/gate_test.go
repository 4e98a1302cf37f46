package caddy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlfmonde/cluster/handler/edge"
)

// switching are the sites of one app in its modes, as the edge makes them.
func switching(upstream *httptest.Server) map[edge.Mode]edge.Site {
	text := func(what string) string {
		return fmt.Sprintf("http://one.example.com, https://one.example.com {\n\thandle /page {\n\t\terror 500\n\t}\n\trespond %q\n\thandle_errors {\n\t\trespond \"page of %[1]s\" 503\n\t}\n}\n", what)
	}
	serve := proxies("one", upstream)
	serve.Standby = text("hold")
	return map[edge.Mode]edge.Site{
		edge.Serve: serve,
		edge.Hold:  {App: "one", Mode: edge.Hold, Text: text("hold")},
		edge.Pass:  {App: "one", Mode: edge.Pass, Text: text("pass")},
		edge.Page:  {App: "one", Mode: edge.Page, Text: text("page")},
	}
}

// answer is what one.example.com says, by both schemes and at a path that fails.
func answer(t *testing.T, r *real) string {
	t.Helper()
	var got []string
	for _, url := range []string{"http://one.example.com/", "https://one.example.com/", "http://one.example.com/page"} {
		eventually(t, url, func() error {
			status, body, err := get(r.client("203.0.113.1:1"), url)
			if strings.HasPrefix(body, "{") {
				body = "served"
			}
			if err == nil {
				got = append(got, fmt.Sprintf("%d %s", status, body))
			}
			return err
		})
	}
	return strings.Join(got, ", ")
}

func TestApply_SwitchesWithoutALoad(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p, sites := r.publisher(), switching(echo(t, "one"))
	const served, held, passed, closed = "200 served, 200 served, 200 served", "200 hold, 200 hold, 503 page of hold", "200 pass, 200 pass, 503 page of pass", "200 page, 200 page, 503 page of page"
	handler := p
	for i, step := range []struct {
		mode  edge.Mode
		loads int
		want  string
	}{
		{edge.Serve, 1, served},
		{edge.Hold, 0, held},
		{edge.Hold, 0, held},
		{edge.Serve, 0, served},
		{edge.Hold, 0, held},
		{edge.Pass, 0, held}, // whoever holds its requests sends them on
		{edge.Serve, 0, served},
		{edge.Pass, 1, passed}, // nobody holds them
		{edge.Serve, 1, served},
		{edge.Page, 1, closed},
		{edge.Hold, 1, held},
		{edge.Serve, 1, served},
	} {
		loads := count(r, func() {
			if left := apply(t, handler, sites[step.mode], says("two", "beside")); len(left) > 0 {
				t.Errorf("step %d: left out: %q", i, left)
			}
		})
		if got := answer(t, r); loads != step.loads || got != step.want {
			t.Errorf("step %d, %s: %d loads, want %d; %s, want %s", i, step.mode, loads, step.loads, got, step.want)
		}
	}
	wantBody(t, r.client(""), "http://two.example.com/", "beside")
}

func TestApply_AGateSurvivesWhoeverIsRestarted(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	sites := switching(echo(t, "one"))
	p := r.publisher()
	apply(t, p, sites[edge.Serve])
	apply(t, p, sites[edge.Hold])
	if _, err := os.Stat(filepath.Join(r.run, "held", "one")); err != nil {
		t.Errorf("no gate is set: %v", err)
	}
	handler := r.publisher()
	if got := answer(t, r); !strings.HasPrefix(got, "200 hold") {
		t.Errorf("while there is no handler: %s", got)
	}
	apply(t, handler, sites[edge.Hold])
	if got := answer(t, r); !strings.HasPrefix(got, "200 hold") {
		t.Errorf("after a restart of the handler: %s", got)
	}
	r.stop()
	r.start()
	apply(t, handler, sites[edge.Hold])
	if got := answer(t, r); !strings.HasPrefix(got, "200 hold") {
		t.Errorf("after a restart of Caddy: %s", got)
	}
	apply(t, handler, sites[edge.Serve])
	if got := answer(t, r); !strings.HasPrefix(got, "200 served") {
		t.Errorf("after the switch: %s", got)
	}
	apply(t, handler)
	if status, _, err := get(r.client(""), "http://one.example.com/"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("an app that is gone answers %d, %v", status, err)
	}
	if left, err := os.ReadDir(filepath.Join(r.run, "held")); err != nil || len(left) > 0 {
		t.Errorf("gates are left: %v, %v", left, err)
	}
}

func TestApply_SwitchesUnderLoadWithoutAFailure(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p, sites := r.publisher(), switching(echo(t, "one"))
	apply(t, p, sites[edge.Serve])
	answer(t, r) // it has a certificate
	stop := make(chan struct{})
	var askers sync.WaitGroup
	var asked atomic.Int64
	for _, url := range []string{"http://one.example.com/", "https://one.example.com/"} {
		for range 2 {
			askers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					asked.Add(1)
					if status, body, err := get(r.client("203.0.113.1:1"), url); err != nil || status != http.StatusOK {
						t.Errorf("%s: %d %q, %v", url, status, body, err)
					}
				}
			})
		}
	}
	for i := range 40 {
		mode, before := []edge.Mode{edge.Hold, edge.Serve}[i%2], asked.Load()
		apply(t, p, sites[mode])
		eventually(t, "requests meanwhile", func() error {
			if asked.Load() < before+8 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	close(stop)
	askers.Wait()
	t.Logf("40 switches, %d requests", asked.Load())
}

func TestApply_EachAppAsksByItsOwnName(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	upstream := echo(t, "served")
	asked := make(chan string, 10)
	hold := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked <- q.Method + " " + q.Host + q.RequestURI
		w.Header().Set("Cluster-Target", strings.TrimPrefix(upstream.URL, "http://"))
	}))
	t.Cleanup(hold.Close)
	site := func(app string, mode edge.Mode) edge.Site {
		s := says(app, "served")
		held := fmt.Sprintf("http://%[1]s.example.com {\n\treverse_proxy %[2]s {\n\t\tmethod GET\n\t\trewrite /hold/%[1]s?\n\t\t@go status 200\n\t\thandle_response @go {\n\t\t\treverse_proxy {rp.header.Cluster-Target}\n\t\t}\n\t}\n}\n",
			app, strings.TrimPrefix(hold.URL, "http://"))
		if s.Standby = held; mode == edge.Hold {
			s = edge.Site{App: app, Mode: mode, Text: held}
		}
		return s
	}
	p := r.publisher()
	apply(t, p, site("one", edge.Serve), site("two_main.c7061", edge.Serve), says("three", "beside"))
	if loads := count(r, func() {
		apply(t, p, site("one", edge.Hold), site("two_main.c7061", edge.Hold), says("three", "beside"))
	}); loads != 0 {
		t.Errorf("%d loads", loads)
	}
	for _, app := range []string{"one", "two_main.c7061"} {
		a, err := r.client("").Post("http://"+app+".example.com/a/b?c=d", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		var saw echoed
		if err := json.NewDecoder(a.Body).Decode(&saw); err != nil || saw.Method != http.MethodPost || saw.URI != "/a/b?c=d" || saw.Body != "body" {
			t.Errorf("%s: the target saw %+v, %v", app, saw, err)
		}
		if got, want := <-asked, "GET "+app+".example.com/hold/"+app; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
	wantBody(t, r.client(""), "http://three.example.com/", "beside")
}
