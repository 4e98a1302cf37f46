package incident

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// State is how everything stood at one moment.
type State struct {
	Head     string // when
	Nodes    []sim.Observation
	KV       []port.Pair
	Sessions []string
	Armed    []string // faults that wait for their call
	Cuts     []string
	Acked    map[string][]sim.Ack // by application
}

// stateOf looks at everything.
func stateOf(c *sim.Cluster) State {
	s := State{Head: fmt.Sprintf("step %d, %.3f s, hash %016x", c.Steps(), c.Now().Seconds(), c.Hash()), Sessions: c.Sessions(), Acked: map[string][]sim.Ack{}}
	for _, n := range c.Nodes() {
		s.Nodes = append(s.Nodes, c.ObserveNode(n))
	}
	s.KV, _ = c.KV()
	for _, f := range c.Faults() {
		s.Armed = append(s.Armed, f.Fault.String())
	}
	for _, l := range c.Cuts() {
		s.Cuts = append(s.Cuts, fmt.Sprintf("%s: %s to %s", l.Channel, outside(l.From), outside(l.To)))
	}
	for _, name := range c.Written() {
		s.Acked[name] = slices.Clone(c.Acked(name))
	}
	return s
}

func outside(node string) string {
	if node == sim.Outside {
		return "outside"
	}
	return node
}

// Text is the state for people: JSON under headings.
func (s State) Text() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "State at %s\n", s.Head)
	for _, part := range []struct {
		head string
		v    any
	}{{"Consul sessions", s.Sessions}, {"links that are cut", s.Cuts}, {"faults that wait for their call", s.Armed}} {
		if err := section(&b, part.head, part.v); err != nil {
			return nil, err
		}
	}
	for _, o := range s.Nodes {
		if err := section(&b, "node "+o.Node, o); err != nil {
			return nil, err
		}
	}
	for _, p := range s.KV {
		fmt.Fprintf(&b, "\n== KV %s @%d\n", p.Key, p.Modify)
		if json.Indent(&b, p.Value, "", "  ") != nil {
			b.Write(p.Value) // somebody's own
		}
		b.WriteByte('\n')
	}
	err := section(&b, "acknowledged writes", s.Acked)
	return b.Bytes(), err
}

// section writes v under a heading.
func section(b *bytes.Buffer, head string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write state, %s: %w", head, err)
	}
	fmt.Fprintf(b, "\n== %s\n%s\n", head, data)
	return nil
}
