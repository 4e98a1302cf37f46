package caddy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// drainPoll is how often Drain looks.
const drainPoll = 50 * time.Millisecond

// Drain waits until no request is under way at the upstreams that app was last
// served from, at most max. left counts the requests that did not end in that
// time: not an error, the application is stopped with them. Whoever calls it
// has published a mode that sends no new ones there.
//
// What Apply of this publisher has not served is not known, so after a restart
// of the handler in the middle of an operation Drain returns at once.
func (p *Publisher) Drain(ctx context.Context, app string, max time.Duration) (left int, err error) {
	p.calm.Lock()
	upstreams := p.serves[app]
	p.calm.Unlock()
	if len(upstreams) == 0 {
		return 0, nil
	}
	end := time.NewTimer(max)
	defer end.Stop()
	poll := time.NewTicker(drainPoll)
	defer poll.Stop()
	for {
		if left, err = p.underWay(ctx, upstreams); err != nil {
			return 0, fmt.Errorf("drain %s: %w", app, err)
		}
		if left == 0 {
			return 0, nil
		}
		select {
		case <-poll.C:
		case <-end.C:
			return left, nil
		case <-ctx.Done():
			return left, fmt.Errorf("drain %s: %w", app, ctx.Err())
		}
	}
}

// underWay counts the requests that Caddy has at these upstreams. Caddy goes on
// counting those of a configuration that was replaced.
func (p *Publisher) underWay(ctx context.Context, upstreams []string) (n int, err error) {
	var all []struct {
		Address     string
		NumRequests int `json:"num_requests"`
	}
	if err := p.admin.get(ctx, "/reverse_proxy/upstreams", &all); err != nil {
		return 0, err
	}
	for _, u := range all {
		if slices.Contains(upstreams, u.Address) {
			n += u.NumRequests
		}
	}
	return n, nil
}
