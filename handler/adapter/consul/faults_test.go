package consul_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/adapter/consul"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// broken is an agent that answers as told and counts what reaches it.
type broken struct {
	answer http.HandlerFunc
	got    atomic.Int64
}

func (b *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.got.Add(1)
	b.answer(w, r)
}

// impatient connects to b with a short call timeout.
func impatient(t *testing.T, b *broken) *consul.Consul {
	t.Helper()
	return patient(t, b, 300*time.Millisecond)
}

func patient(t *testing.T, b *broken, timeout time.Duration) *consul.Consul {
	t.Helper()
	s := httptest.NewServer(b)
	t.Cleanup(s.CloseClientConnections)
	ts := times()
	ts.CallTimeout = timeout
	c, err := consul.New(consul.Config{Address: s.URL, Node: "node-a", Times: ts})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// calls are all that send something, by name.
func calls(c *consul.Consul) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Get":  func(ctx context.Context) error { _, err := c.Get(ctx, "a"); return err },
		"List": func(ctx context.Context) error { _, _, err := c.List(ctx, "a"); return err },
		"Wait": func(ctx context.Context) error { _, err := c.Wait(ctx, "a", 1, time.Millisecond); return err },
		"Apply": func(ctx context.Context) error {
			_, err := c.Apply(ctx, port.Txn{Name: "ack", Ops: []port.Op{{Verb: port.Put, Key: "a"}}})
			return err
		},
		"Join":       func(ctx context.Context) error { return c.Join(ctx, app.Member{Name: "node-a"}) },
		"Members":    func(ctx context.Context) error { _, err := c.Members(ctx); return err },
		"Fire":       func(ctx context.Context) error { return c.Fire(ctx, "deploy", nil) },
		"Recent":     func(ctx context.Context) error { _, _, err := c.Recent(ctx, 1, time.Millisecond); return err },
		"Register":   func(ctx context.Context) error { return c.Register(ctx, "a", nil, nil) },
		"Deregister": func(ctx context.Context) error { return c.Deregister(ctx, "a", nil) },
		"Registered": func(ctx context.Context) error { _, err := c.Registered(ctx); return err },
	}
}

// reads are the calls that may be sent again.
var reads = map[string]bool{"Get": true, "List": true, "Members": true, "Registered": true}

func TestConsul_NoLeaderIsUnknownAndNoWriteIsSentTwice(t *testing.T) {
	t.Parallel()
	for name := range calls(nil) {
		b := &broken{answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
		}} // each its own: a call that has given up may still be counted
		err := calls(impatient(t, b))[name](context.Background())
		if !errors.Is(err, port.ErrUnknown) || !strings.Contains(err.Error(), "No cluster leader") {
			t.Errorf("%s: error %v, want unknown and the agent's words", name, err)
		}
		if sent := b.got.Load(); (sent > 1) != reads[name] || sent == 0 {
			t.Errorf("%s was sent %d times", name, sent)
		}
	}
}

func TestChecks_AnAgentMayWaitForACheckThatRuns(t *testing.T) {
	t.Parallel()
	over := make(chan struct{}, 1) // the run of the check
	b := &broken{answer: func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/kv/") {
			<-r.Context().Done()
			return
		}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}}
	c := impatient(t, b)
	for _, name := range []string{"Register", "Deregister"} {
		answer := make(chan error, 1)
		go func() { answer <- calls(c)[name](context.Background()) }()
		if err := calls(c)["Get"](context.Background()); !errors.Is(err, port.ErrUnknown) {
			t.Errorf("error %v, want unknown after the call timeout", err)
		}
		over <- struct{}{}
		if err := <-answer; err != nil {
			t.Errorf("%s gave up as soon as the read did: %v", name, err)
		}
	}
}

func TestConsul_LostAnswerIsUnknownAndNoWriteIsSentTwice(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
	for name, call := range calls(impatient(t, b)) {
		before := b.got.Load()
		if err := call(context.Background()); !errors.Is(err, port.ErrUnknown) {
			t.Errorf("%s: error %v, want unknown", name, err)
		}
		if sent := b.got.Load() - before; sent != 1 && !reads[name] && name != "Wait" && name != "Recent" {
			t.Errorf("%s was sent %d times", name, sent)
		}
	}
}

func TestConsul_HangingAgentIsUnknownAfterTheCallTimeout(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}
	for name, call := range calls(impatient(t, b)) {
		start := time.Now()
		err := call(context.Background())
		if !errors.Is(err, port.ErrUnknown) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v, want unknown: the caller set no deadline", name, err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s took %v with a call timeout of 300ms", name, took)
		}
	}
}

func TestConsul_CancelledCallSaysSo(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}
	for name, call := range calls(impatient(t, b)) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v, want the caller's deadline", name, err)
		}
		cancel()
	}
}

func TestConsul_DeniedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Permission denied", http.StatusForbidden)
	}}
	for name, call := range calls(impatient(t, b)) {
		before := b.got.Load()
		err := call(context.Background())
		if sent := b.got.Load() - before; sent != 1 {
			t.Errorf("%s was sent %d times", name, sent)
		}
		if want := port.ErrDenied; name != "Apply" && name != "Join" && !errors.Is(err, want) {
			t.Errorf("%s: error %v, want denied", name, err)
		}
		if name == "Apply" && (!errors.Is(err, port.ErrUnknown) || errors.Is(err, port.ErrRefused)) {
			t.Errorf("%s: error %v, want unknown", name, err)
		}
	}
}

func TestConsul_DeniedTransactionIsNoRefusal(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		if _, err := w.Write([]byte(`{"Errors":[{"OpIndex":0,"What":"Permission denied: token lacks permission 'key:write' on \"a\""}]}`)); err != nil {
			return
		}
	}}
	err := calls(impatient(t, b))["Apply"](context.Background())
	if errors.Is(err, port.ErrRefused) || !errors.Is(err, port.ErrDenied) || !errors.Is(err, port.ErrUnknown) {
		t.Errorf("error %v, want denied and unknown", err)
	}
}

func TestConsul_ReadOutlivesAnElection(t *testing.T) {
	t.Parallel()
	b := &broken{}
	b.answer = func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("consistent") {
			http.Error(w, "not a consistent read", http.StatusBadRequest)
			return
		}
		if b.got.Load() < 4 {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			return
		}
		http.NotFound(w, r)
	}
	if p, err := patient(t, b, 10*time.Second).Get(context.Background(), "a"); err != nil || p.Modify != 0 {
		t.Errorf("pair %+v and error %v, want no key", p, err)
	}
}

func TestConsul_WhatCannotBeAppliedIsNotSent(t *testing.T) {
	t.Parallel()
	b := &broken{answer: func(http.ResponseWriter, *http.Request) {}}
	c := impatient(t, b)
	for why, ops := range map[string][]port.Op{
		"nothing":        nil,
		"129 operations": make([]port.Op, 129),
		"no key":         {{Verb: port.DeleteTree}},
		"no verb":        {{Verb: 99, Key: "a"}},
		"600 KB":         {{Key: "a", Value: bytes.Repeat([]byte("x"), 600_000)}},
	} {
		_, err := c.Apply(context.Background(), port.Txn{Name: "commit", Ops: ops})
		if err == nil || errors.Is(err, port.ErrRefused) || errors.Is(err, port.ErrUnknown) || !strings.Contains(err.Error(), "commit") {
			t.Errorf("%s: error %v, want one that names the transaction", why, err)
		}
	}
	if err := c.Fire(context.Background(), "deploy", make([]byte, 301)); err == nil {
		t.Errorf("an event of 301 bytes was sent")
	}
	if n := b.got.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestConsul_NobodyListensIsUnknown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err = calls(connect(t, address, "node-a"))["Apply"](context.Background())
	if !errors.Is(err, port.ErrUnknown) {
		t.Errorf("error %v, want unknown", err)
	}
}

func TestNew_SendsTheTokenOfTheFile(t *testing.T) {
	var token atomic.Value
	b := &broken{answer: func(w http.ResponseWriter, r *http.Request) {
		token.Store(r.Header.Get("X-Consul-Token"))
		http.NotFound(w, r)
	}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := consul.New(consul.Config{Address: s.URL, TokenFile: file, Node: "node-a", Times: times()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(context.Background(), "a"); err != nil || token.Load() != "s3cret" {
		t.Errorf("token %v, error %v", token.Load(), err)
	}
}

func TestNew_TalksToASocket(t *testing.T) {
	var host, path atomic.Value
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.Store(r.Host)
		path.Store(r.URL.Path)
		http.NotFound(w, r)
	}))
	socket := filepath.Join(t.TempDir(), "consul.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	if _, err := connect(t, "unix://"+socket, "node-a").Get(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	if host.Load() != "localhost" || path.Load() != "/v1/kv/a" {
		t.Errorf("host %v was asked for %v", host.Load(), path.Load())
	}
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	for why, conf := range map[string]consul.Config{
		"node":      {Node: "", Times: times()},
		"node name": {Node: "a/b", Times: times()},
		"times":     {Node: "node-a"},
		"token":     {Node: "node-a", Times: times(), TokenFile: "/does/not/exist"},
		"socket":    {Node: "node-a", Times: times(), Address: "unix://consul.sock"},
		"scheme":    {Node: "node-a", Times: times(), Address: "ftp://127.0.0.1"},
	} {
		if c, err := consul.New(conf); err == nil || c != nil {
			t.Errorf("%s: %v and error %v, want an error", why, c, err)
		}
	}
}
