package sim

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mlfmonde/cluster/handler/port"
)

// Prefixes that an edge renders.
const (
	recordPrefix      = "app/"
	maintenancePrefix = "maintenance/"
)

// edge is a node's HAProxy and Caddy: they go on with what was published last,
// without the handler and over reboots.
type edge struct {
	index  uint64
	routes []*entry // below app/
	closed []*entry // below maintenance/
}

type edgePort struct{ p *process }

var _ port.Edge = edgePort{}

func (s edgePort) Publish(ctx context.Context) (uint64, error) {
	f, err := s.p.enter(ctx, callPublish, "")
	if err == nil {
		err = s.p.c.kv.answers(ctx, s.p)
	}
	var index uint64
	if err == nil {
		next := s.p.c.kv.view()
		if err = s.p.sleep(ctx, s.p.c.o.Timing.Edge); err == nil && next.index >= s.p.n.edge.index {
			s.p.n.edge = next
		}
		index = s.p.n.edge.index
		s.p.c.changes.Node++
	}
	if err = s.p.leave(f, callPublish, "", err); err != nil {
		return 0, fmt.Errorf("publish edge: %w", err)
	}
	return index, nil
}

// view is what an edge would render now.
func (s *store) view() edge {
	v := edge{index: s.index}
	i, j := s.below(recordPrefix)
	v.routes = append(v.routes, s.entries[i:j]...)
	i, j = s.below(maintenancePrefix)
	v.closed = append(v.closed, s.entries[i:j]...)
	return v
}

func entryOf(list []*entry, key string) *entry {
	for _, e := range list {
		if e.key == key {
			return e
		}
	}
	return nil
}

// route is the node that the edge sends the app's requests to; "" when it
// knows none, and closed when the app is in maintenance.
func (e *edge) route(c *Cluster, name string) (master string, closed bool) {
	if r := entryOf(e.routes, recordPrefix+name); r != nil {
		master = c.master(r)
	}
	return master, entryOf(e.closed, maintenancePrefix+name) != nil
}

// master decodes who a record names, once per value.
func (c *Cluster) master(e *entry) string {
	if m, ok := c.masters[e]; ok {
		return m
	}
	var r struct{ Master string }
	if json.Unmarshal(e.value, &r) != nil {
		r.Master = ""
	}
	if len(c.masters) > 256 {
		clear(c.masters)
	}
	c.masters[e] = r.Master
	return r.Master
}
