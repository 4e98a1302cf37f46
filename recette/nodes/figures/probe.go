package figures

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
)

// Probe is the client: it runs on a node of its own.
type Probe struct {
	Targets map[string]string // node → URL of the application there
	Every   time.Duration     // between two moments
	Most    time.Duration     // that one request may take, its connection included
	Consul  string            // socket of the node's agent, "": nobody is routed
	App     string            // name, as in the KV
	Enter   map[string]string // target → address that its connections go to, whatever host its URL names
	Roots   string            // file with the certificates that https is checked by
}

// encode is p as an argument of the program that runs it.
func (p Probe) encode() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("start client: %w", err)
	}
	return string(text), nil
}

// RunProbe is the client as a program: text is what it does, path where it
// writes what it sees.
func RunProbe(ctx context.Context, text, path string) error {
	var p Probe
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("read what the client is to do: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write what the client sees: %w", err)
	}
	return errors.Join(p.Run(ctx, f), f.Close())
}

// line is one line of the probe's file: one of both is there.
type line struct {
	Tick  *Tick  `json:"tick,omitempty"`
	Route *Route `json:"route,omitempty"`
}

// scribe writes lines, from many goroutines.
type scribe struct {
	mu  sync.Mutex
	to  *json.Encoder
	err error
}

func (s *scribe) write(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.to.Encode(l); s.err == nil {
		s.err = err
	}
}

// Run asks every target at every moment, whatever became of the requests
// before, each on a connection of its own, until ctx ends. It writes a line
// for each answer and for each change of the route to out.
func (p Probe) Run(ctx context.Context, out io.Writer) error {
	s := &scribe{to: json.NewEncoder(out)}
	// Requests under way are answered or time out after the end was asked for.
	under := context.WithoutCancel(ctx)
	var all sync.WaitGroup
	if p.Consul != "" {
		all.Go(func() { p.follow(ctx, s) })
	}
	clients, err := p.clients()
	if err != nil {
		return err
	}
	moments := time.NewTicker(p.Every)
	defer moments.Stop()
	for number := 0; ; number++ {
		select {
		case <-ctx.Done():
			all.Wait()
			return s.err
		case <-moments.C:
		}
		for node, address := range p.Targets {
			all.Go(func() {
				t := ask(under, clients[node], address)
				t.Number, t.Node = number, node
				s.write(line{Tick: &t})
			})
		}
	}
}

// clients has one for each target.
func (p Probe) clients() (map[string]*http.Client, error) {
	known := x509.NewCertPool()
	if p.Roots != "" {
		text, err := os.ReadFile(p.Roots)
		if err != nil {
			return nil, fmt.Errorf("trust the authority: %w", err)
		}
		known.AppendCertsFromPEM(text)
	}
	all := map[string]*http.Client{}
	for name := range p.Targets {
		t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: known}}
		if enter := p.Enter[name]; enter != "" {
			t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(enter, port))
			}
		}
		all[name] = &http.Client{Timeout: p.Most, Transport: t}
	}
	return all, nil
}

// ask sends one request.
func ask(ctx context.Context, client *http.Client, address string) Tick {
	begin := time.Now()
	t := Tick{Sent: begin.UnixNano()}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err == nil {
		err = answer(client, q, &t)
	}
	t.Took, t.OK = time.Since(begin), err == nil
	if err != nil {
		t.Why = why(err)
	}
	return t
}

func answer(client *http.Client, q *http.Request, t *Tick) error {
	resp, err := client.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	t.Release = resp.Header.Get("Release")
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// why is a failure in few words, the same for the same cause.
func why(err error) string {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return "time-out"
	}
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+1:]
}

// waitMax is how long one question to Consul waits for a change.
const waitMax = 30 * time.Second

// follow writes the route whenever record or maintenance changes: two blocking
// queries, as a renderer of HAProxy's configuration has them.
func (p Probe) follow(ctx context.Context, s *scribe) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.Consul)
	}}}
	var mu sync.Mutex
	var now Route
	change := func(set func(*Route)) {
		mu.Lock()
		defer mu.Unlock()
		set(&now)
		next := now
		next.At = time.Now().UnixNano()
		s.write(line{Route: &next})
	}
	var both sync.WaitGroup
	both.Go(func() {
		watchKey(ctx, client, "app/"+p.App, func(value []byte) {
			var rec struct{ Master string }
			if json.Unmarshal(value, &rec) == nil {
				change(func(r *Route) { r.Master = rec.Master })
			}
		})
	})
	both.Go(func() {
		watchKey(ctx, client, "maintenance/"+p.App, func(value []byte) { change(func(r *Route) { r.Maintenance = value != nil }) })
	})
	both.Wait()
}

// watchKey calls is with a key's value, nil for none, at once and after changes.
func watchKey(ctx context.Context, client *http.Client, key string, is func([]byte)) {
	for index := "0"; ctx.Err() == nil; {
		address := fmt.Sprintf("http://consul/v1/kv/%s?%s", key, url.Values{"raw": {""}, "index": {index}, "wait": {waitMax.String()}}.Encode())
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return
		}
		resp, err := client.Do(q)
		if err != nil {
			index = "0"
			_ = nodes.Pause(ctx, 100*time.Millisecond)
			continue
		}
		value, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err == nil && resp.StatusCode == http.StatusOK:
			is(value)
		case err == nil && resp.StatusCode == http.StatusNotFound:
			is(nil)
		default:
			_ = nodes.Pause(ctx, 100*time.Millisecond)
		}
		index = resp.Header.Get("X-Consul-Index")
	}
}

// ReadWatch reads what a probe wrote into a file.
func ReadWatch(path string) (w Watch, err error) {
	f, err := os.Open(path)
	if err != nil {
		return w, fmt.Errorf("read what the client saw: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return w, fmt.Errorf("read what the client saw: %w", err)
		}
		if l.Tick != nil {
			w.Ticks = append(w.Ticks, *l.Tick)
		}
		if l.Route != nil {
			w.Routes = append(w.Routes, *l.Route)
		}
	}
	if err := lines.Err(); err != nil {
		return w, fmt.Errorf("read what the client saw: %w", err)
	}
	return w, nil
}
