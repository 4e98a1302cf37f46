package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlfmonde/cluster/handler/app"
)

// NodePlan is what one node does in an operation.
type NodePlan struct {
	Node  string
	Part  string // who it is: "new master, old slave"
	Steps []Step // empty: it takes part, but has nothing to do
}

// Plans is the plan of every node that o names, sorted by node. A node that is
// not among them has nothing to do.
func Plans(o app.Operation) []NodePlan {
	all := []NodePlan{}
	for _, n := range o.Nodes() {
		all = append(all, NodePlan{Node: n, Part: part(o, n), Steps: For(o, n)})
	}
	return all
}

// Title is an operation on one line: "deploy a/b → c/d, failover".
func Title(o app.Operation) string {
	words := string(o.Kind) + " " + o.Old.String()
	switch o.Kind {
	case app.Deploy:
		words += " → " + o.New.String()
	case app.Migrate:
		words = string(o.Kind) + " " + o.PeerAt.String() + " → " + o.Old.String()
	}
	if o.Failover() {
		words += ", failover"
	}
	if o.Kind == app.Destroy && o.Lead != o.Old.Master {
		words += ", forced by " + o.Lead
	}
	if o.Flags.Update {
		words += ", update"
	}
	return words
}

// part says in words what node is in o.
func part(o app.Operation, node string) string {
	var parts []string
	is := func(yes bool, what string) {
		if yes {
			parts = append(parts, what)
		}
	}
	switch {
	case o.Kind == app.Migrate:
		is(node == o.PeerAt.Master, "master of the source")
		is(node == o.PeerAt.Slave, "slave of the source")
		is(node == o.Old.Master, "master of the target")
		is(node == o.Old.Slave, "slave of the target")
	case o.Kind == app.Destroy:
		is(node == o.Old.Master, "master")
		is(node == o.Old.Slave, "slave")
		is(node == o.Lead && node != o.Old.Master, "carries it out")
	case o.Old.Master == o.New.Master && node == o.New.Master:
		return "master"
	case o.Old.Slave == o.New.Slave && node == o.New.Slave:
		return "slave"
	default:
		is(node == o.New.Master, "new master")
		is(node == o.Old.Master, "old master")
		is(node == o.New.Slave, "new slave")
		is(node == o.Old.Slave, "old slave")
	}
	away := o.Failover() || o.Kind == app.Destroy && o.Lead != o.Old.Master
	is(away && node == o.Old.Master, "away: this is what it does when it is back")
	return strings.Join(parts, ", ")
}

// heading says what a state is for those who use the app.
func heading(s app.State) string {
	switch s {
	case app.Preparing:
		return "preparing: what runs goes on running"
	case app.Switching:
		return "switching: the app is in maintenance"
	case app.Committed:
		return "committed: the outcome is decided, maintenance is over"
	}
	return "aborted: in place of committed, from any step before it; all is as it was"
}

// States are those that have steps, in order. Aborted is reached from any step
// of the first two.
func States() []app.State {
	return []app.State{app.Preparing, app.Switching, app.Committed, app.Aborted}
}

// Text is a plan for people: who is what, then state by state and node by node
// one step a line, with its meaning. It ends with a newline.
func Text(title string, plans []NodePlan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", title)
	node, step := 0, 0
	for _, p := range plans {
		node = max(node, utf8.RuneCountInString(p.Node))
		for _, s := range p.Steps {
			step = max(step, utf8.RuneCountInString(s.String()))
		}
	}
	for _, p := range plans {
		fmt.Fprintf(&b, "%-*s  %s\n", node, p.Node, p.Part)
	}
	if len(plans) == 0 {
		fmt.Fprintln(&b, "No node has anything to do.")
		return b.String()
	}
	fmt.Fprintln(&b, "Any other node has nothing to do.")
	for _, state := range States() {
		section(&b, state, plans, node, step)
	}
	return b.String()
}

// section writes the rows of one state, a blank line between nodes.
func section(b *strings.Builder, state app.State, plans []NodePlan, node, step int) {
	first := true
	for _, p := range plans {
		row := In(p.Steps, state)
		if len(row) == 0 {
			continue
		}
		if first {
			fmt.Fprintf(b, "\n%s\n", heading(state))
		} else {
			fmt.Fprintln(b)
		}
		first = false
		for _, s := range row {
			fmt.Fprintf(b, "  %-*s  %-*s  %s\n", node, p.Node, step, s, s.Words())
		}
	}
}

type jsonStep struct {
	In    app.State `json:"in"`
	Verb  Verb      `json:"verb"`
	Set   Set       `json:"set"`
	Node  string    `json:"node"`
	Flag  string    `json:"flag"`
	Text  string    `json:"text"`
	Words string    `json:"words"`
}

type jsonPlan struct {
	Node  string     `json:"node"`
	Part  string     `json:"part"`
	Steps []jsonStep `json:"steps"`
}

// JSON is a plan for programs: {"title", "nodes": [{"node", "part", "steps":
// [{"in", "verb", "set", "node", "flag", "text", "words"}]}]}. Every field is
// always there; it ends with a newline.
func JSON(title string, plans []NodePlan) ([]byte, error) {
	nodes := make([]jsonPlan, len(plans))
	for i, p := range plans {
		nodes[i] = jsonPlan{Node: p.Node, Part: p.Part, Steps: []jsonStep{}}
		for _, s := range p.Steps {
			nodes[i].Steps = append(nodes[i].Steps, jsonStep{s.In, s.Verb, s.Set, s.Node, s.Flag, s.String(), s.Words()})
		}
	}
	out, err := json.MarshalIndent(struct {
		Title string     `json:"title"`
		Nodes []jsonPlan `json:"nodes"`
	}{title, nodes}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return append(out, '\n'), nil
}
