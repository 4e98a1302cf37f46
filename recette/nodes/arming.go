package nodes

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/machine"
	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/recette"
)

// armed is a fault of a play, at the relay where it is.
type armed struct {
	relay *relay.Relay
	fault *relay.Armed
	main  bool // it is the trouble itself
}

// Arm implements recette.Breaker.
func (p *Play) Arm(ctx context.Context, t recette.Trouble) (recette.Proof, error) {
	p.spans(true)
	if t.What == recette.Nothing {
		return func() string { return "nothing goes wrong" }, nil
	}
	if p.batch != nil {
		return p.batch.arm(ctx, p, t)
	}
	if exclusive(t) {
		return nil, fmt.Errorf("%s concerns whole nodes: it wants a batch", t)
	}
	f := p.fault(t)
	if t.What == recette.BadRelease {
		if err := p.push(ctx, p.moved.App, t.Release); err != nil {
			return nil, err
		}
		f.Node, f.Call, f.Phase = t.Node, "Stack.Up", relay.Hook
	}
	a := p.arm(f, true)
	p.struck(t)
	return func() string {
		if text := a.Proof(); text != "" && t.What == recette.BadRelease {
			return "a release that is " + string(t.Release) + " is started: " + text
		}
		return a.Proof()
	}, nil
}

// struck notes, when it is healed, that calls of the play were struck.
func (p *Play) struck(t recette.Trouble) {
	start := p.bench.notes.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noted = func() {
		if t.What == recette.CallStrikes {
			p.bench.notes.fault(start, t)
		}
	}
}

// exclusive reports that t cannot be played beside other plays.
func exclusive(t recette.Trouble) bool { return t.NodeWide() || t.What == recette.SendCut }

// fault is the trouble's call as the relays address it: one about the play's
// applications, in whose every name is the play's token.
func (p *Play) fault(t recette.Trouble) relay.Fault {
	c := t.Where()
	return relay.Fault{Node: c.Node, Call: c.Name, Arg: p.token, Nth: c.Nth, Phase: relay.Phase(t.Phase), For: t.For}
}

// arm arms a fault until it is healed; main: it is waited for until then.
func (p *Play) arm(f relay.Fault, main bool) *relay.Armed {
	r := p.bench.cluster.Node(f.Node).Relay
	a := r.Arm(f)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mine = append(p.mine, armed{r, a, main})
	return a
}

// spare takes one of the play's faults away again.
func (p *Play) spare(a *relay.Armed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mine {
		if m.fault == a {
			m.relay.Spare(a)
		}
	}
}

// overdue is how long a trouble is waited for that strikes what follows the end
// of an operation, such as the first replica.
const overdue = 15 * time.Second

// await waits until the play's trouble has struck, in vain for some time.
func (p *Play) await(ctx context.Context) error {
	p.mu.Lock()
	mine := slices.Clone(p.mine)
	p.mu.Unlock()
	limit, cancel := context.WithTimeout(ctx, overdue)
	defer cancel()
	for _, m := range mine {
		if m.main {
			select {
			case <-m.fault.Struck():
			case <-limit.Done():
			}
		}
	}
	return context.Cause(ctx)
}

// Heal implements recette.Breaker.
func (p *Play) Heal(ctx context.Context) error {
	if err := p.await(ctx); err != nil {
		return err
	}
	p.spans(false)
	p.mu.Lock()
	mine, noted := p.mine, p.noted
	p.mine, p.noted = nil, nil
	p.mu.Unlock()
	if noted != nil {
		noted()
	}
	for _, m := range mine {
		m.relay.Spare(m.fault)
	}
	if p.batch == nil {
		return nil
	}
	return p.batch.heal(ctx, p)
}

// mend ends everything that was broken and waits until every node is there.
func (b *Bench) mend(ctx context.Context) error {
	if err := b.cluster.Heal(ctx); err != nil {
		return err
	}
	return b.cluster.Ready(ctx)
}

// overhead is about what a transfer is besides its data: ssh's own words.
const overhead = 8 << 10

// cut makes the transfer stop after a share of what it has: a user has just
// written that much. The driver tries again by itself, and meets the same.
func (p *Play) cut(ctx context.Context, t recette.Trouble) (recette.Proof, error) {
	c := t.Where()
	at := p.bench.cluster.Node(c.Node)
	stream := relay.Fault{
		Call: "Stream." + cluster.StreamSSH, Phase: relay.Half, Times: -1, Bytes: overhead + p.bench.filler*int64(t.Share)/100,
	}
	var mu sync.Mutex // of both
	var stopped []*relay.Armed
	var failed error
	send := p.fault(t)
	send.Phase = relay.Hook
	send.Do = func() { // whoever it is that receives: nobody else sends now
		mu.Lock()
		defer mu.Unlock()
		for _, n := range p.bench.cluster.All() {
			stopped = append(stopped, p.armAt(n, stream))
		}
	}
	fill := func() {
		err := p.fill(ctx, at)
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
	}
	sent := p.arm(send, true) // the first to count
	switch {
	case len(p.live(ctx, at)) == 0: // a first deploy: its volumes are there when it commits
		first := p.fault(t)
		first.Call, first.Nth, first.Phase, first.Do = "KV.Apply:commit", 1, relay.Hook, fill
		p.arm(first, false)
	case c.Nth == 1:
		fill()
	default: // after the snapshot of the transfer before, which waits here
		send.Nth, send.Do = c.Nth-1, fill
		p.arm(send, false)
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range stopped {
			if a.Fired() > 0 && failed == nil {
				return sent.Proof() + "; " + a.Proof()
			}
		}
		return ""
	}, nil
}

// armAt arms a fault of a stream, whose connections name no application.
func (p *Play) armAt(n *cluster.Node, f relay.Fault) *relay.Armed {
	f.Node = n.Name
	return p.arm(f, false)
}

// live lists the folders of the play's volumes that a node has.
func (p *Play) live(ctx context.Context, n *cluster.Node) (dirs []string) {
	for _, s := range []site{p.moved, p.lent} {
		dir := filepath.Join(n.Root(ctx), machine.Volumes, "volumes", s.Volume("data"))
		if _, err := os.Stat(dir); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// fill writes what no compression makes smaller into the live volumes of the
// play on a node, as a user does who uploads a film.
func (p *Play) fill(ctx context.Context, n *cluster.Node) error {
	for _, dir := range p.live(ctx, n) {
		start := p.bench.notes.now()
		f, err := os.Create(filepath.Join(dir, "film-"+strings.ToLower(rand.Text()[:6])))
		if err != nil {
			return fmt.Errorf("fill %s: %w", dir, err)
		}
		block := make([]byte, 1<<20)
		for left := p.bench.filler; left > 0 && err == nil; left -= int64(len(block)) {
			_, _ = rand.Read(block) // it never fails
			_, err = f.Write(block)
		}
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("fill %s: %w", dir, err)
		}
		p.bench.notes.add(start, witness.Happening{World: witness.Touched, Node: n.Name, What: "volumes"})
	}
	return nil
}

// film is more than any play's transfer is, but that of one in which a user has
// uploaded a film.
const film = 1 << 20

// moving reports that a film is on its way between nodes: the first replica
// after a commit, or the driver's own scheduler's, which no operation waits for.
func (b *Bench) moving() bool {
	return slices.ContainsFunc(b.cluster.All(), func(n *cluster.Node) bool { return n.Relay.Moving(cluster.StreamSSH, film) })
}

// payloads are those of the events that an agent lists.
func payloads(data []byte) ([]string, error) {
	var events []struct{ Payload []byte }
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = string(e.Payload)
	}
	return all, nil
}
