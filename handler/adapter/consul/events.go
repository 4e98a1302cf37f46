package consul

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/port"
)

// maxPayload is what every agent passes on; beyond it some refuse.
const maxPayload = 300

// Fire implements port.Events.
func (c *Consul) Fire(ctx context.Context, name string, payload []byte) error {
	what := "fire event " + name
	if len(payload) > maxPayload {
		return fmt.Errorf("%s: the payload has %d bytes, at most %d travel", what, len(payload), maxPayload)
	}
	return once(ctx, c.times.CallTimeout, what, func(ctx context.Context) error {
		_, _, err := c.api.Event().Fire(&api.UserEvent{Name: name, Payload: payload}, writing(ctx))
		return err
	})
}

// Recent implements port.Events. The index is made of the id of the newest
// event: it does not grow, it only differs.
func (c *Consul) Recent(ctx context.Context, index uint64, most time.Duration) ([]port.Event, uint64, error) {
	if most <= 0 {
		index = 0
	}
	var events []port.Event
	next := index
	err := once(ctx, most+c.times.CallTimeout, "list events", func(ctx context.Context) error {
		q := (&api.QueryOptions{WaitIndex: index, WaitTime: most}).WithContext(ctx)
		found, meta, err := c.api.Event().List("", q)
		if err != nil {
			return err
		}
		for _, e := range found {
			events = append(events, port.Event{ID: e.ID, Name: e.Name, Payload: e.Payload})
		}
		next = meta.LastIndex
		return nil
	})
	return events, next, err
}
