package consul

import (
	"context"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/mlfmonde/cluster/handler/port"
)

// Get implements port.KV.
func (c *Consul) Get(ctx context.Context, key string) (port.Pair, error) {
	found := port.Pair{Key: key}
	err := read(ctx, c.times.CallTimeout, "read "+key, func(ctx context.Context) error {
		p, _, err := c.api.KV().Get(key, consistent(ctx))
		if err == nil && p != nil {
			found = pair(p)
		}
		return err
	})
	return found, err
}

// List implements port.KV.
func (c *Consul) List(ctx context.Context, prefix string) ([]port.Pair, uint64, error) {
	var pairs []port.Pair
	var index uint64
	err := read(ctx, c.times.CallTimeout, "list "+prefix, func(ctx context.Context) error {
		found, meta, err := c.api.KV().List(prefix, consistent(ctx))
		if err != nil {
			return err
		}
		pairs = make([]port.Pair, len(found)) // sorted by Consul: it walks a radix tree
		for i, p := range found {
			pairs[i] = pair(p)
		}
		index = max(meta.LastIndex, 1)
		c.saw(prefix, index, len(pairs) == 0)
		return nil
	})
	return pairs, index, err
}

// Wait implements port.KV with a blocking query for the names of the keys: the
// values would be thrown away. It is not tried again: the caller's next pass
// is the repetition.
func (c *Consul) Wait(ctx context.Context, prefix string, index uint64, most time.Duration) (uint64, error) {
	if most <= 0 {
		index = 0 // Consul takes no wait for its default of five minutes
	}
	next, end, empty := index, time.Now().Add(most), c.wasEmpty(prefix, index)
	err := once(ctx, most+most/16+c.times.CallTimeout, "watch "+prefix, func(ctx context.Context) error {
		for {
			q := consistent(ctx)
			q.WaitIndex, q.WaitTime = next, max(time.Until(end), time.Millisecond)
			keys, meta, err := c.api.KV().Keys(prefix, "", q)
			if err != nil {
				return err
			}
			next = following(next, meta.LastIndex)
			c.saw(prefix, next, len(keys) == 0)
			if !empty || len(keys) > 0 || next == 0 || !time.Now().Before(end) {
				return nil
			}
		}
	})
	return next, err
}

// wasEmpty reports that prefix had no key at index, as far as is known. Consul
// wakes who waits for such a prefix at every write anywhere. What was seen at
// another index says nothing: two may wait for one prefix, and when its last
// key goes, the second to look must not take what the first one saw for how it
// has been all the time.
func (c *Consul) wasEmpty(prefix string, index uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, seen := c.empty[prefix]
	return seen && at == index && index != 0
}

func (c *Consul) saw(prefix string, index uint64, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !empty {
		delete(c.empty, prefix)
		return
	}
	if c.empty == nil {
		c.empty = map[string]uint64{}
	}
	c.empty[prefix] = index
}

// following is the index to wait from after got was answered to a query from
// asked. An index that fell (a restored backup, reaped tombstones) starts from
// the beginning; one below 1 would make the next query return at once for ever.
func following(asked, got uint64) uint64 {
	if got < asked {
		return 0
	}
	return max(got, 1)
}

func pair(p *api.KVPair) port.Pair {
	return port.Pair{Key: p.Key, Value: p.Value, Create: p.CreateIndex, Modify: p.ModifyIndex}
}
