package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	fixture "github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/request"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// Play is one play on a cluster that carries others beside it, with two
// applications of its own. It is what the recette's driver sees of the cluster.
type Play struct {
	bench *Bench
	token string // in every name of the play: repositories, volumes, containers
	began time.Time
	moved site
	lent  site // the source of a migrate
	batch *batch
	kind  app.Kind // of the row's moves

	writing sync.Mutex // one write at a time: numbers are in order
	mu      sync.Mutex
	number  uint64
	acks    map[string][]ack // by application
	asked   []string         // ids of requests
	pairs   []port.Pair      // the KV as it was read last
	pushed  int
	mine    []armed
	from    time.Time // when the last trouble was armed
	to      time.Time // and when it was healed
	noted   func()    // writes down what struck calls of the play, nil: nothing
	inside  bool      // nobody else has the cluster alone
}

var _ recette.World = (*Play)(nil)

// ack is a write that a user was told is done, and what the KV said of the
// application as it came in.
type ack struct {
	sim.Ack
	seq  uint64 // of the operation
	over bool   // which was committed or done
}

// Nodes implements recette.Chart.
func (p *Play) Nodes() []string { return p.bench.names() }

// Address implements recette.Chart.
func (p *Play) Address(node string) string { return p.bench.cluster.Node(node).Address }

// Times implements recette.Chart.
func (p *Play) Times() app.Times { return p.bench.times }

// Apps implements recette.Chart.
func (p *Play) Apps() (moved, source app.App) { return p.moved.App, p.lent.App }

// Known implements recette.Chart.
func (p *Play) Known() []app.App { return p.bench.known() }

// site is the application of the play that a is.
func (p *Play) site(a app.App) (site, error) {
	for _, s := range []site{p.moved, p.lent} {
		if s.App == a {
			return s, nil
		}
	}
	return site{}, fmt.Errorf("%s is none of this play", a.Name())
}

// Push implements recette.People. Nothing of the play is under way: a window
// for others may open here.
func (p *Play) Push(ctx context.Context, a app.App, how recette.Release) error {
	if err := p.giveWay(ctx); err != nil {
		return err
	}
	return p.push(ctx, a, how)
}

func (p *Play) push(ctx context.Context, a app.App, how recette.Release) error {
	s, err := p.site(a)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.pushed++
	release := fmt.Sprintf("%s-%d", p.token, p.pushed)
	p.mu.Unlock()
	files, err := s.files(release, how)
	if err != nil {
		return err
	}
	start := p.bench.notes.now()
	commit, err := p.bench.cluster.Git().Push(ctx, p.repository(), a.Branch, release, files)
	p.bench.notes.add(start, witness.Happening{World: witness.Push, Repo: a.Repo, Branch: a.Branch, Commit: commit})
	return err
}

// repository is the name of the play's one repository.
func (p *Play) repository() string { return p.token }

// giveWay lets others have the cluster for a moment.
func (p *Play) giveWay(ctx context.Context) error {
	p.bench.gate.leave()
	p.inside = false
	if err := p.bench.gate.enter(ctx); err != nil {
		return err
	}
	p.inside = true
	return nil
}

// Ask implements recette.People.
func (p *Play) Ask(ctx context.Context, node string, r app.Request) (string, error) {
	r.ID = newID()
	value, start := request.Encode(r), p.bench.notes.now()
	err := p.bench.agents.any(ctx, func(ctx context.Context, a *agent) error {
		_, err := a.ask(ctx, "PUT", "/v1/kv/"+ledger.RequestKey(r.ID)+"?cas=0", value)
		return err // applied twice it is nothing
	})
	if err != nil {
		return "", fmt.Errorf("ask for %s of %s: %w", r.Kind, r.App.Name(), err)
	}
	p.bench.notes.add(start, witness.Happening{World: witness.Put, Key: ledger.RequestKey(r.ID), Value: asText(value)})
	p.mu.Lock()
	p.asked = append(p.asked, r.ID)
	p.mu.Unlock()
	if err := p.Fire(ctx, node, r.Kind, r.ID); err != nil {
		return "", err
	}
	p.batch.wasAsked(p, r.ID)
	return r.ID, nil
}

// Fire implements recette.People.
func (p *Play) Fire(ctx context.Context, node string, kind app.Kind, id string) error {
	_, err := p.bench.agent(node).ask(ctx, "PUT", "/v1/event/fire/"+string(kind), reference(id))
	return err
}

// reference is the payload of an event that names a request.
func reference(id string) []byte { return fmt.Appendf(nil, `{"ref":%q}`, id) }

// KV implements recette.View.
func (p *Play) KV(ctx context.Context) ([]port.Pair, error) {
	pairs, err := p.bench.agents.kv(ctx, "")
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.pairs = pairs
	}
	return pairs, err
}

// Observe implements recette.View.
func (p *Play) Observe(ctx context.Context) (map[string]sim.Observation, error) {
	return p.bench.observe(ctx)
}

// Settle implements recette.Course.
func (p *Play) Settle(ctx context.Context, most time.Duration) (bool, error) {
	if trial := p.bench.trial; trial > 0 && p.batch.lasts(p) {
		most = min(most, trial)
	}
	limit := time.Now().Add(most)
	for {
		quiet, err := p.quiet(ctx)
		if err != nil {
			return false, err
		}
		if quiet {
			return true, nil
		}
		if time.Now().After(limit) {
			return false, nil
		}
		if err := fixture.Pause(ctx, 150*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// quiet reports that every request of the play is a tombstone, every operation
// on its applications done, and no film on its way.
func (p *Play) quiet(ctx context.Context) (quiet bool, err error) {
	p.mu.Lock()
	asked := slices.Clone(p.asked)
	p.mu.Unlock()
	err = p.bench.agents.any(ctx, func(ctx context.Context, a *agent) error {
		quiet, err = p.quietAt(ctx, a, asked)
		return err
	})
	return quiet && !p.bench.moving(), err
}

func (p *Play) quietAt(ctx context.Context, a *agent, asked []string) (bool, error) {
	for _, id := range asked {
		var r app.Request
		if err := a.decode(ctx, ledger.RequestKey(id), &r); err != nil || !r.Done && r.ID != "" {
			return false, err
		}
	}
	for _, s := range []site{p.moved, p.lent} {
		var o app.Operation
		if err := a.decode(ctx, ledger.OperationKey(s.Name()), &o); err != nil || o.ID != "" && o.State != app.Done {
			return false, err
		}
	}
	return true, nil
}

// Pass implements recette.Course.
func (p *Play) Pass(ctx context.Context, d time.Duration) error { return fixture.Pause(ctx, d) }

// Acked implements recette.View, by the KV as [Play.KV] read it last.
func (p *Play) Acked(a app.App) []sim.Ack {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.site(a)
	if err != nil {
		return nil
	}
	last, migrating := p.replaced(a)
	if migrating {
		return nil
	}
	var all []sim.Ack
	for _, k := range p.acks[a.Name()] {
		live := k.seq > last.Seq || k.seq == last.Seq && k.over
		switch {
		case live:
			all = append(all, k.Ack)
		case last.Kind == app.Migrate && s.lends: // what is not migrated stays
			k.Volumes = []string{s.Volume("notes")}
			all = append(all, k.Ack)
		}
	}
	if last.Kind == app.Migrate && s.lends {
		for _, n := range []uint64{postMigrated, updated} {
			all = append(all, sim.Ack{Number: n, Volumes: s.volumes()})
		}
	}
	return all
}

// replaced is the last operation that took a's data away, zero when none did,
// and whether a migrate is about to. The caller holds the lock.
func (p *Play) replaced(a app.App) (last app.Operation, migrating bool) {
	var now app.Operation
	for _, pair := range p.pairs {
		var o app.Operation
		prefix := ledger.Histories + a.Name() + "/"
		ours := pair.Key == ledger.OperationKey(a.Name()) || strings.HasPrefix(pair.Key, prefix)
		if !ours || json.Unmarshal(pair.Value, &o) != nil || o.Kind == app.Deploy || o.Lock {
			continue
		}
		if pair.Key == ledger.OperationKey(a.Name()) {
			now = o
		}
		committed := o.State == app.Committed || o.Outcome == app.OutcomeCommitted
		if committed && o.Seq > last.Seq {
			last = o
		}
	}
	return last, now.Kind == app.Migrate && now.State != app.Done
}

// decode reads a key; a missing one leaves into alone.
func (a *agent) decode(ctx context.Context, key string, into any) error {
	data, err := a.value(ctx, key)
	if err != nil || data == nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errors.Join(fmt.Errorf("%w: %s", errOdd, key), err)
	}
	return nil
}

// errOdd: a value of the KV is not what it must be.
var errOdd = errors.New("odd value")
