package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim/sched"
)

// PlaybackResult is how a recording of real nodes compares with the fakes.
type PlaybackResult struct {
	Calls    int // in the recordings
	Compared int // answers that were compared
	Excused  int // calls that a fault struck or whose outcome was unknown: their effects were let happen where later reads show them
	Left     int // calls that are no questions to the world: waits, sleeps, starts of tasks
	Between  int // reads that saw a slow call half done
	Taken    map[string]int
	// Differences are answers that no order of the calls under way explains.
	Differences []PlaybackDifference
}

// PlaybackDifference is one answer that the fake gives otherwise.
type PlaybackDifference struct {
	Where string // file and line of the recording
	Node  string
	Call  string
	Args  string
	What  []string // recorded, and what the fake says
	Again int      // how often the same was found after it
}

func (d PlaybackDifference) String() string {
	text := fmt.Sprintf("%s: %s %s %s", d.Where, d.Node, d.Call, d.Args)
	for _, w := range d.What {
		text += "\n    " + w
	}
	if d.Again > 0 {
		text += fmt.Sprintf("\n    and %d times more", d.Again)
	}
	return text
}

// Playback makes the calls of the recordings, one of each node of a cluster
// and of what happened besides, on fakes that no handler works on, and
// compares each answer.
//
// Calls that overlap may have happened in any order: an effect is made as late
// as its call allows, or as soon as an answer shows it; a transaction's place
// is that of its index. Names, ids, uuids and indexes that the world draws are
// paired one to one as they come up. What a first look finds is taken as found.
// Where the world acts by itself (an application ends, a session expires, the
// driver's schedule comes due) an answer may show it; Taken counts such things
// in words. The error says that the recordings make no sense together.
func Playback(all ...witness.Recording) (PlaybackResult, error) {
	p := &player{result: PlaybackResult{Taken: map[string]int{}}}
	if err := p.load(all); err != nil {
		return p.result, fmt.Errorf("play back: %w", err)
	}
	p.rebuild()
	defer func() { p.c.Close() }()
	for _, m := range p.moments() {
		m.happens()
		if p.err != nil {
			return p.result, fmt.Errorf("play back: %w", p.err)
		}
	}
	return p.result, nil
}

// player is one playback.
type player struct {
	c      *Cluster
	nodes  []string
	seed   seed
	deeds  []*deed
	world  []*deed // what no handler did
	starts []restart
	err    error
	result PlaybackResult

	beliefs // what is taken for true of the fakes, as of the last step
	steps   []func()
	undo    []func()
	waiting []*deed // reads under way that no state so far has answered
	pending []*deed // effects that have begun and are not made yet
	order   []*deed // writes of the KV whose index is known, by it
}

// beliefs pair what the world drew with what the fakes have.
type beliefs struct {
	index  pairing         // of Consul: recorded → fake
	drawn  map[string]bool // names and uuids of snapshots that are as recorded
	seen   map[string]bool // what has been looked at once: "node kind which"
	unread map[string]bool // commits whose files nobody has read yet
}

// restart is the beginning of another incarnation of a node's handler.
type restart struct {
	at     time.Duration
	node   string
	kernel bool // the machine was off in between
}

// rebuild makes the fakes again as the steps left them.
func (p *player) rebuild() {
	if p.c != nil {
		p.c.Close()
	}
	p.c = New(Options{Nodes: p.nodes, Times: patient(), Timing: Timing{Send: time.Millisecond, Round: -1}})
	p.beliefs = beliefs{drawn: map[string]bool{}, seen: map[string]bool{}, unread: map[string]bool{}}
	for i, n := range p.c.nodes {
		if address := p.seed.addresses[n.name]; address != "" {
			n.address, p.c.members[i].Address = address, address
		}
	}
	for _, step := range p.steps {
		step()
	}
}

// did keeps a step that was made.
func (p *player) did(step func()) { p.steps = append(p.steps, step) }

// mark is a point to go back to.
type mark struct{ steps, undo int }

func (p *player) mark() mark { return mark{len(p.steps), len(p.undo)} }

// rewind forgets every step since m.
func (p *player) rewind(m mark) {
	for len(p.undo) > m.undo {
		p.undo[len(p.undo)-1]()
		p.undo = p.undo[:len(p.undo)-1]
	}
	if len(p.steps) > m.steps {
		p.steps = p.steps[:m.steps]
		p.rebuild()
	}
}

// set changes a fact about a call so that it can be taken back.
func set[T any](p *player, at *T, v T) {
	was := *at
	p.undo = append(p.undo, func() { *at = was })
	*at = v
}

func (p *player) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// ask runs f as a program of node, its handler or a shell that needs none,
// and reports whether it came back.
func (p *player) ask(node string, handler bool, f func(ctx context.Context, w port.World)) bool {
	done := false
	program := func(ctx context.Context, w port.World) { f(ctx, w); done = true }
	if handler {
		p.c.Go(node, "playback", program)
	} else {
		p.c.Shell(node, "playback", program)
	}
	if err := p.c.Run(func() bool { return done }); err != nil && !errors.Is(err, sched.ErrIdle) {
		p.fail(fmt.Errorf("ask the fakes of %s: %w", node, err))
	}
	return done
}

// moment is one point of the recordings' time.
type moment struct {
	at      time.Duration
	rank    int // at one instant: restarts, ends that came before, begins
	happens func()
}

// moments are all of them in order.
func (p *player) moments() []moment {
	var all []moment
	for _, r := range p.starts {
		all = append(all, moment{r.at, 0, func() { p.restart(r) }})
	}
	for _, d := range p.deeds {
		all = append(all, moment{d.start, 1, func() { p.open(d) }})
		if d.end < forever {
			all = append(all, moment{d.end, 2, func() { p.close(d) }})
		}
	}
	all = append(all, moment{forever, 3, p.finish})
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank)) })
	return all
}

// finish looks at what is left at the end.
func (p *player) finish() {
	for _, d := range p.waiting {
		if !d.done {
			p.settle(d)
		}
	}
	maps.DeleteFunc(p.result.Taken, func(_ string, n int) bool { return n == 0 }) // what was taken back
}

// restart is the first line of another incarnation.
func (p *player) restart(r restart) {
	p.take(p.cutShort(r.node))
	step := func() {
		if r.kernel {
			p.c.PowerCut(r.node)
			p.c.Boot(r.node)
		}
		p.c.Crash(r.node, Handler)
		p.c.Start(r.node, Handler)
		if err := p.c.RunFor(0); err != nil {
			p.fail(err)
		}
	}
	step()
	p.did(step)
}

// differ notes an answer that is not explained.
func (p *player) differ(d *deed, what []string) {
	was := slices.Clone(p.result.Differences)
	p.undo = append(p.undo, func() { p.result.Differences = was })
	for i, x := range p.result.Differences {
		if x.Node == d.Node && x.Call == d.Call.Call && slices.Equal(x.What, what) {
			p.result.Differences = slices.Clone(p.result.Differences)
			p.result.Differences[i].Again++
			return
		}
	}
	p.result.Differences = append(p.result.Differences, PlaybackDifference{
		Where: d.Where, Node: d.Node, Call: d.Call.Call, Args: d.args(), What: what})
}

// errNobody says that there is nothing to play.
var errNobody = errors.New("no recording has a node's calls")

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
