package proxy

import (
	"context"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge"
)

// look is how often Watch looks at the proxies.
const look = time.Second

// Watch keeps both proxies as they were published until ctx ends: one that was
// restarted has its configuration within a second, and requests that wait go on
// as soon as the edge of the node that they wait for is there.
func (o *Own) Watch(ctx context.Context) {
	var index uint64
	said := ""
	for ctx.Err() == nil {
		if o.waits(ctx) {
			index = o.told(ctx, index)
		} else if pause(ctx, look) != nil {
			return
		}
		shown, err := o.tend(ctx)
		if err != nil || ctx.Err() != nil {
			continue // whoever publishes says that the KV does not answer
		}
		switch why := shown.Left[app.WholeEdge]; {
		case why == said:
		case why == "":
			o.config.Log.Info("the edge is as published", "node", o.config.Node)
			said = why
		default:
			o.config.Log.Warn("the edge is held up", "node", o.config.Node, "why", why)
			said = why
		}
	}
}

// waits reports that requests wait.
func (o *Own) waits(ctx context.Context) (any bool) {
	_ = o.alone(ctx, func() {
		for _, mode := range o.modes {
			any = any || mode == edge.Hold
		}
	})
	return any
}

// told waits until a node says something of itself, at most as long as Watch
// waits otherwise.
func (o *Own) told(ctx context.Context, index uint64) uint64 {
	next, err := o.config.KV.Wait(ctx, nodes, index, look)
	if err != nil {
		_ = pause(ctx, look)
		return index
	}
	return next
}

// tend publishes when something is to be done that nobody calls for.
func (o *Own) tend(ctx context.Context) (app.Published, error) {
	var shown app.Published
	needed := false
	err := o.alone(ctx, func() {
		shown = o.latest.shown
		holds := false
		for _, mode := range o.modes {
			holds = holds || mode == edge.Hold
		}
		needed = holds || o.busy.Load() > 0 || o.due() || shown.Left[app.WholeEdge] != "" || o.proven(ctx) != nil
	})
	if err != nil || !needed {
		return shown, err
	}
	return o.publish(ctx, o.asked.Add(1))
}

// alone runs f with the turn.
func (o *Own) alone(ctx context.Context, f func()) error {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	f()
	return nil
}
