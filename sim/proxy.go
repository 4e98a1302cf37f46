package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/handler/app"
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
	left   map[string]string
}

type edgePort struct{ p *process }

var _ port.Edge = edgePort{}

func (s edgePort) Publish(ctx context.Context) (app.Published, error) {
	f, err := s.p.enter(ctx, callPublish, "")
	if err == nil {
		err = s.p.c.kv.answers(ctx, s.p)
	}
	var shown app.Published
	if err == nil {
		next := s.p.c.kv.view()
		if err = s.p.sleep(ctx, s.p.c.o.Timing.Edge); err == nil && next.index >= s.p.n.edge.index {
			s.p.c.keep(&next, s.p.n.edge.routes)
			s.p.n.edge = next
		}
		shown = app.Published{Index: s.p.n.edge.index, Left: s.p.n.edge.left}
		s.p.c.changes.Node++
	}
	if err = s.p.leave(f, callPublish, "", err); err != nil {
		return app.Published{}, fmt.Errorf("publish edge: %w", err)
	}
	return shown, nil
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

// keep puts the record that was shown before in the place of one that cannot
// be read, and names its app.
func (c *Cluster) keep(next *edge, before []*entry) {
	for i, e := range next.routes {
		bad := c.record(e).bad
		if bad == "" {
			continue
		}
		if next.left == nil {
			next.left = map[string]string{}
		}
		next.left[strings.TrimPrefix(e.key, recordPrefix)] = bad
		if last := entryOf(before, e.key); last != nil {
			next.routes[i] = last
		}
	}
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
		master = c.record(r).master
	}
	return master, entryOf(e.closed, maintenancePrefix+name) != nil
}

// rendered is what an edge needs of a record.
type rendered struct {
	master string
	bad    string // why it cannot be read
}

// record decodes a record, once per value.
func (c *Cluster) record(e *entry) rendered {
	if d, ok := c.shown[e]; ok {
		return d
	}
	var r struct{ Master string }
	var d rendered
	if err := json.Unmarshal(e.value, &r); err != nil {
		d.bad = "the record cannot be read: " + err.Error()
	} else {
		d.master = r.Master
	}
	if len(c.shown) > 256 {
		clear(c.shown)
	}
	c.shown[e] = d
	return d
}
