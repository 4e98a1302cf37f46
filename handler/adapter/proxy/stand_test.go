package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/proxy"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
	"github.com/mlfmonde/cluster/handler/port"
)

// keys is a KV in memory, with the index of everything for a prefix without
// keys, as Consul answers.
type keys struct {
	mu    sync.Mutex
	index uint64
	pairs map[string]port.Pair
	lists int
	away  bool
}

func (k *keys) put(key, value string) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.index++
	k.pairs[key] = port.Pair{Key: key, Value: []byte(value), Modify: k.index}
	return k.index
}

func (k *keys) delete(key string) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.index++
	delete(k.pairs, key)
	return k.index
}

func (k *keys) Get(_ context.Context, key string) (port.Pair, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pairs[key], nil
}

func (k *keys) List(_ context.Context, prefix string) ([]port.Pair, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lists++
	pairs, index := k.below(prefix)
	return pairs, index, k.answer()
}

func (k *keys) answer() error {
	if k.away {
		return port.ErrUnknown
	}
	return nil
}

func (k *keys) below(prefix string) (pairs []port.Pair, index uint64) {
	for key, p := range k.pairs {
		if strings.HasPrefix(key, prefix) {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b port.Pair) int { return strings.Compare(a.Key, b.Key) })
	return pairs, k.index
}

// Wait tells of any change anywhere, as it may.
func (k *keys) Wait(ctx context.Context, prefix string, index uint64, most time.Duration) (uint64, error) {
	for end := time.Now().Add(most); ; {
		k.mu.Lock()
		_, now := k.below(prefix)
		err := k.answer()
		k.mu.Unlock()
		if err != nil || now != index || !time.Now().Before(end) || ctx.Err() != nil {
			return now, err
		}
		<-time.After(time.Millisecond)
	}
}

func (k *keys) Apply(_ context.Context, t port.Txn) (uint64, error) {
	for _, o := range t.Ops {
		k.put(o.Key, string(o.Value))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.index, nil
}

// machine is a node's two proxies and its waiting requests, in memory. Both
// proxies refuse what has the word "refused" in it.
type machine struct {
	mu      sync.Mutex
	away    error // of HAProxy
	running string
	runs    int
	taken   string // a port that it cannot have
	checks  int

	caddy   error
	marker  string
	sites   map[string]edge.Site
	applies int
	loads   int
	during  func()                   // an Apply
	under   map[string]chan struct{} // requests under way, by app

	said []string // to Hold
}

func (m *machine) Check(_ context.Context, p edge.Proxy) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks++
	refused := map[string]string{}
	for _, part := range p.Parts {
		if strings.Contains(part.Text(), "refused") {
			refused[part.App] = "refused by HAProxy"
		}
	}
	return refused, nil
}

func (m *machine) Run(_ context.Context, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return m.away
	}
	if m.taken != "" && strings.Contains(string(text), m.taken) {
		return notTaken{}
	}
	if m.running != string(text) {
		m.runs++
	}
	m.running = string(text)
	return nil
}

type notTaken struct{}

func (notTaken) Error() string { return "HAProxy did not take it" }

func (notTaken) Kept() bool { return true }

func (m *machine) Proven(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running == "" {
		return errors.Join(m.away, errors.New("nothing runs"))
	}
	return m.away
}

// caddyOf is its Caddy: another Apply than HAProxy's.
type caddyOf struct{ *machine }

func (c caddyOf) Apply(_ context.Context, sites []edge.Site) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applies++
	if c.during != nil {
		c.during()
	}
	if c.machine.caddy != nil {
		return nil, c.machine.caddy
	}
	left, next := map[string]string{}, map[string]edge.Site{}
	for _, s := range sites {
		if strings.Contains(s.Text, "refused") {
			left[s.App] = "refused by Caddy"
			if old, known := c.sites[s.App]; known && c.marker != "" {
				next[s.App] = old
			}
			continue
		}
		next[s.App] = s
	}
	if c.marker == "" || fmt.Sprint(next) != fmt.Sprint(c.sites) {
		c.loads++
	}
	c.sites, c.marker = next, fmt.Sprint("load ", c.loads)
	return left, nil
}

func (c caddyOf) Running(context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marker, c.machine.caddy
}

func (c caddyOf) Drain(ctx context.Context, app string, _ time.Duration) (int, error) {
	c.mu.Lock()
	over := c.under[app]
	c.mu.Unlock()
	if over == nil {
		return 0, nil
	}
	select {
	case <-over:
		return 0, nil
	case <-ctx.Done():
		return 1, ctx.Err()
	}
}

// holdOf is where its requests wait.
type holdOf struct{ *machine }

func (h holdOf) say(words ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, strings.Join(words, " "))
}

func (h holdOf) Hold(app string, _ time.Duration) { h.say("hold", app) }

func (h holdOf) Open(app, target string) error { h.say("open", app, target); return nil }

func (h holdOf) Forget(app string) { h.say("forget", app) }

// stand is an edge of node n1 with all that it reaches.
type stand struct {
	*proxy.Own
	t       testing.TB
	kv      *keys
	machine *machine
	config  proxy.Config
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{t: t, kv: &keys{pairs: map[string]port.Pair{}}, machine: &machine{under: map[string]chan struct{}{}}}
	s.config = proxy.Config{KV: s.kv, Node: "n1", HAProxy: s.machine, Caddy: caddyOf{s.machine}, Hold: holdOf{s.machine},
		Dir: t.TempDir(), EdgeWait: time.Hour, Drain: 10 * time.Second}
	s.again()
	for _, n := range []string{"n1", "n2", "n3"} {
		s.kv.put("node/"+n, fmt.Sprintf(`{"name": %q, "address": "192.0.2.%s"}`, n, n[1:]))
	}
	return s
}

// again is the next incarnation of the handler.
func (s *stand) again() { s.Own = proxy.NewOwn(s.config) }

// fields of a record, for put.
func (s *stand) record(name, master, host string) uint64 {
	s.t.Helper()
	return s.kv.put("app/"+name, fmt.Sprintf(`{"haproxy": {}, "caddyfile": "https://%[2]s {\n    reverse_proxy web:80\n}", "repo_url": "https://git.example.com/x",
		"branch": "main", "domains": [%[2]q], "urls": "https://%[2]s", "master": %[1]q, "slave": null, "ct": {"web": "web"}}`, master, host))
}

func (s *stand) publish() app.Published {
	s.t.Helper()
	p, err := s.Publish(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// has reports whether the running HAProxy has text.
func (s *stand) has(text string) bool {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	return strings.Contains(s.machine.running, text)
}

// site is what Caddy does for an app.
func (s *stand) site(name string) edge.Site {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	return s.machine.sites[name]
}

// until polls with a deadline.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			s.t.Fatalf("waiting for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
