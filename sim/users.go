package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Ack is a write that a user was told is done.
type Ack struct {
	Number  uint64        `json:"number"`
	At      time.Duration `json:"at"`
	Edge    string        `json:"edge"` // where the request came in
	Node    string        `json:"node"` // who answered it
	Volumes []string      `json:"volumes"`
}

// Refusal is a write that nobody acknowledged.
type Refusal struct {
	At   time.Duration `json:"at"`
	Edge string        `json:"edge"` // where the request came in
	Err  string        `json:"err"`
}

// ledger is what the users of one app were told.
type ledger struct {
	acks     []Ack
	failed   int
	refusals []Refusal // when lines are kept
}

// Answers of an application that does not take a write.
var (
	ErrUnrouted    = errors.New("no route")
	ErrMaintenance = errors.New("maintenance")
	ErrUnreachable = errors.New("nobody answers")
)

// Write is a user's request to the app called name, coming in at the edge of
// one node after the other. On success a record with the returned number is in
// every Buttervolume volume of the app, and acknowledged. No two writes to
// the cluster have the same number: a migrate carries records over.
func (c *Cluster) Write(name string) (uint64, error) {
	err := error(ErrUnreachable)
	for range c.nodes {
		c.edges++
		n := c.nodes[c.edges%len(c.nodes)]
		if !n.up || n.frozen() || !c.net.reaches(HTTP, len(c.nodes), n.idx) {
			continue
		}
		var number uint64
		if number, err = c.WriteAt(n.name, name); err == nil {
			return number, nil
		}
		break
	}
	return 0, err
}

// WriteAt is Write through the edge of one node.
func (c *Cluster) WriteAt(node, name string) (uint64, error) {
	l := c.users[name]
	if l == nil {
		l = &ledger{}
		c.users[name] = l
	}
	at := c.node(node)
	to, err := c.routed(at, name)
	if err != nil {
		l.failed++
		if c.trace.keep {
			l.refusals = append(l.refusals, Refusal{At: c.Now(), Edge: node, Err: err.Error()})
		}
		return 0, fmt.Errorf("write to %s at %s: %w", name, node, err)
	}
	c.writes++
	ack := Ack{Number: c.writes, At: c.Now(), Edge: node, Node: to.name}
	for _, k := range to.docker.of(project(name)) {
		if !to.serves(k) {
			continue
		}
		for _, v := range k.data {
			if !slices.Contains(ack.Volumes, v.name) {
				v.append(Record{Number: ack.Number})
				ack.Volumes = append(ack.Volumes, v.name)
			}
		}
	}
	slices.Sort(ack.Volumes)
	l.acks = append(l.acks, ack)
	c.changes.Data++
	c.note(to, "write acknowledged")
	c.stepped()
	return ack.Number, nil
}

// routed is the node where a request for name that came in at a node's edge
// is answered.
func (c *Cluster) routed(at *node, name string) (*node, error) {
	if !at.up || at.frozen() || !c.net.reaches(HTTP, len(c.nodes), at.idx) {
		return nil, ErrUnreachable
	}
	master, closed := at.edge.route(c, name)
	switch {
	case closed:
		return nil, ErrMaintenance
	case master == "":
		return nil, ErrUnrouted
	}
	to := c.node(master)
	if to != at && !c.net.reaches(HTTP, at.idx, to.idx) || !to.up || to.frozen() {
		return nil, ErrUnreachable
	}
	if !slices.ContainsFunc(to.docker.of(project(name)), to.serves) {
		return nil, ErrUnreachable
	}
	return to, nil
}

// Writer is a user who writes to the app every d, from now on until the
// returned function is called.
func (c *Cluster) Writer(name string, d time.Duration) (stop func()) {
	on := true
	c.Every(d, "writer of "+name, func() bool {
		if on {
			_, _ = c.Write(name) // what fails was not acknowledged
		}
		return on
	})
	return func() { on = false }
}

// Acked lists what the users of name were told is done, oldest first.
func (c *Cluster) Acked(name string) []Ack {
	if l := c.users[name]; l != nil {
		return l.acks
	}
	return nil
}

// Refused counts the writes to name that were not acknowledged.
func (c *Cluster) Refused(name string) int {
	if l := c.users[name]; l != nil {
		return l.failed
	}
	return 0
}

// Refusals lists the writes to name that were not acknowledged, when lines are
// kept.
func (c *Cluster) Refusals(name string) []Refusal {
	if l := c.users[name]; l != nil {
		return l.refusals
	}
	return nil
}

// Written lists the apps that somebody wrote to, sorted.
func (c *Cluster) Written() []string { return slices.Sorted(maps.Keys(c.users)) }
