package nodes

import (
	"context"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
)

// arm waits until every member is ready, and makes the play wait at its call.
// What happens at once has happened when it returns.
func (b *batch) arm(ctx context.Context, p *Play, t recette.Trouble) (recette.Proof, error) {
	m := b.members[p]
	b.bench.gate.leave()
	p.inside = false
	b.set(func() { m.armed = true })
	if err := b.until(ctx, func() bool { return b.opened }); err != nil {
		return nil, err
	}
	if t.What == recette.SendCut {
		return p.cut(ctx, t)
	}
	if t.At.Name != "" {
		b.wait(ctx, p, t)
	}
	return func() string { return b.proofOf(p) }, nil
}

// wait arms what holds the play at its call.
func (b *batch) wait(ctx context.Context, p *Play, t recette.Trouble) {
	m := b.members[p]
	f := p.fault(t)
	f.Phase = phase(t)
	f.Do = func() { b.arrive(ctx, m) }
	m.hasty = strings.HasPrefix(t.At.Name, "KV.")
	m.hold = p.arm(f, true)
	if before := approach(t.At.Name, p.kind); m.hasty && before != "" {
		// It waits where it can, so that all others are at their calls when it
		// comes to its own.
		f.Call, f.Nth, f.Phase = before, 1, relay.Hook
		f.Do = func() { b.gather(ctx, m) }
		p.arm(f, false)
	}
}

// approach is a call shortly before one to Consul, which may take long; ""
// where there is none. A destroy starts nothing.
func approach(call string, kind app.Kind) string {
	switch {
	case call != "KV.Apply:commit":
		return ""
	case kind == app.Destroy:
		return "Stack.Stop"
	}
	return "Stack.Up"
}

// gather waits until all others are at their calls.
func (b *batch) gather(ctx context.Context, own *member) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = b.until(ctx, func() bool { // in the end it goes on all the same
		return b.striking || b.every(func(m *member) bool { return m == own || m.hasty || !m.arrived.IsZero() || m.past })
	})
}

// arrive is called as a play comes to its call; it returns when the trouble has
// struck.
func (b *batch) arrive(ctx context.Context, m *member) {
	b.set(func() {
		if !b.striking {
			m.arrived = time.Now()
		}
	})
	_ = b.until(ctx, func() bool { return b.struck || m.arrived.IsZero() }) // an error ends the batch
}

// wasAsked notes that a play has asked for its move.
func (b *batch) wasAsked(p *Play, id string) {
	if b != nil {
		b.set(func() {
			if m := b.members[p]; b.opened && m.asked == "" {
				m.asked = id
			}
		})
	}
}

// lasts reports that the trouble has a hold on a play.
func (b *batch) lasts(p *Play) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened && !b.over && !b.members[p].healing
}

// heal waits until every member wants it and everything is mended.
func (b *batch) heal(ctx context.Context, p *Play) error {
	m := b.members[p]
	b.mu.Lock()
	took := m.armed && !m.healing && !m.finished
	b.mu.Unlock()
	if !took {
		return nil
	}
	b.set(func() { m.past, m.healing = true, true })
	err := b.until(ctx, func() bool { return b.over })
	p.inside = err == nil
	return err
}

// proofOf is by what the trouble is known to have struck a play.
func (b *batch) proofOf(p *Play) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[p]
	switch {
	case !b.struck:
		return ""
	case b.what.At.Name != "" && m.arrived.IsZero():
		return ""
	case b.what.At.Name != "":
		return b.proof + "; " + m.hold.Proof()
	case b.what.What == recette.EventLost:
		return m.proof
	}
	return b.proof
}

// finish takes a play out: nobody waits for it any more.
func (b *batch) finish(p *Play) {
	if b != nil {
		b.set(func() { b.members[p].finished = true })
	}
}
