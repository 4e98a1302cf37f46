package proxy

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/mlfmonde/cluster/handler/edge"
)

// Hold is where requests wait while their app is switched.
type Hold interface {
	// Hold makes the requests of app wait from now on; limit 0: as usual.
	Hold(app string, limit time.Duration)
	// Open sends them on to target, "ip:port".
	Open(app, target string) error
	// Forget ends the waiting without a target.
	Forget(app string)
}

// nodesPort is where a node's HAProxy takes requests from other nodes.
const nodesPort = 1443

// hold lets requests wait before Caddy begins to ask what to do with them.
func (o *Own) hold(sites []edge.Site) {
	if o.config.Hold == nil {
		return
	}
	for _, s := range sites {
		if target, held := o.opened[s.App]; s.Mode == edge.Hold && (!held || target != "") {
			o.config.Hold.Hold(s.App, 0)
			o.opened[s.App] = ""
		}
	}
	o.first.Do(func() { close(o.ready) })
}

// open sends on the requests of apps that are switched no more. It comes when
// this node's edge is published.
func (o *Own) open() {
	if o.config.Hold == nil {
		return
	}
	for name, target := range o.opened {
		mode, there := o.modes[name]
		if mode == edge.Hold || target != "" && there {
			continue
		}
		if next := o.targets[name]; next != "" && (mode == edge.Serve || mode == edge.Pass) && o.config.Hold.Open(name, next) == nil {
			o.opened[name] = next
			continue
		}
		o.config.Hold.Forget(name)
		delete(o.opened, name)
	}
}

// targets are the doors of the nodes that have the apps, as far as they are
// known.
func targets(state edge.State) map[string]string {
	all := make(map[string]string, len(state.Apps))
	for i := range state.Apps {
		a := &state.Apps[i]
		if ip, err := netip.ParseAddr(a.Address); err == nil {
			all[a.Name] = netip.AddrPortFrom(ip, nodesPort).String()
		}
	}
	return all
}

// applied keeps what Caddy does now, and lets the requests end of apps that it
// has just stopped sending to their containers.
func (o *Own) applied(ctx context.Context, now shown) {
	was := o.modes
	o.modes = map[string]edge.Mode{}
	for i := range now.sites {
		s := &now.sites[i]
		o.modes[s.App] = s.Mode
		here := s.Mode != edge.Pass
		o.memory.set(s.App, func(r *remembered) {
			r.Served = true
			if s.Mode == edge.Serve && !now.bad[s.App] {
				r.Caddy = &s.Fields
			}
		})
		if _, known := o.passed[s.App]; here {
			delete(o.passed, s.App)
		} else if !known {
			o.passed[s.App] = time.Now()
		}
		if before, known := was[s.App]; (s.Mode == edge.Hold || s.Mode == edge.Page) && (before == edge.Serve || !known) {
			o.drain(ctx, s.App)
		}
	}
	for name := range was {
		if _, still := o.modes[name]; !still {
			delete(o.passed, name)
			o.memory.set(name, func(r *remembered) { r.Served, r.Caddy = false, nil })
		}
	}
	for name := range o.passed {
		if _, still := o.modes[name]; !still {
			delete(o.passed, name)
			o.memory.set(name, func(r *remembered) { r.Served = false })
		}
	}
}

// drain waits, beside everything else, until the requests of app have ended.
func (o *Own) drain(ctx context.Context, app string) {
	ctx = context.WithoutCancel(ctx)
	o.drains.Add(1)
	o.busy.Add(1)
	go func() {
		defer o.drains.Done()
		defer o.busy.Add(-1)
		ctx, cancel := context.WithTimeout(ctx, 2*o.config.Drain)
		defer cancel()
		if n, err := o.config.Caddy.Drain(ctx, app, o.config.Drain); err != nil || n > 0 {
			o.config.Log.Warn("requests have not ended", "node", o.config.Node, "app", app, "n", n, "err", err)
		}
	}()
}

// drained returns when the drains that are under way are over, or with ctx.
func (o *Own) drained(ctx context.Context) {
	if o.busy.Load() == 0 {
		return
	}
	over := make(chan struct{})
	go func() { o.drains.Wait(); close(over) }()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// waiting finds the apps of sites that wait only for the edge of their new
// master. After EdgeWait nobody waits for it any more.
func (o *Own) waiting(sites []edge.Site) {
	holds := map[string]bool{}
	for i := range sites {
		if sites[i].Mode == edge.Hold {
			holds[sites[i].App] = true
		}
	}
	late := map[string]time.Time{}
	if len(holds) > 0 {
		free, _ := edge.Sites(edge.Read(o.sheets.pairs(holds)), o.config.Node, o.served()) // its texts are not used
		for i := range free {
			if name := free[i].App; holds[name] && free[i].Mode != edge.Hold {
				late[name] = time.Now()
				if since, known := o.late[name]; known {
					late[name] = since
				}
			}
		}
	}
	o.late = late
	maps.DeleteFunc(o.unwaited, func(name string, _ bool) bool {
		return o.modes[name] != edge.Hold && !holds[name] && o.opened[name] != ""
	})
}

// due reports that something is to be done although the KV has not moved, until
// it is done.
func (o *Own) due() bool {
	o.stale = o.retry() || o.stale
	for name, since := range o.late {
		if time.Since(since) >= o.config.EdgeWait && !o.unwaited[name] {
			o.unwaited[name] = true
			o.stale = true
		}
	}
	for _, since := range o.passed {
		o.stale = o.stale || time.Since(since) >= o.config.Pass
	}
	return o.stale
}
