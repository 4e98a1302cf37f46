package sim

import (
	"encoding/json"
	"fmt"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

const (
	requestPrefix   = "request/"
	operationPrefix = "operation/"
)

func project(name string) string { return app.Project(name) }

// Ask puts the request into the KV, if its id is new, and fires the event that
// names it from a node. An empty id is filled with a new one. It returns the id.
func (c *Cluster) Ask(from string, r app.Request) (string, error) {
	id, err := c.Post(r)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]string{"ref": id})
	if err != nil {
		return "", fmt.Errorf("encode event: %w", err)
	}
	c.Fire(from, string(r.Kind), payload)
	return id, nil
}

// Post is Ask without an event.
func (c *Cluster) Post(r app.Request) (string, error) {
	if r.ID == "" {
		r.ID = c.uuid()
	}
	value := request.Encode(r)
	c.note(nil, "operator: "+string(r.Kind)+" "+r.App.Name()+" "+r.New.String())
	_, err := c.kv.apply([]port.Op{{Verb: port.CAS, Key: requestPrefix + r.ID, Value: value}})
	c.stepped()
	if err != nil {
		return r.ID, fmt.Errorf("post request %s: %w", r.ID, err)
	}
	return r.ID, nil
}

// Put sets a key as a person would; Delete takes one away.
func (c *Cluster) Put(key string, value []byte) {
	c.kv.write(key, value)
	if c.kv.hands == nil {
		c.kv.hands = map[string]uint64{}
	}
	c.kv.hands[key] = c.kv.index
	c.stepped()
}

// ByHand reports that the value of a key is a person's.
func (c *Cluster) ByHand(key string) bool {
	e := c.kv.get(key)
	return e != nil && c.kv.hands[key] == e.modify
}

// Since is the index of the last change below a prefix of the KV.
func (c *Cluster) Since(prefix string) uint64 { return c.kv.since(prefix) }

// Delete takes a key away as a person would.
func (c *Cluster) Delete(key string) { c.kv.erase(key); c.stepped() }

// Forget empties the KV, or with pairs sets it to them: a Consul that was
// restored from a backup. Indexes go backwards.
func (c *Cluster) Forget(pairs ...port.Pair) {
	c.note(nil, "consul restored from a backup")
	c.kv.entries, c.kv.index = nil, 1
	for _, p := range pairs {
		c.kv.index = max(c.kv.index, p.Modify)
		c.kv.entries = append(c.kv.entries, &entry{key: p.Key, value: p.Value, create: p.Create, modify: p.Modify})
	}
	for _, p := range c.kv.prefixes {
		p.index = c.kv.index
	}
	c.kv.disturb()
	c.stepped()
}

// Quiet reports that nothing is asked for or under way: every request is a
// tombstone, every operation done, no daemon busy. Values that are not ours
// are left aside.
func (c *Cluster) Quiet() bool {
	if c.busy > 0 {
		return false
	}
	if c.quietAt != c.kv.index+1 {
		c.quietAt, c.quiet = c.kv.index+1, c.kv.quiet()
	}
	return c.quiet
}

func (s *store) quiet() bool {
	for _, p := range []string{requestPrefix, operationPrefix} {
		i, j := s.below(p)
		for ; i < j; i++ {
			e := s.entries[i]
			if !e.read {
				e.read, e.open = true, unfinished(p, e.value)
			}
			if e.open {
				return false
			}
		}
	}
	return true
}

// unfinished reports whether a value of ours is no tombstone and not done.
func unfinished(prefix string, value []byte) bool {
	var v struct {
		Done  bool
		State app.State
	}
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	if prefix == requestPrefix {
		return !v.Done
	}
	return v.State != app.Done
}
