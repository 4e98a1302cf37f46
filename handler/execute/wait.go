package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/plan"
)

// sight is when an ack was first seen as it is, on this node's own clock and
// in this incarnation.
type sight struct {
	index uint64
	since time.Duration
}

// silent reports that node's ack has not changed for the protocol's silence.
func (r *run) silent(acks map[string]app.Ack, node string) bool {
	index, now := acks[node].Index, r.Clock.Boot()
	last, known := r.seen[node]
	if !known || last.index != index {
		r.seen[node] = sight{index: index, since: now}
		return false
	}
	return now-last.since >= r.Times.Silence
}

// watch waits until done says so of the acks, reading them at each change and
// every beat. errMoved: the operation left its state.
func (r *run) watch(ctx context.Context, done func(map[string]app.Ack) (bool, error)) error {
	for {
		acks, index, err := r.look(ctx)
		if err != nil {
			return err
		}
		if ok, err := done(acks); ok || err != nil {
			return err
		}
		if _, err := r.KV.Wait(ctx, ledger.AckTree(r.name, r.op.ID), index, r.Times.Beat); err != nil {
			if err := r.Clock.Sleep(ctx, r.Times.Beat/3); err != nil {
				return err
			}
		}
	}
}

// look reads the operation and its acks until Consul answers.
func (r *run) look(ctx context.Context) (acks map[string]app.Ack, index uint64, err error) {
	o := r.current()
	err = r.Until(ctx, "acks of "+r.name, func() error {
		now, err := r.Ledger.Operation(ctx, r.name)
		if err != nil {
			return err
		}
		if now.Index != o.Index {
			return nil
		}
		acks, index, err = r.Ledger.Acks(ctx, r.name, o.ID)
		return err
	})
	if err == nil && acks == nil {
		err = errMoved
	}
	return acks, index, err
}

// await waits for what s names.
func (r *run) await(ctx context.Context, s plan.Step) error {
	switch s.Flag {
	case plan.Edge:
		return r.awaitEdge(ctx)
	case plan.Cleared:
		return r.watch(ctx, func(acks map[string]app.Ack) (bool, error) {
			n := acks[s.Node]
			return !n.Started || n.Cleared || r.silent(acks, s.Node), nil
		})
	}
	return r.watch(ctx, func(acks map[string]app.Ack) (bool, error) {
		other := acks[s.Node]
		switch {
		case said(other, s.Flag):
			r.heard(other, s.Flag)
			return true, nil
		case other.Failed != "":
			return false, fmt.Errorf("%s: %s", s.Node, other.Failed)
		case r.silent(acks, s.Node):
			return false, fmt.Errorf("%s has not been heard of for %v", s.Node, r.Times.Silence)
		}
		return false, nil
	})
}

func said(a app.Ack, what string) bool {
	switch what {
	case plan.Prepared:
		return a.Prepared
	case plan.Precopied:
		return a.Precopied
	case plan.Transferred:
		return a.Transferred
	case plan.Sourced:
		return a.Sourced
	}
	return false
}

// heard keeps what the other side named.
func (r *run) heard(a app.Ack, what string) {
	switch what {
	case plan.Transferred:
		r.transferred = append([]app.Copy{}, a.Copies...)
	case plan.Sourced:
		r.source = a.Source
	}
}

// awaitEdge waits until this node's edge and those of all present nodes show
// maintenance, at most edge_wait: a dead edge delays, it never blocks.
func (r *run) awaitEdge(ctx context.Context) error {
	o := r.current()
	if string(o.Maintenance.Value) != o.ID {
		return nil
	}
	err := r.Within(ctx, r.Times.EdgeWait, func(ctx context.Context) error {
		shown, err := r.Edge.Publish(ctx)
		if err == nil && shown.Index < o.Maintenance.Modify {
			err = errors.New("this node's own edge: " + shown.Left[app.WholeEdge])
		}
		if err != nil {
			return err
		}
		for {
			members, err := r.Members.Members(ctx)
			if err == nil && r.published(members, o.Maintenance.Modify) {
				return nil
			}
			if err := r.Clock.Sleep(ctx, r.Times.Beat/15); err != nil {
				return err
			}
		}
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, errTooLong) {
		err = errors.New("some node's edge still shows the app")
	}
	return r.warn(ctx, fmt.Sprintf("maintenance is not published everywhere: %v", err))
}

func (r *run) published(members []app.Member, index uint64) bool {
	for _, m := range members {
		if m.Present && m.Name != r.Config.Node && m.Published < index {
			return false
		}
	}
	return true
}
