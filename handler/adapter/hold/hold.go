package hold

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// What a Config holds when it leaves something at zero.
const (
	DefaultLimit  = 30 * time.Second
	DefaultPerApp = 1000
	DefaultTotal  = 5000
)

// Config says where questions come in and how much may wait.
type Config struct {
	// Socket is the path of the unix socket, mode 660.
	Socket string
	// Limit is how long a request waits when Hold names no other limit.
	Limit time.Duration
	// PerApp and Total bound the requests that wait at the same time, of one
	// application and of all.
	PerApp, Total int
	// Page is the file with the maintenance page, HTML; empty: a built-in one.
	Page string
	// Log hears of applications held and opened. Nil: nobody does.
	Log *slog.Logger
}

// Server answers the questions. Its methods may be called side by side.
type Server struct {
	socket        string
	limit         time.Duration
	perApp, total int
	page          []byte
	log           *slog.Logger

	mu      sync.Mutex
	apps    map[string]*held
	waiting int // of all applications
}

// held is one application. A target that is not empty is open: nobody waits.
type held struct {
	limit   time.Duration
	target  string
	changed chan struct{} // closed when target is set, and when the application is forgotten
	next    uint64
	since   map[uint64]time.Time // requests that wait, by number → when they came
	figures Held
}

// Held is how one application has been held since the server started.
type Held struct {
	App    string
	Target string // where its requests go now, "" while they wait
	// Waiting counts the requests that wait now.
	Waiting int
	// Longest is the longest wait, of a request that still waits too.
	Longest time.Duration
	// Passed went on to a target, Late were given the page because of the limit,
	// Refused at once because too many waited, Gone were given up by their client.
	Passed, Late, Refused, Gone int
}

// New prepares a server; it listens only in Run. The error says what is wrong
// with c, such as a page that cannot be read.
func New(c Config) (*Server, error) {
	s := &Server{socket: c.Socket, limit: c.Limit, perApp: c.PerApp, total: c.Total, log: c.Log, apps: map[string]*held{}, page: []byte(builtIn)}
	if s.socket == "" {
		return nil, errors.New("set up hold: no socket given")
	}
	if s.limit < 0 || s.perApp < 0 || s.total < 0 {
		return nil, fmt.Errorf("set up hold: limit %v and counts %d, %d must not be negative", s.limit, s.perApp, s.total)
	}
	if s.limit == 0 {
		s.limit = DefaultLimit
	}
	if s.perApp == 0 {
		s.perApp = DefaultPerApp
	}
	if s.total == 0 {
		s.total = DefaultTotal
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Page != "" {
		page, err := os.ReadFile(c.Page)
		if err != nil {
			return nil, fmt.Errorf("set up hold: read the maintenance page: %w", err)
		}
		s.page = page
	}
	return s, nil
}

// Hold makes requests of app wait from now on, each at most limit; 0 is the
// limit of the Config. An application that is held already keeps its waiting
// requests and their limit; the new limit is for those that come.
func (s *Server) Hold(app string, limit time.Duration) {
	if limit <= 0 {
		limit = s.limit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[app]
	if a == nil {
		a = &held{since: map[uint64]time.Time{}, figures: Held{App: app}, changed: make(chan struct{})}
		s.apps[app] = a
	}
	if a.target != "" {
		a.target, a.changed = "", make(chan struct{})
	}
	a.limit = limit
	s.log.Info("hold requests", "app", app, "limit", limit)
}

// Open sends the requests of app on to target, "ip:port": those that wait, in
// no order, and those that come, until the next Hold. The error is a target
// that Caddy could not use; nothing changes then.
func (s *Server) Open(app, target string) error {
	if _, err := netip.ParseAddrPort(target); err != nil {
		return fmt.Errorf("open %s: target %q is not ip:port: %w", app, target, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[app]
	if a == nil {
		a = &held{limit: s.limit, since: map[uint64]time.Time{}, figures: Held{App: app}, changed: make(chan struct{})}
		s.apps[app] = a
	}
	if a.target == "" {
		close(a.changed)
	}
	a.target = target
	s.log.Info("open", "app", app, "target", target, "n", len(a.since))
	return nil
}

// Forget ends the holding of app without a target: its requests that wait and
// those that come get the maintenance page at once. An app that nobody holds is
// success.
func (s *Server) Forget(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[app]
	if a == nil {
		return
	}
	delete(s.apps, app)
	if a.target == "" {
		close(a.changed)
	}
	s.log.Info("forget", "app", app, "n", len(a.since))
}

// Held lists the applications that are held or open, by name.
func (s *Server) Held() []Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Held
	for _, app := range slices.Sorted(maps.Keys(s.apps)) {
		a := s.apps[app]
		f := a.figures
		f.Target, f.Waiting = a.target, len(a.since)
		for _, since := range a.since {
			f.Longest = max(f.Longest, time.Since(since))
		}
		all = append(all, f)
	}
	return all
}
