package hold

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the question and its answer; doc.go has the whole form.
const (
	// Path is what the path of a question begins with, before the application.
	Path = "/hold/"
	// TargetHeader is where the answer says which node to go to.
	TargetHeader = "Cluster-Target"
)

// retryAfter is what the maintenance page tells a client, in seconds.
const retryAfter = 5

// builtIn is the maintenance page of an operator who has none.
const builtIn = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Back in a moment</title></head>
<body><h1>Back in a moment</h1><p>This application is being worked on. Please try again in a few seconds.</p></body></html>
`

// ServeHTTP answers one question.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app, is := strings.CutPrefix(r.URL.Path, Path)
	if !is || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	if target := s.wait(r.Context(), app); target != "" {
		w.Header().Set(TargetHeader, target)
		w.WriteHeader(http.StatusOK)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", strconv.Itoa(retryAfter))
	h.Set("Content-Length", strconv.Itoa(len(s.page)))
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(s.page) // a client that went away is no fault
}

// wait is where to send a request of app, "" when it gets the page.
func (s *Server) wait(ctx context.Context, app string) string {
	p, target := s.enter(app)
	if p == nil {
		return target
	}
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	select {
	case <-p.changed:
	case <-timer.C:
	case <-ctx.Done():
	}
	return s.leave(ctx, p)
}

// place is what a request has while it waits.
type place struct {
	of      *held
	number  uint64
	limit   time.Duration
	changed <-chan struct{}
}

// enter gives a request of app a place to wait, or none and what it gets
// instead: a target, or "" for the page.
func (s *Server) enter(app string) (*place, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[app]
	switch {
	case a == nil:
		return nil, ""
	case a.target != "":
		a.figures.Passed++
		return nil, a.target
	case len(a.since) >= s.perApp || s.waiting >= s.total:
		a.figures.Refused++
		return nil, ""
	}
	p := &place{of: a, number: a.next, limit: a.limit, changed: a.changed}
	a.next++
	a.since[p.number] = time.Now()
	s.waiting++
	return p, ""
}

// leave frees the place and is where the request goes now.
func (s *Server) leave(ctx context.Context, p *place) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := p.of
	a.figures.Longest = max(a.figures.Longest, time.Since(a.since[p.number]))
	delete(a.since, p.number)
	s.waiting--
	switch {
	case ctx.Err() != nil:
		a.figures.Gone++
		return ""
	case a.target != "":
		a.figures.Passed++
	default:
		a.figures.Late++
	}
	return a.target
}
