package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

const (
	ring       = 256 // events that an agent keeps
	maxPayload = 300
)

// agent is a node's Consul agent: its events, and its services on disk.
type agent struct {
	down     bool
	events   []port.Event
	index    uint64
	waiters  []*sched.Task
	services map[string]service // by id
}

// service is a registration. Consul's agents keep theirs across reboots.
type service struct {
	Name string
	URLs map[string]time.Duration // checked so often
}

// boot forgets what an agent keeps in memory.
func (a *agent) boot() {
	a.events, a.waiters = nil, nil
	a.index = 0
	if a.services == nil {
		a.services = map[string]service{}
	}
}

// receive is an event arriving at n's agent; one that is down never hears of it.
func (n *node) receive(e port.Event) {
	a := &n.agent
	if a.down {
		return
	}
	a.events = append(a.events, e)
	if len(a.events) > ring {
		a.events = slices.Clone(a.events[len(a.events)-ring:])
	}
	a.index++
	for _, t := range a.waiters {
		n.c.sched.Wake(t)
	}
}

// Heard lists the events that node's agent keeps, oldest first.
func (c *Cluster) Heard(node string) []port.Event { return slices.Clone(c.node(node).agent.events) }

// Gossiping is how events travel. Each is drawn per event and node.
type Gossiping struct {
	Lose, Repeat, Delay int           // in percent
	Most                time.Duration // of a delay; default 30 s
}

// Gossip sets how events travel from now on; the zero value loses nothing.
func (c *Cluster) Gossip(g Gossiping) { c.gossip = g }

// Fire sends an event from a node's agent to every node that gossip reaches.
// It returns the event's id.
func (c *Cluster) Fire(from, name string, payload []byte) string {
	return c.fire(c.node(from), name, payload)
}

func (c *Cluster) fire(from *node, name string, payload []byte) string {
	e := port.Event{ID: c.uuid(), Name: name, Payload: slices.Clone(payload)}
	if c.fired = append(c.fired, e); len(c.fired) > ring {
		c.fired = slices.Clone(c.fired[len(c.fired)-ring:])
	}
	reached := c.epidemic(from)
	for i, n := range c.nodes {
		if reached[i] && n.up {
			c.spread(from, n, e)
		}
	}
	return e.ID
}

// Echo sends the events of the last while to every node once more, as they
// were: Consul may deliver any of them again, and late.
func (c *Cluster) Echo() {
	c.note(nil, "every event once more")
	for _, e := range c.fired {
		for _, n := range c.nodes {
			if n.up {
				c.spread(nil, n, e)
			}
		}
	}
}

// spread sends an event on its way; from is nil for one on its way again.
func (c *Cluster) spread(from, to *node, e port.Event) {
	if to == from {
		to.receive(e)
		return
	}
	g := c.gossip
	if c.rand.Intn(100) < g.Lose {
		c.note(to, "event lost")
		return
	}
	copies := 1
	if c.rand.Intn(100) < g.Repeat {
		copies = 2
	}
	for range copies {
		d := c.o.Timing.Gossip
		if c.rand.Intn(100) < g.Delay {
			most := g.Most
			if most == 0 {
				most = 30 * time.Second
			}
			d += c.roll(most)
		}
		c.sched.At(to.machine, c.Now()+d, "event", func() { to.receive(e) })
	}
}

// epidemic is who gossip reaches from a node, over any number of others.
func (c *Cluster) epidemic(from *node) []bool {
	seen := make([]bool, len(c.nodes)+1)
	seen[from.idx] = true
	for todo := []*node{from}; len(todo) > 0; todo = todo[1:] {
		for _, n := range c.nodes {
			if !seen[n.idx] && n.up && c.net.reaches(Gossip, todo[0].idx, n.idx) {
				seen[n.idx] = true
				todo = append(todo, n)
			}
		}
	}
	return seen
}

// uuid is a new name nobody had before.
func (c *Cluster) uuid() string {
	c.ids++
	const hex = "0123456789abcdef"
	b := []byte("00000000-0000-4000-8000-000000000000")
	hi, lo := c.rand.Uint64(), c.ids
	for i, at := len(b)-1, 0; i >= 0; i-- {
		if b[i] != '0' {
			continue
		}
		v := lo
		if at >= 8 {
			v = hi >> 8
		}
		b[i] = hex[v>>(4*(at%8))&15]
		at++
	}
	return string(b)
}

type eventsPort struct{ p *process }

var _ port.Events = eventsPort{}

func (s eventsPort) Fire(ctx context.Context, name string, payload []byte) error {
	return act(ctx, s.p, callFire, name, 0, func() error {
		switch {
		case len(payload) > maxPayload:
			return fmt.Errorf("fire %s: payload of %d bytes, at most %d", name, len(payload), maxPayload)
		case s.p.n.agent.down:
			return fmt.Errorf("fire %s: connection refused: %w", name, port.ErrUnknown)
		}
		s.p.c.fire(s.p.n, name, payload)
		return nil
	})
}

func (s eventsPort) Recent(ctx context.Context, index uint64, most time.Duration) ([]port.Event, uint64, error) {
	f, err := s.p.enter(ctx, callRecent, "")
	a := &s.p.n.agent
	deadline := s.p.c.Now() + most
	for err == nil && a.index == index && s.p.c.Now() < deadline && !a.down {
		t := s.p.c.sched.Current()
		a.waiters = append(a.waiters, t)
		if err = s.p.c.sched.Park(ctx, deadline); err != nil {
			err = gone(err)
		}
		if i := slices.Index(a.waiters, t); i >= 0 {
			a.waiters = slices.Delete(a.waiters, i, i+1)
		}
	}
	if err == nil && a.down {
		err = fmt.Errorf("recent events: connection refused: %w", port.ErrUnknown)
	}
	if err = s.p.leave(f, callRecent, "", err); err != nil {
		return nil, 0, err
	}
	return slices.Clone(a.events), a.index, nil
}
