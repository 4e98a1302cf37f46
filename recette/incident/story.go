package incident

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim"
)

// item is one thing that happened, as the picture shows it.
type item struct {
	lane  string // users, consul or a node
	part  string // column of a node's lane
	app   string // short name, "" for none
	kind  string
	text  string
	about string // what there is to say besides
	from  Moment
	to    Moment // of a step; Place 0: it has not ended
	times int
}

// Lanes that are no node, and the columns of a node.
const (
	users  = "users"
	consul = "Consul"

	handlerPart = "handler"
	guardPart   = "guard"
	dockerPart  = "dockerd"
	driverPart  = "driver"
)

// Kinds of items.
const (
	kindCue   = "cue"   // a line of the scenario
	kindAsk   = "ask"   // an operator's request
	kindStep  = "step"  // a step of a plan
	kindWait  = "wait"  // one that waits for another node
	kindBad   = "bad"   // one that did not end well
	kindCut   = "torn"  // one that nobody ended
	kindTxn   = "txn"   // a transaction
	kindNo    = "no"    // one that was not applied, or without an answer
	kindFault = "fault" // what was made to go wrong
	kindWarn  = "warn"  // a warning in a log
	kindNote  = "note"
	kindCall  = "call"
	kindCross = "cross" // a call that failed
)

// link is something that went from one lane to another.
type link struct {
	from, to         string // lanes
	fromPart, toPart string
	begin, end       Moment
	kind             string // transfer, torn, word, apply
	about            string
}

// story is a recording as items.
type story struct {
	r     *Recording
	items []item
	links []link
	open  map[string]int // step under way, by node, app and step
	said  map[string]time.Duration
	last  map[string]int    // last item of a column
	spoke map[string]Moment // when a word was said
	moved map[string]Moment // last snapshot or transfer of a node
}

// tell makes a story of everything that was written down.
func (r *Recording) tell() *story {
	s := &story{r: r, open: map[string]int{}, said: map[string]time.Duration{}, last: map[string]int{}, spoke: map[string]Moment{}, moved: map[string]Moment{}}
	cues := r.Cues
	for i, e := range r.Entries {
		for len(cues) > 0 && cues[0].Place <= i {
			s.cue(cues[0])
			cues = cues[1:]
		}
		now := Moment{Place: i, At: e.At, Step: e.Step}
		switch e.Call {
		case "log":
			s.log(now, e)
		case "":
			s.note(now, e)
		default:
			s.call(now, e)
		}
	}
	for _, c := range cues {
		s.cue(c)
	}
	return s
}

func (s *story) add(it item) int {
	s.items = append(s.items, it)
	i := len(s.items) - 1
	s.last[it.lane+" "+it.part] = i
	return i
}

// again adds it, or counts it with the last one in its column that is the same.
func (s *story) again(it item) {
	if i, ok := s.last[it.lane+" "+it.part]; ok {
		if was := &s.items[i]; was.text == it.text && was.kind == it.kind {
			was.times++
			return
		}
	}
	s.add(it)
}

func (s *story) cue(c Cue) {
	if strings.HasPrefix(c.Text, "#") {
		return
	}
	s.add(item{lane: users, kind: kindCue, text: c.Text, about: fmt.Sprintf("line %d of the scenario", c.Line), from: c.Moment})
}

// fields of log lines that are looked for; a value may hold spaces.
var field = regexp.MustCompile(` (node|app|seq|step|took|err|reason|warning|what|try|project|container|slave|request|prefix|event|name)=`)

// attributes reads a log line: its level, its message and its fields.
func attributes(text string) (level, message string, all map[string]string) {
	level, text, _ = strings.Cut(text, " ")
	all = map[string]string{}
	at := field.FindAllStringSubmatchIndex(text, -1)
	message = text
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		if i == 0 {
			message = text[:m[0]]
		}
		all[text[m[2]:m[3]]] = text[m[1]:end]
	}
	return level, message, all
}

// log takes a line of a handler's or guard's log.
func (s *story) log(now Moment, e sim.Entry) {
	level, message, a := attributes(e.Arg)
	app := s.r.names.short(a["app"])
	key := strings.Join([]string{e.Node, app, a["step"]}, " ")
	switch message {
	case "step":
		kind := kindStep
		if strings.HasPrefix(a["step"], "await ") || strings.HasPrefix(a["step"], "healthy") {
			kind = kindWait
		}
		s.open[key] = s.add(item{lane: e.Node, part: handlerPart, app: app, kind: kind, text: a["step"], about: "operation " + a["seq"], from: now})
	case "step done", "step ended":
		if i, ok := s.open[key]; ok {
			s.ended(i, now, a)
			delete(s.open, key)
			s.words(now, e.Node, app, a["step"], message == "step done")
		}
	default:
		s.warning(now, e, level, message, app, a)
	}
}

// ended closes a step.
func (s *story) ended(i int, now Moment, a map[string]string) {
	it := &s.items[i]
	it.to = now
	it.about += ", took " + a["took"]
	if a["err"] == "" {
		return
	}
	it.about += ": " + s.r.names.short(a["err"])
	if it.kind = kindBad; strings.Contains(a["err"], "has moved") {
		it.kind = kindWait // the operation went on without it
	}
}

// words draws who waited for whose word.
func (s *story) words(now Moment, node, app, step string, done bool) {
	if flag, ok := strings.CutPrefix(step, "announce "); ok && done {
		s.spoke[node+" "+app+" "+flag] = now
	}
	flag, from, ok := strings.Cut(strings.TrimPrefix(step, "await "), " ← ")
	if !ok || !done {
		return
	}
	said, known := s.spoke[from+" "+app+" "+flag]
	if !known {
		said, known = s.spoke[from+"  "+flag]
	}
	if known && from != node {
		s.links = append(s.links, link{from: from, to: node, fromPart: handlerPart, toPart: handlerPart, begin: said, end: now, kind: "word", about: flag + " of " + from + " reaches " + node})
	}
}

func (s *story) warning(now Moment, e sim.Entry, level, message, app string, a map[string]string) {
	text := message
	for _, key := range []string{"reason", "warning", "what", "err"} {
		if a[key] != "" {
			text += ": " + s.r.names.short(a[key])
		}
	}
	kind := kindWarn
	if level == "INFO" {
		kind = kindNote
	}
	if key := e.Node + " " + message; message != "abort" {
		was, known := s.said[key]
		if s.said[key] = e.At; known && e.At-was < time.Minute {
			return
		}
	}
	if e.Process == sim.Guard.String() {
		text = "guard: " + text
	}
	s.add(item{lane: e.Node, part: handlerPart, app: app, kind: kind, text: text, about: level, from: now})
}
