// Package caddy publishes the sites of a node to its Caddy through the admin
// API. What comes in are the sites, each with a Caddyfile of its own; what goes
// out is Caddy's running configuration, and for each application that Caddy
// does not take the reason in Caddy's words.
//
// Each text is adapted alone, so that one mistake is one application's. What
// comes of it, routes, error routes, TLS policies and access logs, is put with
// an @id of the application into the servers cluster_http and cluster_https,
// beside whatever else the running configuration has: the operator's admin
// endpoint, storage, issuers, servers and logs stay as they are. All is loaded
// in one step, on the condition (If-Match) that nobody wrote in between. One
// load for all changes is the quickest way there is: Caddy makes everything
// anew for every change, however small the object that was replaced.
//
// When Caddy adapts a text but cannot run it, the applications that changed are
// tried apart until the ones to blame are found; these keep the version that ran
// last, the others go on. A route that nobody asks for, cluster.marker, says
// which state is loaded: when it is not there, Caddy was restarted and gets
// everything again; when it is right, nothing is loaded.
package caddy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"

	"github.com/mlfmonde/cluster/handler/edge"
)

// Config says where Caddy is and what its two servers are like.
type Config struct {
	// Admin is the admin endpoint: unix//path of its socket, or host:port.
	Admin string
	// HTTP and HTTPS are what the servers listen on; empty: :80 and :443.
	HTTP, HTTPS string
	// Proxies are the networks that HAProxy connects from: from there a PROXY
	// header, and without one X-Forwarded-For, says who the client is.
	Proxies []netip.Prefix
	// Gates is a directory that Caddy sees under the same path: a file with the
	// name of an application there makes its requests wait, without a load. Empty:
	// every change of mode is loaded.
	Gates string
	// Log hears of loads and refusals. Nil: nobody does.
	Log *slog.Logger
}

// Publisher writes the configuration of one Caddy. Its methods may be called
// side by side.
type Publisher struct {
	admin   admin
	servers settings
	gates   string
	log     *slog.Logger

	mu      sync.Mutex // one Apply at a time
	adapted map[string][]adaptation
	good    map[string]*fragment // what is loaded, by app
	refused map[string]refused   // what Caddy adapted and would not run

	calm   sync.Mutex
	serves map[string][]string // app → upstreams it was last served from
}

// refused is a fragment that Caddy would not run, and why.
type refused struct {
	fragment *fragment
	reason   string
}

// New prepares a publisher; it sends nothing yet. The error says what is wrong
// with c: an address that cannot be used.
func New(c Config) (*Publisher, error) {
	a, err := newAdmin(c.Admin)
	if err != nil {
		return nil, fmt.Errorf("set up caddy: %w", err)
	}
	s := settings{http: c.HTTP, https: c.HTTPS}
	if s.http == "" {
		s.http = ":80"
	}
	if s.https == "" {
		s.https = ":443"
	}
	for _, address := range []string{s.http, s.https} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("set up caddy: listen on %q: %w", address, err)
		}
	}
	for _, p := range c.Proxies {
		s.proxies = append(s.proxies, p.String())
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Publisher{admin: a, servers: s, gates: c.Gates, log: log, adapted: map[string][]adaptation{}, good: map[string]*fragment{},
		refused: map[string]refused{}, serves: map[string][]string{}}, nil
}

// Apply makes Caddy serve exactly sites. left says for each application that
// Caddy did not take why; it goes on with its version before that, if there was
// one. The error is about all of them: Caddy cannot be reached, or refuses even
// a configuration without any change; then what ran before runs on. Without a
// change nothing is loaded.
func (p *Publisher) Apply(ctx context.Context, sites []edge.Site) (left map[string]string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left = map[string]string{}
	if err := p.apply(ctx, sites, left); err != nil {
		return nil, fmt.Errorf("publish to caddy: %w", err)
	}
	p.remember(sites)
	return left, nil
}

// apply sets gates before a load and takes them away after it, so that no
// request comes through to what stops, or to what has not begun.
func (p *Publisher) apply(ctx context.Context, sites []edge.Site, left map[string]string) error {
	marker, err := p.running(ctx)
	if err != nil {
		return err
	}
	if marker == "" {
		clear(p.good)
		clear(p.refused)
	}
	rest, held, err := p.hold(sites)
	if err != nil {
		return err
	}
	wanted, err := p.adaptAll(ctx, rest, left)
	if err != nil {
		return err
	}
	for app := range held {
		wanted[app] = p.good[app]
	}
	if err := p.publish(ctx, wanted, marker, left); err != nil {
		return err
	}
	return p.release(held)
}

// publish loads what differs from wanted: an application without a fragment
// keeps the good one.
func (p *Publisher) publish(ctx context.Context, wanted map[string]*fragment, marker string, left map[string]string) error {
	l := &load{p: p, left: left, base: map[string]*fragment{}}
	if err := l.choose(ctx, wanted, marker); err != nil {
		return err
	}
	if len(l.changed) == 0 && p.servers.digest(l.base) == marker {
		p.good = l.base
		return nil
	}
	if err := l.run(ctx); err != nil {
		return err
	}
	p.good = l.base
	p.log.Info("caddy loaded", "n", len(l.base), "left", len(left))
	return nil
}

// Running is the marker of what Caddy runs now: it changes with every change
// of what Apply has loaded, and is empty when Caddy was restarted since.
func (p *Publisher) Running(ctx context.Context) (marker string, err error) {
	if marker, err = p.running(ctx); err != nil {
		return "", fmt.Errorf("ask caddy what it runs: %w", err)
	}
	return marker, nil
}

func (p *Publisher) running(ctx context.Context) (string, error) {
	var route markerRoute
	err := p.admin.get(ctx, "/id/"+markerID, &route)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Status == 404 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if len(route.Handle) == 0 {
		return "", nil
	}
	return route.Handle[0].Digest, nil
}

// remember keeps the upstreams of the applications that are served now, for
// the Drain that comes when they are not.
func (p *Publisher) remember(sites []edge.Site) {
	p.calm.Lock()
	defer p.calm.Unlock()
	known := map[string]bool{}
	for _, s := range sites {
		known[s.App] = true
		if f := p.good[s.App]; f != nil && s.Mode == edge.Serve {
			p.serves[s.App] = f.upstreams
		}
	}
	maps.DeleteFunc(p.serves, func(app string, _ []string) bool { return !known[app] })
}
