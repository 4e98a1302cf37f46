package recette

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/sim"
)

// Line is one thing that happened, ready to be shown.
type Line struct {
	At   time.Duration
	Node string // "" for the world
	Text string
	Bad  bool // a step that failed, a fault, a warning
	// Nodes is how each node stands for the application that the line is
	// about, in the order of the nodes' names.
	Nodes []Glance
}

// Glance is a node at a glance, for one application.
type Glance struct {
	Node    string
	Role    app.Role // by the record
	State   string   // of its containers or of the machine: "up", "start", "down", "frozen", "off"; "" none
	Handler bool     // its handler runs
	Live    bool     // Records are in live volumes, else in the newest whole snapshot
	Records int      // -1: no copy
}

// States of Glance.
const (
	Up       = "up"
	Starting = "start"
	Down     = "down"
	Frozen   = "frozen"
	Off      = "off"
)

// listener turns the trace into lines.
type listener struct {
	read  int    // entries of the trace
	about string // short name of the application of the last line
	count int    // lines told
	said  map[string]time.Duration
}

// Flush tells what has happened since the last time.
func (s *Scene) Flush(ctx context.Context) {
	for trace := s.Trace(); s.hear.read < len(trace); s.hear.read++ {
		e := trace[s.hear.read]
		text, bad := s.words(e)
		if text == "" {
			continue
		}
		s.hear.count++
		if s.set.Tell != nil {
			s.set.Tell(Line{At: e.At, Node: e.Node, Text: text, Bad: bad, Nodes: s.glances(ctx)})
		}
	}
}

// say tells something that is not in the trace.
func (s *Scene) say(ctx context.Context, format string, args ...any) {
	s.Flush(ctx)
	if s.set.Tell != nil {
		s.set.Tell(Line{At: s.Now(), Text: fmt.Sprintf(format, args...), Nodes: s.glances(ctx)})
	}
}

// words is an entry for people; "" when it is not worth a line.
func (s *Scene) words(e sim.Entry) (text string, bad bool) {
	switch {
	case e.Call == "log":
		return s.wordsOfLog(e)
	case e.Call == "":
		return s.wordsOfNote(e)
	case s.set.Calls:
		text = strings.TrimSpace(e.Call + " " + e.Arg)
		if e.Process == sim.Guard.String() {
			text = "guard: " + text
		}
		if e.Err != "" {
			text += " → " + e.Err
		}
		return text, e.Err != ""
	case e.Err == "" && strings.HasPrefix(e.Call, "KV.Apply:"):
		switch name := strings.TrimPrefix(e.Call, "KV.Apply:"); name {
		case "begin", "adopt", "refuse":
			return "transaction: " + name, false
		}
	}
	return "", false
}

func (s *Scene) wordsOfNote(e sim.Entry) (string, bool) {
	text := e.Arg
	if text == "write acknowledged" {
		return "", false
	}
	if strings.HasPrefix(text, "fault: ") {
		if text = strings.Replace(text, " handler ", " ", 1); s.repeated(e, text, "") {
			return "", false
		}
	}
	return s.short(text), !strings.HasPrefix(text, "operator:")
}

// quiet are log messages that repeat what a line before them said.
var quiet = []string{"step done", "no presence", "cannot follow", "ack without an answer", "no answer, trying again", "pass ended early", "request refused"}

func (s *Scene) wordsOfLog(e sim.Entry) (string, bool) {
	level, rest, _ := strings.Cut(e.Arg, " ")
	message, attrs := rest, map[string]string{}
	if i := strings.Index(rest, " node="); i >= 0 {
		message, attrs = rest[:i], attributes(rest[i:])
	}
	if level == "INFO" && slices.Contains(quiet, message) {
		return "", false
	}
	text := message
	switch message {
	case "step":
		text = attrs["step"]
	case "step ended":
		text = attrs["step"] + " ended: " + attrs["err"]
		if strings.Contains(attrs["err"], "has moved") {
			return "", false
		}
	default:
		for _, key := range []string{"reason", "warning", "what", "err"} {
			if attrs[key] != "" {
				text += ": " + attrs[key]
			}
		}
	}
	if s.repeated(e, message, level) {
		return "", false
	}
	if name := attrs["app"]; name != "" {
		s.about(name)
		if len(s.apps) > 1 {
			text = s.hear.about + ": " + text
		}
	}
	if e.Process == sim.Guard.String() {
		text = "guard: " + text
	}
	return s.short(text), level != "INFO"
}

// repeated drops warnings that say the same again within a minute.
func (s *Scene) repeated(e sim.Entry, message, level string) bool {
	if level == "INFO" || message == "step ended" || s.set.Calls {
		return false
	}
	if s.hear.said == nil {
		s.hear.said = map[string]time.Duration{}
	}
	key := e.Node + " " + message
	last, known := s.hear.said[key]
	s.hear.said[key] = e.At
	return known && e.At-last < time.Minute
}

// about makes name the application of the columns.
func (s *Scene) about(name string) {
	for _, c := range s.apps {
		if c.Name() == name {
			s.hear.about = c.short
		}
	}
}

// short writes short names for those of the KV.
func (s *Scene) short(text string) string {
	for _, c := range s.apps {
		text = strings.ReplaceAll(text, c.Name(), c.short)
		text = strings.ReplaceAll(text, c.Project()+"_", c.short+"_")
	}
	return strings.ReplaceAll(text, "@2026-01-01T", "@") // the first day of every run
}

// attributes reads " key=value" pairs of a log line; values may hold spaces.
func attributes(text string) map[string]string {
	all := map[string]string{}
	key := ""
	for word := range strings.SplitSeq(strings.TrimSpace(text), " ") {
		k, v, ok := strings.Cut(word, "=")
		if ok && slices.Contains([]string{"node", "app", "seq", "step", "took", "err", "reason", "warning", "what", "try", "project", "container", "slave", "request", "prefix", "event", "name"}, k) {
			key = k
			all[key] = v
			continue
		}
		all[key] += " " + word
	}
	return all
}

// glances is every node for the application that is talked about.
func (s *Scene) glances(ctx context.Context) (all []Glance) {
	var a app.App
	for _, c := range s.apps {
		if c.short == s.hear.about || s.hear.about == "" {
			a = c.App
		}
	}
	seen, placed := s.Glimpse(ctx, a)
	for _, n := range s.Nodes() {
		g := glance(seen[n], a.Project(), placed.Role(n))
		g.Node = n
		all = append(all, g)
	}
	return all
}

func glance(o sim.Observation, project string, role app.Role) Glance {
	g := Glance{Node: o.Node, Role: role, Handler: o.Handler, Records: -1}
	running, serving := 0, slices.Contains(o.Serving, project)
	present := 0
	for _, c := range o.Containers {
		if c.Project == project {
			present++
			if c.Running {
				running++
			}
		}
	}
	switch {
	case !o.Powered:
		g.State = Off
	case o.Frozen:
		g.State = Frozen
	case running > 0 && serving:
		g.State = Up
	case running > 0:
		g.State = Starting
	case present > 0:
		g.State = Down
	}
	for _, sn := range o.Snapshots {
		if strings.HasPrefix(sn.Volume, project+"_") && sn.Complete {
			g.Records = len(sn.Records) // sorted by name: the last is the newest
		}
	}
	for _, v := range o.Volumes {
		if strings.HasPrefix(v.Name, project+"_") {
			g.Live, g.Records = true, len(v.Records)
		}
	}
	return g
}
