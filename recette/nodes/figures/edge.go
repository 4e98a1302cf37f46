package figures

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
)

// What is done at the edge besides a redeploy and a move.
const (
	Reload   = "reload"   // HAProxy takes another configuration, again and again
	Overhead = "overhead" // nothing happens: how long an answer takes
)

// Served is what users of one way in saw in one run.
type Served struct {
	What     string         `json:"what"`
	Way      string         `json:"way"` // http, https, or for an overhead whose way
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Causes   map[string]int `json:"causes,omitempty"`
	P50      float64        `json:"p50"` // seconds
	P99      float64        `json:"p99"`
	Worst    float64        `json:"worst"`
	Held     int            `json:"held"`           // answered, but after more than a quarter of a second
	Bare     float64        `json:"bare,omitempty"` // seconds for which the container answered on no node
	Done     float64        `json:"done,omitempty"` // seconds from the request to its end
	Reloads  int            `json:"reloads,omitempty"`
	Busy     float64        `json:"busy"`
}

const (
	// edgePatience is longer than a request is held.
	edgePatience = 45 * time.Second
	heldFor      = 250 * time.Millisecond
	// Of reloads: at 200 requests a second, half of them over https.
	reloadRate  = 100
	reloads     = 10
	reloadPause = time.Second
	// overheadTime is how long it is asked when nothing happens.
	overheadTime = 30 * time.Second
)

// measureEdge lets users enter at the third node while an application is
// deployed again and moves, while HAProxy reloads, and while nothing happens.
func measureEdge(ctx context.Context, o Options, keep func(Served) error) (err error) {
	b, err := newBed(ctx, o, 8<<30, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	h, err := b.deploy(ctx, "hello", handledPort)
	if err != nil {
		return err
	}
	if err := errors.Join(b.secured(ctx, h), fill(ctx, h.master(), h.volume(), 100*mib)); err != nil {
		return err
	}
	for range o.Runs {
		for _, what := range []string{Redeploy, Move} {
			if err := b.edgeRun(ctx, what, h, keep); err != nil {
				return fmt.Errorf("measure a %s behind the edge: %w", what, err)
			}
		}
		if err := b.reloaded(ctx, h, keep); err != nil {
			return fmt.Errorf("measure reloads: %w", err)
		}
	}
	return b.overhead(ctx, h, keep)
}

// secured waits until the application has its certificate.
func (b *bed) secured(ctx context.Context, h *handled) error {
	n := b.Node(viewer)
	return nodes.Poll(ctx, quietMax, func(ctx context.Context) error {
		resp, err := n.Door(n).Get("https://" + domain(h.branch) + "/")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// door is a client that enters at the viewer's node.
func (b *bed) door(h *handled, every time.Duration) Probe {
	p := Probe{Targets: map[string]string{}, Enter: map[string]string{}, Every: every, Most: edgePatience}
	p.Roots = filepath.Join(b.Node(viewer).Machine().Dir, cluster.RootsFile)
	for _, scheme := range []string{"http", "https"} {
		p.Targets[scheme], p.Enter[scheme] = scheme+"://"+domain(h.branch)+"/", b.Node(viewer).Address
	}
	return p
}

// edgeRun is one redeploy or move, with users at the edge and a client that
// asks the application's own port on both nodes.
func (b *bed) edgeRun(ctx context.Context, what string, h *handled, keep func(Served) error) error {
	if err := h.ready(ctx); err != nil {
		return err
	}
	if err := warm(ctx, h.at, h.rest, h.volume()); err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	busy := calm(ctx)
	bare, err := b.probe(ctx, b.client(h))
	if err != nil {
		return err
	}
	users, err := b.probeAs(ctx, "users", b.door(h, time.Second/rate))
	if err != nil {
		return err
	}
	_ = nodes.Pause(ctx, before)
	begin := time.Now()
	if what == Move {
		_, err = h.move(ctx, b.other(h.master()))
	} else {
		_, err = h.redeploy(ctx)
	}
	done := time.Since(begin).Seconds()
	_ = nodes.Pause(ctx, after)
	seen, failed := users.end(ctx)
	direct, late := bare.end(ctx)
	if err := errors.Join(err, failed, late); err != nil {
		return err
	}
	for _, x := range seen.served(what) {
		x.Bare, x.Done, x.Busy = Longest(direct.Direct()).Length().Seconds(), done, busy
		if err := b.keep(x, keep); err != nil {
			return err
		}
	}
	return nil
}

// keep tells and keeps one.
func (b *bed) keep(x Served, keep func(Served) error) error {
	b.say("%s over %s: %d requests, %d failed, worst %.3f s, held %d, bare outage %.3f s, done %.2f s, p50 %.4f s, p99 %.4f s %v",
		x.What, x.Way, x.Requests, x.Failed, x.Worst, x.Held, x.Bare, x.Done, x.P50, x.P99, x.Causes)
	return keep(x)
}

// served is what each target's users saw.
func (w Watch) served(what string) (all []Served) {
	took := map[string][]time.Duration{}
	by := map[string]*Served{}
	for _, t := range w.Ticks {
		x := by[t.Node]
		if x == nil {
			x = &Served{What: what, Way: t.Node, Causes: map[string]int{}}
			by[t.Node] = x
		}
		x.Requests++
		x.Worst = max(x.Worst, t.Took.Seconds())
		switch {
		case !t.OK:
			x.Failed++
			x.Causes[strings.TrimSpace(t.Why)]++
		case t.Took > heldFor:
			x.Held++
		}
		took[t.Node] = append(took[t.Node], t.Took)
	}
	for way, x := range by {
		slices.Sort(took[way])
		at := func(share float64) float64 { return took[way][int(share*float64(len(took[way])-1))].Seconds() }
		x.P50, x.P99 = at(0.50), at(0.99)
		all = append(all, *x)
	}
	slices.SortFunc(all, func(a, b Served) int { return strings.Compare(a.Way, b.Way) })
	return all
}

// reloaded changes what HAProxy shows again and again while users come.
func (b *bed) reloaded(ctx context.Context, h *handled, keep func(Served) error) error {
	if err := b.quiet(ctx); err != nil {
		return err
	}
	busy := calm(ctx)
	users, err := b.probeAs(ctx, "users", b.door(h, time.Second/reloadRate))
	if err != nil {
		return err
	}
	n, workers := b.Node(viewer), map[string]bool{}
	for i := range reloads {
		_, failed := n.Run(ctx, "consul", "kv", "put", "-http-addr", n.Consul(), "swarm/figures", fmt.Sprintf(`{"domains": ["reload%d.example.com"]}`, i))
		err = errors.Join(err, failed, nodes.Pause(ctx, reloadPause))
		worker, failed := n.HAProxyWorker(ctx)
		err = errors.Join(err, failed)
		workers[worker] = true
	}
	_, removed := n.Run(ctx, "consul", "kv", "delete", "-http-addr", n.Consul(), "swarm/figures")
	seen, failed := users.end(ctx)
	if err := errors.Join(err, removed, failed); err != nil {
		return err
	}
	for _, x := range seen.served(Reload) {
		x.Reloads, x.Busy = len(workers), busy
		if err := b.keep(x, keep); err != nil {
			return err
		}
	}
	return nil
}

// overhead asks the container's own port and the edge in turn.
func (b *bed) overhead(ctx context.Context, h *handled, keep func(Served) error) error {
	if err := b.quiet(ctx); err != nil {
		return err
	}
	busy := calm(ctx)
	p := b.door(h, time.Second/rate)
	p.Targets["port"] = h.at.URL(h.port)
	p.Targets["http at its node"], p.Enter["http at its node"] = "http://"+domain(h.branch)+"/", h.at.Address
	users, err := b.probeAs(ctx, "users", p)
	if err != nil {
		return err
	}
	_ = nodes.Pause(ctx, overheadTime)
	seen, err := users.end(ctx)
	if err != nil {
		return err
	}
	for _, x := range seen.served(Overhead) {
		x.Busy = busy
		if err := b.keep(x, keep); err != nil {
			return err
		}
	}
	return nil
}
