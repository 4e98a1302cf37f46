package caddy_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/edge"
)

func TestApply_TheUpstreamSeesTheClient(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	upstream := echo(t, "one")
	p := r.publisher()
	if left := apply(t, p, proxies("one", upstream)); len(left) > 0 {
		t.Fatalf("left out: %q", left)
	}
	for _, scheme := range []string{"http", "https"} {
		eventually(t, scheme, func() error {
			a, err := r.client("203.0.113.7:4711").Post(scheme+"://one.example.com/a?b", "text/plain", strings.NewReader("body"))
			if err != nil {
				return err
			}
			defer a.Body.Close()
			var saw echoed
			if err := json.NewDecoder(a.Body).Decode(&saw); err != nil {
				return fmt.Errorf("%s: %w", a.Status, err)
			}
			if from, by := saw.Header.Get("X-Forwarded-For"), saw.Header.Get("X-Forwarded-Proto"); from != "203.0.113.7" || by != scheme || saw.Body != "body" || saw.URI != "/a?b" || saw.Host != "one.example.com" {
				return fmt.Errorf("the upstream saw %+v", saw)
			}
			return nil
		})
	}
	// A HAProxy that speaks no PROXY protocol may still say who the client is.
	q, err := http.NewRequest(http.MethodGet, "http://one.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Forwarded-For", "198.51.100.9")
	a, err := r.client("").Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var saw echoed
	if err := json.NewDecoder(a.Body).Decode(&saw); err != nil || !strings.HasPrefix(saw.Header.Get("X-Forwarded-For"), "198.51.100.9") {
		t.Errorf("without a PROXY header the upstream saw %+v, %v", saw, err)
	}
}

func TestApply_PutsExactHostsBeforeWildOnes(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	wild := edge.Site{App: "a", Mode: edge.Serve, Text: "http://*.example.com, http://own.example.net {\n\trespond wild\n}\nhttp://*.b.example.com {\n\trespond deeper\n}\n"}
	if left := apply(t, r.publisher(), wild, says("one", "exact")); len(left) > 0 {
		t.Fatalf("left out: %q", left)
	}
	for host, want := range map[string]string{"one.example.com": "exact", "two.example.com": "wild", "own.example.net": "wild", "x.b.example.com": "deeper"} {
		wantBody(t, r.client(""), "http://"+host+"/", want)
	}
	if status, body, err := get(r.client(""), "http://nobody.example.org/"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a host that nobody has: %d %q, %v", status, body, err)
	}
}

// slow is an upstream that answers each request when it is told to, and a
// websocket by what comes, upper case.
func slow(t *testing.T) (s *httptest.Server, began chan struct{}, finish chan struct{}) {
	began, finish = make(chan struct{}, 10), make(chan struct{})
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			began <- struct{}{}
			<-finish
			_, _ = io.WriteString(w, "done")
			return
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := io.WriteString(c, strings.ToUpper(line)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s, began, finish
}

func TestDrain_WaitsForRequestsUnderWay(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	upstream, began, finish := slow(t)
	apply(t, p, proxies("one", upstream))
	if n, err := p.Drain(t.Context(), "one", patience); n != 0 || err != nil {
		t.Errorf("drain without a request: %d, %v", n, err)
	}
	got := make(chan string)
	go func() {
		_, body, err := get(r.client(""), "http://one.example.com/")
		got <- fmt.Sprint(body, err)
	}()
	<-began
	page := says("one", "page")
	page.Mode = edge.Page
	apply(t, p, page)
	wantBody(t, r.client(""), "http://one.example.com/", "page")
	if n, err := p.Drain(t.Context(), "one", time.Millisecond); n != 1 || err != nil {
		t.Errorf("drain with a request under way: %d, %v; want 1", n, err)
	}
	drained := make(chan int)
	go func() {
		n, err := p.Drain(t.Context(), "one", patience)
		if err != nil {
			t.Error(err)
		}
		drained <- n
	}()
	select {
	case n := <-drained:
		t.Errorf("drained with %d left while the request was under way", n)
	case finish <- struct{}{}:
	}
	if body := <-got; body != "done<nil>" {
		t.Errorf("the request under way got %s", body)
	}
	if n := <-drained; n != 0 {
		t.Errorf("%d left after the request has ended", n)
	}
}

func TestApply_AWebsocketSurvives(t *testing.T) {
	r := newCaddy(t, t.TempDir())
	p := r.publisher()
	upstream, _, _ := slow(t)
	apply(t, p, proxies("one", upstream))
	c, err := net.Dial("tcp", r.http)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from := bufio.NewReader(c)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: one.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if a, err := http.ReadResponse(from, nil); err != nil || a.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("websocket: %v, %v", a, err)
	}
	for i := range 3 {
		apply(t, p, proxies("one", upstream), says("two", fmt.Sprint(i)))
		wantBody(t, r.client(""), "http://two.example.com/", fmt.Sprint(i))
		if _, err := fmt.Fprintf(c, "still here %d\n", i); err != nil {
			t.Fatal(err)
		}
		if line, err := from.ReadString('\n'); err != nil || line != fmt.Sprintf("STILL HERE %d\n", i) {
			t.Fatalf("after %d loads: %q, %v", i+1, line, err)
		}
	}
}

// inside says that the test runs in a network of its own.
const inside = "CADDY_TEST_INSIDE"

// A load makes Caddy listen anew beside itself. What is in the queue of the
// listener before it would be lost, unless the kernel moves it, which is a
// setting of the network that Caddy is in; so this runs in one of its own.
// HTTP/1.1 in the moment of its first request is cut by every load; HAProxy asks
// again for plain http, and so does this client.
func TestApply_UnderLoadNoRequestFails(t *testing.T) {
	needCaddy(t)
	if os.Getenv(inside) == "" {
		if out, err := exec.Command("unshare", "--net", "true").CombinedOutput(); err != nil {
			t.Skipf("no network of its own: %v: %s", err, out)
		}
		again := exec.Command("unshare", "--net", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inside+"=1")
		out, err := again.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("loopback: %v: %s", err, out)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_migrate_req", []byte("1"), 0o600); err != nil {
		t.Skipf("this kernel moves no connections: %v", err)
	}
	r := newCaddy(t, t.TempDir())
	p, upstream := r.publisher(), echo(t, "one")
	apply(t, p, proxies("one", upstream))
	for _, scheme := range []string{"http", "https"} {
		client := r.client("203.0.113.7:4711")
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
		ask := func() error {
			status, _, err := get(client, scheme+"://one.example.com/")
			for i := 0; i < 3 && scheme == "http" && errors.Is(err, io.EOF); i++ {
				status, _, err = get(client, scheme+"://one.example.com/")
			}
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			return err
		}
		eventually(t, scheme, ask)
		var sent, failed atomic.Int64
		var askers sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			askers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					sent.Add(1)
					if err := ask(); err != nil {
						failed.Add(1)
						t.Errorf("%s: %v", scheme, err)
					}
				}
			})
		}
		for i := range 20 {
			apply(t, p, proxies("one", upstream), says("two", fmt.Sprint(scheme, i)))
		}
		close(stop)
		askers.Wait()
		t.Logf("%s: 20 loads, %d requests, %d failed", scheme, sent.Load(), failed.Load())
	}
}
