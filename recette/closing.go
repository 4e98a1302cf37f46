package recette

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
)

// endings looks at operations as they end: what a closed operation says is
// true at that moment, on every node that it does not name as pending. The
// level-triggered pass, which mends what is left, has not had its turn yet.
type endings struct {
	ops map[string]ending
}

type ending struct {
	index uint64
	id    string
	state app.State
	began time.Duration // of the operation
	since time.Duration // of the abort
}

// promptly is how long an aborted operation may take to close while every
// handler is alive: less than anybody's silence.
const promptly = 40 * time.Second

// step is what a stage looks at after every step.
func (s *Stage) step(c *sim.Cluster) {
	before := s.law.last.KV
	s.law.step(c)
	if c.Changes().KV == before {
		return
	}
	for _, a := range []app.App{s.app, s.source} {
		if err := s.ends(a); err != nil {
			c.Fail(err)
		}
	}
}

// ends looks at a's operation when it was written.
func (s *Stage) ends(a app.App) error {
	name := s.name(a)
	p := s.Get(ledger.OperationKey(name))
	last := s.seen.ops[name]
	if p.Modify == last.index {
		return nil
	}
	var o app.Operation
	if json.Unmarshal(p.Value, &o) != nil {
		return nil
	}
	now := ending{index: p.Modify, id: o.ID, state: o.State, began: last.began, since: last.since}
	if o.ID != last.id {
		now.began = s.Now()
	}
	if o.State == app.Aborted && last.state != app.Aborted {
		now.since = s.Now()
	}
	if s.seen.ops == nil {
		s.seen.ops = map[string]ending{}
	}
	s.seen.ops[name] = now
	if o.Lock || o.State != app.Done || o.Outcome != app.OutcomeAborted || last.state != app.Aborted {
		return nil
	}
	if err := s.closed(a, o, now); err != nil {
		return fmt.Errorf("operation %d of %s is closed as aborted: %w", o.Seq, name, err)
	}
	return nil
}

// closed checks that an aborted operation has left everything as it was.
func (s *Stage) closed(a app.App, o app.Operation, e ending) error {
	var faults []error
	took := s.Now() - e.since
	if s.undisturbed() {
		if took > promptly {
			faults = append(faults, fmt.Errorf("it took %v to undo it", took))
		}
		// The old master of a failover is named whatever it does.
		if len(o.Pending) > 0 && !o.Failover() {
			faults = append(faults, fmt.Errorf("%s is pending, though every handler was alive", strings.Join(o.Pending, ", ")))
		}
	}
	faults = append(faults, s.before(s.expected(a, o.Old), o)...)
	if o.Peer != nil { // where a node has booted since, starting it is the pass's, not the operation's
		peer := s.expected(*o.Peer, o.PeerAt)
		for _, node := range o.Nodes() {
			if s.ObserveNode(node).Boot < s.Now()-e.began {
				peer.Without = append(peer.Without, node)
			}
		}
		faults = append(faults, s.before(peer, o)...)
	}
	return errors.Join(faults...)
}

// before checks that one app is as it was on the nodes that have finished.
func (s *Stage) before(e Expected, o app.Operation) (faults []error) {
	e.Early, e.Parts = true, !s.undisturbed()
	acked := s.law.live(s.Cluster, e.App.Name())
	for _, node := range o.Nodes() {
		if slices.Contains(o.Pending, node) || slices.Contains(e.Without, node) || !s.Powered(node) || !s.Alive(node, sim.Handler) {
			continue
		}
		for _, err := range e.onNode(s.ObserveNode(node), acked) {
			faults = append(faults, fmt.Errorf("%s: %w", node, err))
		}
	}
	return faults
}

// undisturbed reports that no handler was away, and no call hung or failed for
// ever.
func (s *Stage) undisturbed() bool {
	for _, a := range s.fired {
		if a.Fired > 0 && a.Times < 0 { // nothing is possible until it is healed
			return false
		}
		switch a.Phase {
		case sim.CrashBefore, sim.CrashAfter, sim.PowerBefore, sim.PowerAfter, sim.Hang, sim.Slow, sim.Late, sim.Hook:
			if a.Fired > 0 {
				return false
			}
		}
	}
	for _, n := range s.Nodes() {
		if !s.Alive(n, sim.Handler) {
			return false
		}
	}
	return true
}
