package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
)

// End is how a request ended.
type End struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Outcome  app.Outcome `json:"outcome"`
	Reason   string      `json:"reason,omitempty"`
	Seq      uint64      `json:"seq,omitempty"` // of the operation; 0: it never began
	Pending  []string    `json:"pending,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
}

// glance is how long a request that has not begun goes unread at most: a
// refusal is written to another key than the one that is watched.
const glance = time.Second

// follower is one request on its way.
type follower struct {
	*Client
	ledger ledger.Ledger
	id     string
	req    app.Request
	tell   teller
	since  time.Duration // by Clock.Boot, since when Consul does not answer; 0: it does
	index  uint64        // of the operation's key, to wait from
	began  bool
}

// Follow tells what happens to request id, each step of each node once, until
// it has ended. It waits for changes and reads no more often than there are
// some. Without an answer it tries again for Times.Gone, then the error wraps
// port.ErrUnknown: the request goes on without us. port.ErrNotFound: there is
// no such request, or it ended so long ago that it was forgotten.
func (c *Client) Follow(ctx context.Context, id string, tell func(Progress)) (End, error) {
	if err := app.CheckID("id", id); err != nil {
		return End{}, err
	}
	f := &follower{Client: c, ledger: ledger.New(c.KV, c.Times), id: id,
		tell: teller{tell: tell, order: c.Steps, said: map[string]bool{}}}
	for {
		if err := f.persist(ctx, f.read); err != nil {
			return End{}, err
		}
		if f.req.Done {
			return f.end(ctx)
		}
		follow := f.queue
		if f.began {
			follow = f.acks
		}
		if err := f.persist(ctx, follow); err != nil {
			return End{}, err
		}
	}
}

// persist repeats g while Consul does not answer, for Times.Gone.
func (f *follower) persist(ctx context.Context, g func(context.Context) error) error {
	for {
		err := g(ctx)
		switch {
		case err == nil:
			f.since = 0
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isLost(err):
			return err
		}
		now := f.Clock.Boot()
		if f.since == 0 {
			f.since = now
			f.tell.tell(Progress{Word: Unheard, Step: err.Error()})
		}
		if now-f.since >= f.Times.Gone {
			return fmt.Errorf("follow %s: no answer for %v, the request goes on: %w: %w", f.id, f.Times.Gone, port.ErrUnknown, err)
		}
		if err := f.Clock.Sleep(ctx, f.Times.Beat); err != nil {
			return err
		}
	}
}

// read reads the request: as long as it is under way its key does not change.
func (f *follower) read(ctx context.Context) error {
	p, err := f.KV.Get(ctx, ledger.RequestKey(f.id))
	if err != nil {
		return err
	}
	if p.Modify == 0 {
		return &lost{fmt.Errorf("request %s: %w", f.id, port.ErrNotFound)}
	}
	if f.req, err = request.Parse(f.id, p.Value); err != nil {
		return &lost{err}
	}
	return nil
}

// queue waits until the operation is this request's, or for a glance.
func (f *follower) queue(ctx context.Context) error {
	name := f.req.App.Name()
	o, err := f.ledger.Operation(ctx, name)
	if err != nil {
		return foreign(err)
	}
	if f.begun(o) {
		return nil
	}
	waits := "for a handler to begin it"
	if o.Index != 0 && o.State != app.Done {
		waits = fmt.Sprintf("for %s %s of %s, which is %s", o.Kind, o.ID, o.App.Name(), o.State)
	}
	f.tell.once(Progress{Word: Queued, Step: waits})
	f.index, err = f.KV.Wait(ctx, ledger.OperationKey(name), f.index, glance)
	return err
}

// begun notes that the operation is this request's.
func (f *follower) begun(o app.Operation) bool {
	if o.ID == f.id && o.State != app.Done {
		f.began = true
		f.tell.reached(o)
	}
	return f.began
}

// acks tells what the participants have reached and waits for more.
func (f *follower) acks(ctx context.Context) error {
	name := f.req.App.Name()
	o, err := f.ledger.Operation(ctx, name)
	if err != nil {
		return foreign(err)
	}
	if o.ID != f.id || o.State == app.Done {
		return nil // it was closed after the request was read
	}
	f.tell.reached(o)
	acks, index, err := f.ledger.Acks(ctx, name, f.id)
	if err != nil {
		return foreign(err)
	}
	for _, node := range slices.Sorted(maps.Keys(acks)) {
		f.tell.node(node, acks[node])
	}
	_, err = f.KV.Wait(ctx, ledger.AckTree(name, f.id), index, f.Times.Beat)
	return err
}

// end tells what the history has and nobody told, and says how it ended.
func (f *follower) end(ctx context.Context) (End, error) {
	end := End{ID: f.id, Name: f.req.App.Name(), Outcome: f.req.Outcome, Reason: f.req.Reason}
	if end.Outcome == app.OutcomeRefused {
		return end, nil
	}
	// The outcome is known: what the history does not answer is not told.
	all, err := f.ledger.Histories(ctx, end.Name)
	if err != nil {
		f.tell.tell(Progress{Word: Unheard, Step: err.Error()})
		return end, nil
	}
	for _, h := range slices.Backward(all) {
		if h.ID == f.id {
			f.told(h)
			end.Seq, end.Pending, end.Warnings = h.Seq, h.Pending, h.Warnings
			break
		}
	}
	return end, nil
}

func (f *follower) told(h app.History) {
	f.tell.op = h.Operation
	for _, node := range slices.Sorted(maps.Keys(h.Took)) {
		f.tell.ended(node, h.Took[node])
	}
}
