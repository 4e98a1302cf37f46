package sim

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// Entry is one line of the trace.
type Entry struct {
	Step    uint64
	At      time.Duration
	Node    string // "" for the world
	Process string // handler, guard, or "" for the node itself
	Call    string // "" for a note
	Arg     string
	Err     string // "" for success
}

func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%12.3f %-4s", e.At.Seconds(), e.Node)
	if e.Process == Guard.String() {
		b.WriteString(" guard")
	}
	if e.Call != "" {
		b.WriteString(" " + e.Call)
	}
	if e.Arg != "" {
		b.WriteString(" " + e.Arg)
	}
	if e.Err != "" {
		b.WriteString(" → " + e.Err)
	}
	return b.String()
}

// trace is the run so far: a hash over every step, and the lines if kept.
type trace struct {
	hash  uint64
	count uint64
	keep  bool
	lines []Entry
}

func (t *trace) number(v uint64) {
	h := (t.hash ^ v) * 0x9e3779b97f4a7c15
	t.hash = h ^ h>>29
}

func (t *trace) text(s string) {
	t.number(uint64(len(s)))
	for len(s) >= 8 {
		t.number(binary.LittleEndian.Uint64([]byte(s[:8])))
		s = s[8:]
	}
	var last uint64
	for i := range len(s) {
		last = last<<8 | uint64(s[i])
	}
	t.number(last)
}

// call notes a port call and its answer.
func (t *trace) call(p *process, id callID, arg string, err error) {
	t.count++
	t.number(uint64(p.c.sched.Now()))
	t.number(uint64(p.n.idx)<<32 | uint64(p.kind)<<16 | uint64(id))
	t.text(arg)
	text := ""
	if err != nil {
		text = err.Error()
		t.text(text)
	}
	if t.keep {
		t.lines = append(t.lines, Entry{
			Step: p.c.sched.Steps(), At: p.c.sched.Now(), Node: p.n.name, Process: p.kind.String(),
			Call: p.c.sites.name(id), Arg: arg, Err: text,
		})
	}
}

// note writes what happens outside a call. n is nil for the world.
func (c *Cluster) note(n *node, text string) {
	c.trace.count++
	c.trace.number(uint64(c.sched.Now()))
	c.trace.text(text)
	if !c.trace.keep {
		return
	}
	e := Entry{Step: c.sched.Steps(), At: c.sched.Now(), Arg: text}
	if n != nil {
		e.Node = n.name
	}
	c.trace.lines = append(c.trace.lines, e)
}

// Note adds a line of the caller's to the trace.
func (c *Cluster) Note(text string) { c.note(nil, text) }

// Hash is over every step so far. Two runs of the same options and programs
// have the same; Options.Trace does not change it.
func (c *Cluster) Hash() uint64 { return c.trace.hash }

// Trace is the lines so far, when they are kept.
func (c *Cluster) Trace() []Entry { return c.trace.lines }

// Strategy is what the run was made with, for printing.
func (c *Cluster) Strategy() sched.Strategy { return c.o.Strategy }

// Seed is what the run was made with, for printing.
func (c *Cluster) Seed() uint64 { return c.o.Seed }
