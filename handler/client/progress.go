package client

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// Word is what kind of thing a Progress tells.
type Word string

// The words of a Progress.
const (
	Queued  Word = "queued"  // the request waits; Step says for what
	Reached Word = "reached" // the operation has come to State
	Began   Word = "began"   // Node is at Step
	Ended   Word = "ended"   // Node has done Step in Took
	Failed  Word = "failed"  // Node could not; Step says what and why
	Warned  Word = "warned"  // Node says something that stops nothing
	Unheard Word = "unheard" // Consul does not answer; Step says how
)

// Progress is one thing that happened to a request.
type Progress struct {
	Word  Word      `json:"word"`
	Node  string    `json:"node,omitempty"` // "" for the operation as a whole
	State app.State `json:"state,omitempty"`
	Step  string    `json:"step,omitempty"`
	Took  int       `json:"ms"` // milliseconds, of an ended step
}

// String is p on one line.
func (p Progress) String() string {
	head := fmt.Sprintf("%-10s %-8s ", p.State, p.Node)
	switch p.Word {
	case Reached:
		return string(p.State)
	case Began:
		return head + p.Step + " …"
	case Ended:
		return head + p.Step + "  " + (time.Duration(p.Took) * time.Millisecond).String()
	case Queued, Unheard:
		return string(p.Word) + ": " + p.Step
	}
	return head + string(p.Word) + ": " + p.Step
}

// teller says each thing once, in the order of the plan.
type teller struct {
	tell  func(Progress)
	order func(app.Operation, string) []string
	op    app.Operation
	said  map[string]bool
}

func (t *teller) once(p Progress) {
	key := fmt.Sprint(p.Word, "|", p.Node, "|", p.Step)
	if p.Word == Began || p.Word == Reached {
		key += "|" + string(p.State)
	}
	if !t.said[key] {
		t.said[key] = true
		t.tell(p)
	}
}

func (t *teller) reached(o app.Operation) {
	t.op = o
	t.once(Progress{Word: Reached, State: o.State, Step: o.Reason})
}

// node tells what is new in a node's ack.
func (t *teller) node(node string, a app.Ack) {
	t.ended(node, a.Took)
	// An ack that tells a new state may still carry the step before it.
	step := string(a.State) + " " + a.Step
	if a.Step != "" && !has(a.Took, step) && (t.order == nil || slices.Contains(t.order(t.op, node), step)) {
		t.once(Progress{Word: Began, Node: node, State: a.State, Step: a.Step})
	}
	for _, w := range a.Warnings {
		t.once(Progress{Word: Warned, Node: node, State: a.State, Step: w})
	}
	if a.Failed != "" {
		t.once(Progress{Word: Failed, Node: node, State: a.State, Step: a.Failed})
	}
}

func has(took map[string]int, step string) bool {
	_, ok := took[step]
	return ok
}

// ended tells the steps of took that were not told yet; the rest of the plan's
// order comes after what it does not know.
func (t *teller) ended(node string, took map[string]int) {
	var plan []string
	if t.order != nil {
		plan = t.order(t.op, node)
	}
	steps := make([]string, 0, len(took))
	for step := range took {
		steps = append(steps, step)
	}
	slices.SortFunc(steps, func(x, y string) int {
		if i, j := slices.Index(plan, x), slices.Index(plan, y); i != j {
			return i - j
		}
		return strings.Compare(x, y)
	})
	for _, step := range steps {
		state, text, _ := strings.Cut(step, " ")
		if key := "ended|" + node + "|" + step; !t.said[key] {
			t.said[key] = true
			t.tell(Progress{Word: Ended, Node: node, State: app.State(state), Step: text, Took: took[step]})
		}
	}
}
