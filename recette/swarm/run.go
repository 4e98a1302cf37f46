package swarm

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// How an application begins.
const (
	Nowhere  = "nowhere"
	Deployed = "deployed"
	Legacy   = "legacy"
)

// place is where an application was last asked to be.
type place struct{ master, slave string }

func (p place) String() string { return strings.TrimSpace(p.master + " " + p.slave) }

func (p place) swapped() place { return place{p.slave, p.master} }

// application is one of a run.
type application struct {
	short  string
	code   string // folder of its files, "" for those of the smallest good one
	begins string
	at     place
	writes time.Duration // how often its users write; 0: never
}

// from is where a push finds the application's files.
func (a *application) from() string {
	if a.code == "" {
		return ""
	}
	return " from " + a.code
}

// hands is what people did that they take back at rest.
type hands struct {
	lines []string
	known map[string]bool
}

// later takes a line back when all is at rest, once.
func (h *hands) later(line string) {
	if h.known == nil {
		h.known = map[string]bool{}
	}
	if !h.known[line] {
		h.known[line] = true
		h.lines = append(h.lines, line)
	}
}

func (h *hands) back() []string { return h.lines }

// run is one run while it is drawn.
type run struct {
	dice
	seed     uint64
	nodes    []string
	apps     []*application
	strategy string
	clocks   []string // skew, zone and drift from the beginning
	quiet    time.Duration
	length   time.Duration // of the part with faults
	gone     []string      // nodes that do not come back
	faults   []drawn
	requests []drawn
	timeline timeline
	put      hands
}

// drawn is a kind that a run may have, and how often it does; 0: it is off.
type drawn struct {
	kind
	times int
}

// kind is something that is asked for or goes wrong: it adds commands around a
// moment.
type kind struct {
	name string
	add  func(r *run, at time.Duration)
}

func newRun(seed uint64) *run {
	return &run{dice: dice{sched.NewRand(seed)}, seed: seed}
}

// draw turns every knob.
func (r *run) draw() {
	r.nodes = []string{"a", "b", "c", "d", "e"}[:r.between(3, 5)]
	for _, short := range []string{"one", "two", "three", "four"}[:r.between(1, 4)] {
		r.apps = append(r.apps, r.application(short))
	}
	r.strategy = r.order()
	r.quiet, r.length = r.span(10*time.Second, 2*time.Minute), r.span(30*time.Second, 20*time.Minute)
	if r.chance(25) {
		r.gone = some(r.dice, r.nodes, r.between(1, (len(r.nodes)-1)/2))
	}
	r.requests = r.choose(requestKinds(), 60, 1, 2)
	r.faults = r.choose(faultKinds(), 35, 1, 3)
	for _, k := range r.requests {
		r.add(k)
	}
	for _, k := range r.faults {
		r.add(k)
	}
}

// add adds a kind as often as it was drawn.
func (r *run) add(k drawn) {
	for range k.times {
		k.kind.add(r, r.when(r.length))
	}
}

// choose draws which kinds there are, and how often.
func (r *run) choose(all []kind, percent, least, most int) (chosen []drawn) {
	if r.chance(10) {
		percent = 8 // a run about one or two things
	}
	for _, k := range all {
		d := drawn{kind: k}
		if r.chance(percent) {
			d.times = r.between(least, most)
		}
		chosen = append(chosen, d)
	}
	return chosen
}

func (r *run) application(short string) *application {
	a := &application{short: short, at: r.place(), begins: Deployed}
	switch n := r.Intn(100); {
	case n < 15:
		a.begins = Nowhere
	case n < 25:
		a.begins = Legacy
	case n < 35:
		a.code = "none"
	case n < 50:
		a.code = "two"
	}
	if r.chance(80) {
		a.writes = r.span(200*time.Millisecond, 10*time.Second)
	}
	return a
}

// place is any placement, mostly with a slave.
func (r *run) place() place {
	p := place{master: one(r.dice, r.nodes)}
	if r.chance(75) {
		p.slave = r.other(p.master)
	}
	return p
}

// other is any node but one.
func (r *run) other(but string) string {
	n := one(r.dice, r.nodes)
	for n == but {
		n = one(r.dice, r.nodes)
	}
	return n
}

// node is any node, app any application.
func (r *run) node() string { return one(r.dice, r.nodes) }

func (r *run) app() *application { return one(r.dice, r.apps) }

// order is the strategy of the scheduler.
func (r *run) order() string {
	switch n := r.Intn(100); {
	case n < 20:
		return string(sched.Fifo)
	case n < 60:
		return fmt.Sprintf("%s %d", sched.Random, r.Uint64()>>32)
	default:
		return fmt.Sprintf("%s %d depth 3 steps %d", sched.PCT, r.Uint64()>>32, 1000*r.between(2, 60))
	}
}

// knobs is the run in one line.
func (r *run) knobs() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d nodes, %d apps, %s, faults for %v", r.seed, len(r.nodes), len(r.apps), r.strategy, r.length)
	if len(r.gone) > 0 {
		fmt.Fprintf(&b, ", then %s gone for ever", strings.Join(r.gone, " and "))
	}
	list := func(title string, all []drawn) {
		var on, off []string
		for _, d := range all {
			switch d.times {
			case 0:
				off = append(off, d.name)
			case 1:
				on = append(on, d.name)
			default:
				on = append(on, fmt.Sprintf("%s ×%d", d.name, d.times))
			}
		}
		fmt.Fprintf(&b, "; %s: %s", title, strings.Join(on, ", "))
		if len(on) == 0 {
			b.WriteString("none")
		}
		if len(off) > 0 {
			fmt.Fprintf(&b, " (off: %s)", strings.Join(off, ", "))
		}
	}
	list("asked", r.requests)
	list("wrong", r.faults)
	return b.String()
}

// Kinds lists the names of everything that can be asked for and go wrong.
func Kinds() (requests, faults []string) {
	for _, k := range requestKinds() {
		requests = append(requests, k.name)
	}
	for _, k := range faultKinds() {
		faults = append(faults, k.name)
	}
	return requests, faults
}
