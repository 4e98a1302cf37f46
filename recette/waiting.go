package recette

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

// standstill is what can be known of a cluster that does not come to rest.
type standstill struct {
	Sight
	apps    []app.App // nil: all
	hanging []string
}

// hangs is a world that knows which calls have not returned.
type hangs interface {
	Hanging(most time.Duration) []string
}

// waiting says in words what of apps is not at rest, and what waits for what;
// nil is every app. It is one line.
func waiting(ctx context.Context, v View, apps []app.App, call time.Duration) string {
	s := standstill{apps: apps}
	var err error
	if s.Sight, err = Look(ctx, v); err != nil {
		return "nobody knows what for: " + err.Error()
	}
	if h, ok := v.(hangs); ok {
		s.hanging = h.Hanging(call)
	}
	return s.String()
}

func (s standstill) String() string {
	var all []string
	open := s.operations()
	var told []string
	for _, o := range open {
		all, told = append(all, s.operation(o)), append(told, o.Nodes()...)
	}
	all = append(all, s.requests(open)...)
	for _, n := range s.nodes() {
		if why := s.ails(n); why != "" && !slices.Contains(told, n) {
			all = append(all, n+" "+why)
		}
	}
	return cmp.Or(strings.Join(append(all, s.hanging...), "; "), "nothing is asked for or under way")
}

// concerns reports whether a is one of the apps.
func (s standstill) concerns(a app.App) bool { return s.apps == nil || slices.Contains(s.apps, a) }

// operations are those that are not done, by name. A migrate's source names the
// same one and is left out.
func (s standstill) operations() (open []app.Operation) {
	for _, p := range s.Pairs {
		var o app.Operation
		if strings.HasPrefix(p.Key, ledger.Operations) && json.Unmarshal(p.Value, &o) == nil && o.State != app.Done && !o.Lock && s.concerns(o.App) {
			open = append(open, o)
		}
	}
	return open
}

// operation says how far o is, and what each participant does.
func (s standstill) operation(o app.Operation) string {
	acks := map[string]app.Ack{}
	for _, n := range o.Nodes() {
		var a app.Ack
		if value(s.Pairs, ledger.AckKey(o.App.Name(), o.ID, n), &a) {
			acks[n] = a
		}
	}
	var parts []string
	for _, n := range o.Nodes() {
		if len(plan.In(plan.For(o, n), o.State)) > 0 {
			parts = append(parts, s.participant(o, n, acks))
		}
	}
	text := fmt.Sprintf("operation %d of %s, %s, is %s", o.Seq, o.App.Name(), plan.Title(o), o.State)
	if o.Reason != "" {
		text += " because " + o.Reason
	}
	if o.State == app.Committed || o.State == app.Aborted {
		parts = append(parts, fmt.Sprintf("%s has to close it", plan.Closer(o)))
	}
	return text + ": " + strings.Join(parts, ", ")
}

// participant says what n does in o, and for whose word it waits.
func (s standstill) participant(o app.Operation, n string, acks map[string]app.Ack) string {
	a, known := acks[n]
	text := n
	switch {
	case !known:
		text += " has said nothing in it"
	case a.Finished:
		text += " has finished its part"
	case a.Failed != "":
		text += " has failed at " + a.Failed
	case a.State != o.State:
		text += fmt.Sprintf(" has said nothing since it was %s, at %q", a.State, a.Step)
	default:
		text += fmt.Sprintf(" is at %q", a.Step)
	}
	for _, step := range plan.For(o, n) {
		if known && !a.Finished && step.Verb == plan.Await && step.String() == a.Step && step.Node != "" {
			text += fmt.Sprintf(" and %s has %s", step.Node, heardOf(acks[step.Node], step.Flag))
		}
	}
	if why := s.ails(n); why != "" {
		text += ", but it " + why
	}
	return text
}

// heardOf says whether a has the word that somebody waits for.
func heardOf(a app.Ack, word string) string {
	said := map[string]bool{
		plan.Prepared: a.Prepared, plan.Precopied: a.Precopied, plan.Transferred: a.Transferred, plan.Sourced: a.Sourced,
		plan.Cleared: a.Cleared, plan.Finished: a.Finished,
	}
	switch {
	case a.Failed != "":
		return "failed at " + a.Failed
	case said[word]:
		return "said so"
	case word == plan.Switched:
		return "not switched"
	case word == plan.Outcome:
		return "not decided it"
	}
	return "not said it"
}

// ails is why nobody can expect anything of n now, "" when nothing is known.
func (s standstill) ails(n string) string {
	o := s.Seen[n]
	switch {
	case !o.Powered:
		return "is off"
	case o.Frozen:
		return "stands still"
	case !o.Handler:
		return "runs no handler"
	case !slices.Contains(s.Sessions, n):
		return "has no session: its handler hangs or does not reach Consul"
	case !o.Guard:
		return "runs no guard"
	}
	return ""
}

// requests says what each waiting request waits for, in their order.
func (s standstill) requests(open []app.Operation) (all []string) {
	first := map[string]string{} // app → the request that it waits for
	for _, o := range open {
		for _, a := range []*app.App{&o.App, o.Peer} {
			if a != nil {
				first[a.Name()] = fmt.Sprintf("operation %d of %s", o.Seq, o.App.Name())
			}
		}
	}
	pairs := slices.Clone(s.Pairs)
	slices.SortStableFunc(pairs, func(a, b port.Pair) int { return cmp.Compare(a.Create, b.Create) })
	for _, p := range pairs {
		var r app.Request
		id, ours := strings.CutPrefix(p.Key, ledger.Requests)
		if !ours || json.Unmarshal(p.Value, &r) != nil || r.Done {
			continue
		}
		waits := ""
		for _, name := range r.Names() {
			waits = cmp.Or(waits, first[name])
			first[name] = cmp.Or(first[name], "request "+id)
		}
		if s.concerns(r.App) {
			all = append(all, fmt.Sprintf("request %s, %s %s %s, waits for %s", id, r.Kind, r.App.Name(), r.New, cmp.Or(waits, s.beginner(r))))
		}
	}
	return all
}

// beginner says who has to begin a request that is first of its apps.
func (s standstill) beginner(r app.Request) string {
	var o app.Operation
	value(s.Pairs, ledger.OperationKey(r.App.Name()), &o) // zero: there was none
	lead := o.Runs().Master
	if r.Kind == app.Deploy {
		lead = r.New.Master
	}
	if !slices.Contains(s.Sessions, lead) && len(s.Sessions) > 0 {
		lead = s.Sessions[0]
	}
	text := cmp.Or(lead, "anybody") + " to begin it"
	if len(s.Sessions) == 0 {
		return text + ", and no node has a session"
	}
	if old := o.Runs().Master; r.Flags.Failover && old != r.New.Master {
		text += fmt.Sprintf(", when %s has been gone for long enough", old)
	}
	return text
}

var _ hangs = (*sim.Cluster)(nil)
