package nodes

import (
	"context"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
)

// batch is several plays that meet one trouble which concerns a whole node: it
// happens once, while each of them waits at the call that its trouble names.
// Nobody else does anything meanwhile. Methods that plays call may be called on
// a nil batch, of a play whose trouble is its own.
type batch struct {
	bench *Bench
	what  recette.Trouble // what happens and to whom; its At is that of each play

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew with every change
	members  map[*Play]*member
	opened   bool // the cluster is ours, and what happens at once has happened
	striking bool // nobody can arrive any more
	struck   bool
	over     bool // everything is mended, and the cluster given back
	failed   error
	proof    string
	after    sync.WaitGroup // what goes on by itself after the strike
	late     error          // of that
	began    time.Duration  // when it struck, by the clock of recordings
}

// member is how far a play of a batch is.
type member struct {
	armed    bool
	asked    string // id of the request
	arrived  time.Time
	hasty    bool // it cannot wait for long where it is
	past     bool // nobody waits any more for it to arrive
	healing  bool
	finished bool // it takes part in nothing more
	hold     *relay.Armed
	proof    string
}

func newBatch(b *Bench, what recette.Trouble) *batch {
	return &batch{bench: b, what: what, members: map[*Play]*member{}, changed: make(chan struct{})}
}

// join adds a play, before the batch runs.
func (b *batch) join(p *Play) {
	b.members[p] = &member{}
	p.batch = b
}

// set changes something and wakes everybody.
func (b *batch) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// every reports that all members are finished or as is says; the caller holds
// the lock.
func (b *batch) every(is func(*member) bool) bool {
	for _, m := range b.members {
		if !m.finished && !is(m) {
			return false
		}
	}
	return true
}

// until waits for is, which is called with the lock held.
func (b *batch) until(ctx context.Context, is func() bool) error {
	for {
		b.mu.Lock()
		ok, failed, changed := is(), b.failed, b.changed
		b.mu.Unlock()
		if failed != nil || ok {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// run leads the batch from the moment when every member is ready to the one
// when everything is mended.
func (b *batch) run(ctx context.Context) error {
	err := b.until(ctx, func() bool { return b.every(func(m *member) bool { return m.armed }) })
	if err == nil {
		err = b.bench.gate.open(ctx)
	}
	if err != nil {
		return b.fail(err)
	}
	err = b.inWindow(ctx)
	going := 0
	b.set(func() {
		for _, m := range b.members {
			if err == nil && !m.finished {
				going++
			}
		}
		b.over, b.failed = err == nil, err
	})
	b.bench.gate.shut(going)
	return err
}

func (b *batch) fail(err error) error {
	b.set(func() { b.failed = err })
	return err
}

func (b *batch) inWindow(ctx context.Context) error {
	atOnce := b.what.At.Name == ""
	if atOnce {
		if err := b.strike(ctx); err != nil {
			return err
		}
	}
	b.set(func() { b.opened = true })
	if !atOnce && b.gathered(ctx) {
		if err := b.strike(ctx); err != nil {
			return err
		}
	}
	if err := b.follow(ctx); err != nil {
		return err
	}
	if err := b.until(ctx, func() bool { return b.every(func(m *member) bool { return m.healing }) }); err != nil {
		return err
	}
	b.after.Wait()
	if b.late != nil {
		return b.late
	}
	err := b.bench.mend(ctx)
	if b.struck {
		b.noted()
	}
	return err
}

// noted writes down whose answers said nothing while it lasted.
func (b *batch) noted() {
	nodes := []string{b.what.Node}
	if b.what.What == recette.LeaderLost {
		nodes = b.bench.names()
	}
	for _, n := range nodes {
		b.bench.notes.add(b.began, witness.Happening{World: witness.Fault, Node: n})
	}
}

// Of plays that wait at their calls.
const (
	patience = 20 * time.Second        // that the first one has for the last
	impulse  = 1200 * time.Millisecond // that a call to Consul has, whose caller does not wait for long
)

// gathered waits until every member is at its call, or as long as the first
// one can wait. It reports whether anybody is. Those who are not there are not
// waited for, and not struck.
func (b *batch) gathered(ctx context.Context) bool {
	for {
		b.mu.Lock()
		ready, limit := b.ready()
		changed := b.changed
		b.mu.Unlock()
		wait := time.Until(limit)
		if ready || wait <= 0 || ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	some := false
	b.set(func() {
		b.striking = true
		for p, m := range b.members {
			some = some || !m.arrived.IsZero()
			if m.arrived.IsZero() && m.hold != nil {
				p.spare(m.hold)
			}
		}
	})
	return some
}

// ready reports that nobody has to be waited for, and how long it may be waited
// at most.
func (b *batch) ready() (ready bool, limit time.Time) {
	limit = time.Now().Add(time.Hour)
	for _, m := range b.members {
		if m.arrived.IsZero() || m.finished {
			continue
		}
		most := patience
		if m.hasty {
			most = impulse
		}
		if end := m.arrived.Add(most); end.Before(limit) {
			limit = end
		}
	}
	return b.every(func(m *member) bool { return !m.arrived.IsZero() || m.past }), limit
}

// strike lets it happen.
func (b *batch) strike(ctx context.Context) error {
	b.began = b.bench.notes.now()
	proof, err := b.happen(ctx)
	b.set(func() { b.struck, b.proof = err == nil, time.Now().Format("15:04:05.000 ")+proof })
	return err
}
