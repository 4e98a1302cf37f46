package execute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
)

// errMoved says that somebody moved the operation: read it again.
var errMoved = errors.New("the operation has moved")

// run is one node's part of one operation.
type run struct {
	*Node
	log         *slog.Logger
	name        string
	op          ledger.Ours // as last read
	steps       []plan.Step // what is left to do
	record      app.Record  // as at begin; zero for a first deploy
	next        app.Record  // as committed, once it is
	peer        app.Record  // of a migrate's source
	result      inspect.Result
	transferred []app.Copy // what the old master sent
	source      []app.Copy // what a migrate's source lent
	seen        map[string]sight
	undone      []string // steps that were given up after the outcome

	mu       sync.Mutex // guards what follows, never held across a port call
	ack      app.Ack
	renewal  bool // the lease must be renewed with each beat
	granting bool // a lease file is being written
	cancel   context.CancelCauseFunc
	deadline time.Duration // of the step under way, CLOCK_BOOTTIME; 0: none
}

// Operate carries out this node's part of the operation under way for the app
// called name, as far as the operation's state allows, and returns when it has
// nothing more to do in that state or the operation is done.
func (n *Node) Operate(ctx context.Context, name string) error {
	r := &run{Node: n, name: name, seen: map[string]sight{}}
	if err := r.read(ctx); err != nil {
		return err
	}
	if r.op.State == app.Done || r.op.Lock || r.op.Seq == 0 {
		return nil
	}
	if r.steps = n.plan(r.op.Operation); len(r.steps) == 0 || r.early() {
		return nil
	}
	r.log = n.Log.With("node", n.Config.Node, "app", name, "seq", r.op.Seq)
	if err := r.recall(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.Tasks.Go(ctx, "beat "+name, r.beats)
	return r.carry(ctx)
}

// early reports that this node's part begins with the outcome, which is not
// there yet: the change of the operation will wake it.
func (r *run) early() bool {
	before := r.op.State == app.Preparing || r.op.State == app.Switching
	return before && len(plan.In(r.steps, app.Preparing)) == 0 && len(plan.In(r.steps, app.Switching)) == 0
}

// read reads the operation until Consul answers.
func (r *run) read(ctx context.Context) error {
	return r.Until(ctx, "operation of "+r.name, func() error {
		o, err := r.Ledger.Read(ctx, r.name)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.op = o
		if o.State != app.Switching {
			r.renewal = false
		}
		return nil
	})
}

// recall finds what an earlier incarnation has said, the records, and what is
// left to do.
func (r *run) recall(ctx context.Context) error {
	again := r.enters(r.name, r.op.ID)
	return r.Until(ctx, "acks of "+r.name, func() error {
		acks, _, err := r.Ledger.Acks(ctx, r.name, r.op.ID)
		if err != nil {
			return err
		}
		if r.record, _, err = r.Ledger.Record(ctx, r.name); err != nil {
			return err
		}
		if r.op.Peer != nil {
			if r.peer, _, err = r.Ledger.Record(ctx, r.op.Peer.Name()); err != nil {
				return err
			}
		}
		r.next = r.record
		mine, known := acks[r.Config.Node]
		r.ack = mine
		r.ack.Took = maps.Clone(mine.Took) // what was read is shared
		r.ack.Took = maps.Clone(mine.Took)
		r.ack.Node, r.ack.Incarnation = r.Config.Node, r.Incarnation
		if r.op.State == app.Committed || r.op.State == app.Aborted {
			r.ack.Failed = "" // what failed before the outcome says nothing of what follows it
		}
		if mine.Finished && (r.op.State == app.Committed || r.op.State == app.Aborted) {
			r.steps = nil // said to be over; looked at again only because the operation is still open
		}
		// A lead that has said nothing before the switch, as in a migrate, has
		// prepared all the same, and has forgotten it.
		forgot := !known && r.lead() && r.op.State == app.Switching
		if forgot || known && (again || mine.Incarnation != r.Incarnation) {
			said := plan.Said{Transferred: mine.Transferred, Holding: mine.Started && r.holding(ctx)}
			r.steps = plan.Resume(r.steps, r.op.State, r.lead(), said)
			r.renewal = said.Holding && mine.Lease > 0
		}
		return nil
	})
}

func (r *run) lead() bool { return r.op.Lead == r.Config.Node }

// holding reports that this operation's lease is there and the release runs.
func (r *run) holding(ctx context.Context) (holds bool) {
	err := r.Within(ctx, r.Times.Lease, func(ctx context.Context) (err error) {
		holds, err = r.holds(ctx)
		return err
	})
	return err == nil && holds
}

func (r *run) holds(ctx context.Context) (bool, error) {
	leases, err := r.Guard.List(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range leases {
		if l.Project == r.op.App.Project() && l.Seq == r.op.Runner() && (l.Until == 0 || l.Until > int64(r.Clock.Boot())) {
			return r.running(ctx, r.op.Runner())
		}
	}
	return false, nil
}

// carry runs the steps of each state the operation comes to.
func (r *run) carry(ctx context.Context) error {
	for id := r.op.ID; r.op.ID == id && r.op.State != app.Done; {
		state := r.op.State
		err := r.row(ctx, state)
		switch {
		case err == nil && !r.leftBefore(state):
			return r.finish(ctx)
		case errors.Is(err, errMoved) || err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case state == app.Preparing || state == app.Switching:
			r.giveUp(ctx, err)
		default:
			return err
		}
		if err := r.read(ctx); err != nil {
			return err
		}
		if r.op.ID == id && r.op.State != state {
			if err := r.arrived(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrived takes note of a new state: the record that a commit wrote, and a word
// that wakes those who wait for the state, which is another key than the acks.
func (r *run) arrived(ctx context.Context) error {
	if r.op.State == app.Committed {
		if err := r.committed(ctx); err != nil {
			return err
		}
	}
	if r.op.State == app.Done || r.ack.Index == 0 {
		return nil
	}
	if err := r.say(ctx, func(a *app.Ack) { a.Failed = "" }); err != nil && !errors.Is(err, errMoved) {
		return err
	}
	return nil
}

// committed reads the record that a deploy's commit wrote.
func (r *run) committed(ctx context.Context) error {
	return r.Until(ctx, "record of "+r.name, func() (err error) {
		r.next, _, err = r.Ledger.Record(ctx, r.name)
		return err
	})
}

// leftBefore reports that this node has steps that state is not the last of:
// then the operation is read again and goes on.
func (r *run) leftBefore(state app.State) bool {
	return state == app.Preparing || state == app.Switching
}

// finish notes on disk that this node's part is over.
func (r *run) finish(ctx context.Context) error {
	if len(r.undone) > 0 {
		return nil
	}
	return r.Within(ctx, r.Times.Restore, func(ctx context.Context) error {
		return r.note(ctx, func(j *app.Journal) { j.Finished = true })
	})
}

// note changes this node's journal entry of the operation.
func (r *run) note(ctx context.Context, change func(*app.Journal)) error {
	j, err := r.Journal.Read(ctx, r.name)
	if err != nil {
		return fmt.Errorf("read journal of %s: %w", r.name, err)
	}
	if !j.Of(r.op.Operation) {
		j = app.Journal{Seq: r.op.Seq, ID: r.op.ID}
	}
	change(&j)
	if err := r.Journal.Write(ctx, r.name, j); err != nil {
		return fmt.Errorf("write journal of %s: %w", r.name, err)
	}
	return nil
}
