package client

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// view is an Overview that is being put together.
type view struct {
	*Client
	ledger ledger.Ledger
	only   string
	apps   map[string]*Status
	known  []string
	out    Overview
}

// app is the status of name, nil when nobody asked for it.
func (v *view) app(name string) *Status {
	if v.only != "" && v.only != name {
		return nil
	}
	if v.apps[name] == nil {
		v.apps[name] = &Status{Name: name, Pending: []string{}, Warnings: []string{}, Waiting: []string{}}
	}
	return v.apps[name]
}

// problem keeps what is not ours for the report; it stops nothing.
func (v *view) problem(err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(v.out.Problems, line) {
			v.out.Problems = append(v.out.Problems, line)
		}
	}
}

func (v *view) nodes(ctx context.Context) error {
	v.out = Overview{Nodes: []Node{}, Apps: []Status{}, Problems: []string{}}
	members, err := v.Members.Members(ctx)
	for _, m := range members {
		v.out.Nodes = append(v.out.Nodes, Node{Name: m.Name, Address: m.Address, Present: m.Present, Version: m.Version,
			Edge: Edge{Published: m.Published, Left: m.Edge}})
	}
	return err
}

func (v *view) records(ctx context.Context) error {
	recs, names, err := v.ledger.Records(ctx)
	if recs == nil {
		return err
	}
	v.problem(err)
	v.known = names
	for _, name := range names {
		r, s := recs[name], v.app(name)
		if s == nil {
			continue
		}
		at := r.Placement()
		s.Repo, s.Branch, s.Master, s.Slave, s.Commit, s.Deployed, s.release = r.RepoURL, r.Branch, at.Master, at.Slave, r.Commit, r.DeployDate, r.Generation
	}
	return nil
}

// replicas come after the records: a set of snapshots without an app is not
// shown.
func (v *view) replicas(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(v.apps)) {
		r, err := v.ledger.Replica(ctx, name)
		if isLost(foreign(err)) {
			v.problem(err)
			continue
		}
		if err != nil {
			return err
		}
		if r.Index != 0 {
			v.apps[name].Replica = &Replica{Node: r.Node, Date: r.Date, Age: v.age(r.Date)}
		}
	}
	return nil
}

func (v *view) age(date string) int {
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return -1
	}
	return max(0, int(v.Clock.Now().Sub(at)/time.Second))
}

func (v *view) operations(ctx context.Context) error {
	ops, names, _, err := v.ledger.Operations(ctx)
	if ops == nil {
		return err
	}
	v.problem(err)
	for _, name := range names {
		o := ops[name]
		if v.only == "" && o.State == app.Done && v.apps[name] == nil && o.Outcome == app.OutcomeCommitted {
			continue // destroyed
		}
		if s := v.app(name); s != nil {
			if err := v.operation(ctx, name, o, s); err != nil {
				return err
			}
		}
	}
	v.known = append(v.known, names...)
	slices.Sort(v.known)
	v.known = slices.Compact(v.known)
	return nil
}

// operation adds what the key that decides says, and the words of those who
// take part in it.
func (v *view) operation(ctx context.Context, name string, o app.Operation, s *Status) error {
	s.Repo, s.Branch = cmp.Or(s.Repo, o.App.Repo), cmp.Or(s.Branch, o.App.Branch)
	past, err := v.ledger.Histories(ctx, name)
	if isLost(foreign(err)) {
		v.problem(err)
	} else if err != nil {
		return err
	}
	if len(past) > 0 {
		h := past[len(past)-1]
		s.Outcome, s.Reason, s.Pending, s.Warnings = h.Outcome, h.Reason, list(h.Pending), list(h.Warnings)
	}
	if o.State == app.Done {
		s.Outcome, s.Reason, s.Pending = o.Outcome, o.Reason, list(o.Pending)
		s.changed = o.Index
		v.placed(name, o, s)
		return nil
	}
	s.Operation = &Operation{ID: o.ID, Seq: o.Seq, Kind: o.Kind, Old: o.Old.String(), New: o.New.String(), State: o.State, Steps: map[string]string{}}
	if o.Lock {
		name = o.Peer.Name() // the other app of a migrate holds the acks
	}
	acks, _, err := v.ledger.Acks(ctx, name, o.ID)
	if isLost(foreign(err)) {
		v.problem(err)
		return nil
	}
	s.Warnings = []string{}
	for _, node := range slices.Sorted(maps.Keys(acks)) {
		s.Operation.Steps[node] = acks[node].Step
		s.Warnings = append(s.Warnings, acks[node].Warnings...)
	}
	return err
}

// edges compares what the nodes have published with the newest change that
// concerns an edge.
func (v *view) edges(ctx context.Context) error {
	var newest uint64
	for _, prefix := range []string{ledger.Records, ledger.Maintenance, ledger.Swarm} {
		pairs, _, err := v.KV.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			newest = max(newest, p.Modify)
		}
	}
	for i := range v.out.Nodes {
		n := &v.out.Nodes[i]
		n.Edge.Newest = newest
		n.Edge.Behind = n.Present && n.Edge.Published < newest
	}
	return nil
}

// placed shows where the app runs, also when a person has made the record say
// something else: nothing moves by that.
func (v *view) placed(name string, o app.Operation, s *Status) {
	written := o.Generation
	if o.Kind == app.Deploy && o.Outcome == app.OutcomeCommitted {
		written = o.Seq
	}
	says, at := app.Placement{Master: s.Master, Slave: s.Slave}, o.Runs()
	if says.IsZero() || says == at || s.release != written { // the last: another record than the operation's
		return
	}
	v.problem(fmt.Errorf("%s says that the app lives on %s; it lives on %s and nothing moves by that: ask for a deploy", ledger.RecordKey(name), says, at))
	s.Master, s.Slave = at.Master, at.Slave
}

func list(l []string) []string { return append([]string{}, l...) }

// requests finds those that wait, and the refusals that came after the last
// operation.
func (v *view) requests(ctx context.Context) error {
	pairs, _, err := v.KV.List(ctx, ledger.Requests)
	if err != nil {
		return err
	}
	slices.SortFunc(pairs, func(a, b port.Pair) int { return cmp.Compare(a.Create, b.Create) })
	for _, p := range pairs {
		r, err := request.Parse(strings.TrimPrefix(p.Key, ledger.Requests), p.Value)
		if err != nil {
			v.problem(err)
			continue
		}
		for _, name := range r.Names() {
			v.request(name, r, p)
		}
	}
	for _, s := range v.apps {
		if s.refused != nil {
			s.Outcome, s.Reason, s.Pending = app.OutcomeRefused, s.refused.Reason, []string{}
		}
	}
	return nil
}

func (v *view) request(name string, r app.Request, p port.Pair) {
	known := v.apps[name] != nil
	if r.Done && !known && v.only != name {
		return
	}
	s := v.app(name)
	switch {
	case s == nil:
	case r.Done && r.Outcome == app.OutcomeRefused && p.Modify > s.changed:
		s.changed, s.refused = p.Modify, &r
	case r.Done:
	case s.Operation == nil || s.Operation.ID != r.ID:
		s.Waiting = append(s.Waiting, r.ID)
	}
	if s != nil && s.Repo == "" && name == r.App.Name() {
		s.Repo, s.Branch = r.App.Repo, r.App.Branch
	}
}

func (v *view) maintenance(ctx context.Context) error {
	pairs, _, err := v.KV.List(ctx, ledger.Maintenance)
	for _, p := range pairs {
		if s := v.apps[strings.TrimPrefix(p.Key, ledger.Maintenance)]; s != nil {
			s.Maintenance = cmp.Or(string(p.Value), "on")
		}
	}
	return err
}
