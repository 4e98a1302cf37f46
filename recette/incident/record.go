package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/ledger"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// Moment is a place in a run: before the entry of the trace with that number.
type Moment struct {
	Place int
	At    time.Duration
	Step  uint64
}

// Band is a state that lasted.
type Band struct {
	From, To Moment
	Node     string // "" for Consul
	App      string // short name, "" for a node's own
	Kind     string
	Text     string
}

// Kinds of bands.
const (
	bandRuns        = "runs"        // containers of App
	bandLease       = "lease"       // its lease file is there
	bandOff         = "off"         // no power
	bandFrozen      = "frozen"      // the machine, or a process
	bandDown        = "down"        // handler or guard does not run
	bandCut         = "cut"         // links
	bandOperation   = "operation"   // its state, but done
	bandMaintenance = "maintenance" // the key is there
)

// Answer is what a user who wrote was told.
type Answer struct {
	At    time.Duration
	App   string
	Edge  string
	Node  string // who acknowledged it, "" for a refusal
	Error string // why nobody did
}

// recorder looks on while a run is made. It changes nothing in it.
type recorder struct {
	want  Options
	own   sched.Strategy
	seed  uint64
	c     *sim.Cluster
	names *names
	seen  string // how everything stood that bands are made of
	last  sim.Changes
	bands []Band
	open  map[string]int // band that has not ended, by what it is of
	cues  []Cue
	proof string
	done  *Recording
}

// tune lets the simulator keep everything.
func (r *recorder) tune(o *sim.Options) {
	r.own, r.seed = o.Strategy, o.Seed
	o.Trace, o.Record, o.Last = true, true, r.want.Last
	if r.want.Tape != nil {
		st := o.Strategy
		o.Strategy = sched.Strategy{Kind: sched.Replay, Tape: r.want.Tape, Then: st.Kind, Seed: st.Seed, Depth: st.Depth, Steps: st.Steps}
	}
	step := o.OnStep
	o.OnStep = func(c *sim.Cluster) {
		r.c = c
		r.look()
		if step != nil {
			step(c)
		}
	}
}

func (r *recorder) cue(line int, command string) {
	c := Cue{Line: line, Text: command}
	if r.c != nil {
		r.look() // what the command before it did without a step
		c.Moment = r.now()
	}
	r.cues = append(r.cues, c)
}

func (r *recorder) now() Moment {
	return Moment{Place: len(r.c.Trace()), At: r.c.Now(), Step: r.c.Steps()}
}

// look notes which bands begin and end with this step.
func (r *recorder) look() {
	changes, links := r.c.Changes(), r.c.Cuts()
	changes.Data, changes.Node = 0, 0
	seen := r.stands(links)
	if changes == r.last && seen == r.seen {
		return
	}
	kv := changes.KV != r.last.KV
	r.last, r.seen = changes, seen
	now := r.now()
	all := map[string]Band{}
	add := func(key string, b Band) { all[b.Kind+" "+b.Node+" "+key] = b }
	for _, n := range r.c.Nodes() {
		r.node(n, links, add)
	}
	if kv {
		r.consul(add)
	} else {
		r.same(all)
	}
	r.turn(now, all)
}

// stands is how nodes and links are, for comparing.
func (r *recorder) stands(links []sim.Broken) string {
	var b []byte
	for _, n := range r.c.Nodes() {
		for _, is := range []bool{r.c.Powered(n), r.c.Frozen(n), r.c.Alive(n, sim.Handler), r.c.Still(n, sim.Handler), r.c.Alive(n, sim.Guard), r.c.Still(n, sim.Guard)} {
			if is {
				b = append(b, '1')
			} else {
				b = append(b, '0')
			}
		}
	}
	for _, l := range links {
		b = fmt.Append(b, l)
	}
	return string(b)
}

// node adds the bands of one node.
func (r *recorder) node(n string, links []sim.Broken, add func(string, Band)) {
	c := r.c
	if !c.Powered(n) {
		add("", Band{Node: n, Kind: bandOff, Text: "power off"})
		return
	}
	if c.Frozen(n) {
		add("", Band{Node: n, Kind: bandFrozen, Text: "machine frozen"})
	}
	for _, p := range []sim.Process{sim.Handler, sim.Guard} {
		switch {
		case !c.Alive(n, p):
			add(p.String(), Band{Node: n, Kind: bandDown, Text: p.String() + " down"})
		case c.Still(n, p) && !c.Frozen(n):
			add(p.String(), Band{Node: n, Kind: bandFrozen, Text: p.String() + " frozen"})
		}
	}
	if text := cutOff(n, links); text != "" {
		add("", Band{Node: n, Kind: bandCut, Text: text})
	}
	o := c.ObserveNode(n)
	for _, k := range o.Containers {
		if k.Running {
			add(k.Project, Band{Node: n, App: k.Project, Kind: bandRuns, Text: fmt.Sprintf("runs, operation %d", k.Seq)})
		}
	}
	for _, l := range o.Leases {
		text := fmt.Sprintf("lease file of operation %d, without end", l.Seq)
		if l.Until != 0 {
			text = fmt.Sprintf("lease file of operation %d, for a time", l.Seq)
		}
		add(fmt.Sprintf("%s %d", l.Project, l.Seq), Band{Node: n, App: l.Project, Kind: bandLease, Text: text})
	}
}

// cutOff says from whom a node is cut, "" from nobody.
func cutOff(n string, links []sim.Broken) string {
	from := map[string][]string{}
	for _, l := range links {
		other := l.To
		if l.To == n {
			other = l.From
		} else if l.From != n {
			continue
		}
		if other == sim.Outside {
			other = "outside"
		}
		if ch := l.Channel.String(); !slices.Contains(from[other], ch) {
			from[other] = append(from[other], ch)
		}
	}
	var all []string
	for other, channels := range from {
		slices.Sort(channels)
		all = append(all, fmt.Sprintf("%s (%s)", other, strings.Join(channels, " ")))
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return "cut from " + strings.Join(all, ", ")
}

// consul adds the bands of what the KV says.
func (r *recorder) consul(add func(string, Band)) {
	pairs, _ := r.c.KV()
	r.names.learn(pairs)
	for _, p := range pairs {
		if name, ok := strings.CutPrefix(p.Key, ledger.Operations); ok {
			var o app.Operation
			if json.Unmarshal(p.Value, &o) == nil && o.State != app.Done && !o.Lock {
				add(name, Band{App: name, Kind: bandOperation, Text: fmt.Sprintf("%d %s, %s", o.Seq, o.State, o.Kind)})
			}
		}
		if name, ok := strings.CutPrefix(p.Key, ledger.Maintenance); ok {
			add(name, Band{App: name, Kind: bandMaintenance, Text: "maintenance"})
		}
	}
}

// same keeps the bands of the KV, which has not changed.
func (r *recorder) same(all map[string]Band) {
	for key, i := range r.open {
		if b := r.bands[i]; b.Kind == bandOperation || b.Kind == bandMaintenance {
			all[key] = b
		}
	}
}

// turn ends the bands that are not in all any more and begins the new ones.
func (r *recorder) turn(now Moment, all map[string]Band) {
	for key, i := range r.open {
		if b, still := all[key]; !still || b.Text != r.bands[i].Text {
			r.bands[i].To = now
			delete(r.open, key)
		}
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if _, is := r.open[key]; !is {
			b := all[key]
			b.From = now
			r.open[key] = len(r.bands)
			r.bands = append(r.bands, b)
		}
	}
}
