package caddy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Bounds of one call. A load makes certificates' caches, handlers and listeners
// for every application, so it may take seconds on a busy machine.
const (
	askMax    = 20 * time.Second
	loadMax   = 90 * time.Second
	answerMax = 256 << 20
)

// Refusal is Caddy's answer to what it does not want.
type Refusal struct {
	Status int
	Reason string // Caddy's words
}

func (r *Refusal) Error() string { return r.Reason }

// admin is the admin endpoint of one Caddy.
type admin struct {
	client *http.Client
	url    string
}

// newAdmin understands unix//path and host:port. No connection is kept: each
// load gives Caddy a new admin endpoint, which closes those of the one before.
func newAdmin(address string) (admin, error) {
	network, target, host := "tcp", address, address
	if path, is := strings.CutPrefix(address, "unix/"); is {
		if !strings.HasPrefix(path, "/") {
			return admin{}, fmt.Errorf("admin address %q: a socket has a whole path, unix//path", address)
		}
		network, target, host = "unix", path, "localhost"
	} else if _, _, err := net.SplitHostPort(address); err != nil {
		return admin{}, fmt.Errorf("admin address %q is neither unix//path nor host:port: %w", address, err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, target)
	}
	return admin{client: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, url: "http://" + host}, nil
}

// get reads the object at path into v.
func (a admin) get(ctx context.Context, path string, v any) error {
	body, _, err := a.call(ctx, askMax, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("GET %s: read the answer: %w", path, err)
	}
	return nil
}

// config is the whole running configuration and its tag for If-Match.
func (a admin) config(ctx context.Context) (body []byte, tag string, err error) {
	body, header, err := a.call(ctx, askMax, http.MethodGet, "/config/", nil, nil)
	if err != nil {
		return nil, "", err
	}
	return body, header.Get("Etag"), nil
}

// load replaces the whole configuration if it still has tag; errStale if not.
func (a admin) load(ctx context.Context, config []byte, tag string) error {
	_, _, err := a.call(ctx, loadMax, http.MethodPost, "/config/", config, http.Header{"Content-Type": {"application/json"}, "If-Match": {tag}})
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusPreconditionFailed {
		return errStale
	}
	return err
}

// errStale says that somebody else changed the configuration after it was read.
var errStale = errors.New("the configuration has changed meanwhile")

// adapt is the JSON of a Caddyfile.
func (a admin) adapt(ctx context.Context, text string) (json.RawMessage, error) {
	body, _, err := a.call(ctx, askMax, http.MethodPost, "/adapt", []byte(text), http.Header{"Content-Type": {"text/caddyfile"}})
	if err != nil {
		return nil, err
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("POST /adapt: read the answer: %w", err)
	}
	return answer.Result, nil
}

// cutMax is how often a call is sent again that was cut without an answer. Caddy
// does that to calls that come while it replaces its endpoint. Each may be sent
// twice: a load whose first sending was taken is refused as stale, then found to
// change nothing.
const cutMax = 5

// call is one request. An answer that is not a success is a *Refusal.
func (a admin) call(ctx context.Context, limit time.Duration, method, path string, body []byte, header http.Header) ([]byte, http.Header, error) {
	for i := 1; ; i++ {
		got, h, err := a.once(ctx, limit, method, path, body, header)
		if i == cutMax || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) || ctx.Err() != nil {
			return got, h, err
		}
	}
}

func (a admin) once(ctx context.Context, limit time.Duration, method, path string, body []byte, header http.Header) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	answer, err := a.client.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode/100 == 2 {
		return got, answer.Header, nil
	}
	var said struct{ Error string }
	if json.Unmarshal(got, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("%s %s: %s: %.200s", method, path, answer.Status, got)
	}
	return nil, nil, &Refusal{Status: answer.StatusCode, Reason: said.Error}
}
