package incident

import (
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/sim"
)

// bads are the beginnings of notes that tell of something going wrong.
var bads = []string{"power cut", "handler crashes", "guard crashes", "handler freezes", "guard freezes", "machine freezes", "session", "isolated",
	"partition", "consul away", "consul elects", "consul agent down", "consul restored", "git key wrong", "sshd down", "dockerd down", "dockerd restarts",
	"driver stalls", "driver down", "event lost", "late "}

// note takes what happened outside a call.
func (s *story) note(now Moment, e sim.Entry) {
	text := s.r.names.short(e.Arg)
	it := item{lane: e.Node, part: handlerPart, kind: kindNote, text: text, from: now}
	fault, isFault := strings.CutPrefix(text, "fault: ")
	switch {
	case text == "write acknowledged":
		return // a tick of the users
	case strings.HasSuffix(text, " thaws") && !s.frozen(now, e.Node):
		return // somebody healed what was well
	case isFault:
		it.kind, it.text = kindFault, strings.Replace(fault, " handler ", " ", 1)
		if e.Node != "" {
			it.text = strings.TrimSpace(strings.TrimPrefix(it.text, e.Node+" "))
		}
	case strings.HasPrefix(text, "operator: "):
		it.kind, it.text = kindAsk, strings.TrimPrefix(text, "operator: ")
	case strings.HasPrefix(text, "scheduler: "):
		it.part, it.kind, it.text, it.about = driverPart, kindCall, "job", text
		s.job(now, e.Node, text)
	case slices.ContainsFunc(bads, func(b string) bool { return strings.HasPrefix(text, b) }):
		it.kind = kindFault
	}
	if e.Node == "" {
		it.part, it.lane = "", users
		if strings.HasPrefix(text, "consul") {
			it.lane = consul
		}
	}
	s.again(it)
	if text == "power cut" || text == "handler crashes" {
		s.torn(now, e.Node)
	}
}

// frozen reports that something of a node stands still at a moment.
func (s *story) frozen(now Moment, node string) bool {
	return slices.ContainsFunc(s.r.Bands, func(b Band) bool {
		return b.Kind == bandFrozen && b.Node == node && b.From.Place <= now.Place && now.Place <= b.To.Place
	})
}

// job draws what the volume driver's own scheduler sends.
func (s *story) job(now Moment, node, text string) {
	_, rest, ok := strings.Cut(text, " replicate:")
	address, name, _ := strings.Cut(rest, " ")
	if to := s.at(address); ok && to != "" {
		s.links = append(s.links, link{from: node, to: to, fromPart: driverPart, toPart: driverPart, begin: now, end: now, kind: "transfer", about: "by schedule: " + name})
	}
}

// at is the node with that address, "" for none.
func (s *story) at(address string) string {
	for _, n := range s.r.Nodes {
		if s.r.Address[n] == address {
			return n
		}
	}
	return ""
}

// torn ends the steps of a handler that has died.
func (s *story) torn(now Moment, node string) {
	for key, i := range s.open {
		if it := &s.items[i]; it.lane == node {
			it.to, it.kind = now, kindCut
			it.about += ", torn off"
			delete(s.open, key)
		}
	}
}

// shown are the calls that have a place on the picture, and their words there.
var shown = map[string]struct{ part, word string }{
	"Guard.Grant": {guardPart, "grant"}, "Guard.Release": {guardPart, "revoke"}, "Warden.Slay": {guardPart, "slay"},
	"Stack.Up": {dockerPart, "up"}, "Stack.Stop": {dockerPart, "stop"}, "Containers.Kill": {dockerPart, "kill"}, "Containers.Remove": {dockerPart, "remove"},
	"Images.Pull": {dockerPart, "pull"}, "Images.Build": {dockerPart, "build"}, "Scripts.Run": {dockerPart, "script"},
	"Snapshots.Take": {driverPart, "snap"}, "Snapshots.Send": {driverPart, "send"}, "Snapshots.Remove": {driverPart, "unsnap"},
	"Volumes.Restore": {driverPart, "restore"}, "Volumes.Remove": {driverPart, "rm vol"}, "Schedules.Set": {driverPart, "sched"},
}

// call takes a port call that has returned.
func (s *story) call(now Moment, e sim.Entry) {
	arg := s.r.names.short(e.Arg)
	about := strings.TrimSpace(e.Call + " " + arg)
	if e.Err != "" {
		about += " → " + s.r.names.short(e.Err)
	}
	if name, ok := strings.CutPrefix(e.Call, "KV.Apply:"); ok {
		s.transaction(now, e, name, about)
		return
	}
	call, ok := shown[e.Call]
	if !ok {
		return
	}
	it := item{lane: e.Node, part: call.part, kind: kindCall, text: call.word, about: about, from: now}
	if e.Err != "" {
		it.kind, it.text = kindCross, "✗ "+call.word
	}
	s.again(it)
	if e.Call == "Snapshots.Send" {
		s.transfer(now, e, about)
	}
	if strings.HasPrefix(e.Call, "Snapshots.") {
		s.moved[e.Node] = now
	}
}

// transaction takes one of the KV that is no mere ack.
func (s *story) transaction(now Moment, e sim.Entry, name, about string) {
	if e.Err == "" {
		switch name {
		case "commit", "abort":
			s.spoke[e.Node+"  outcome"] = now
		case "switching":
			s.spoke[e.Node+"  switching"] = now
		}
	}
	if name == "ack" || name == "bury" {
		if e.Err == "" || strings.Contains(e.Err, "refused") {
			return
		}
	}
	it := item{lane: consul, kind: kindTxn, text: name + " ← " + e.Node, about: about, from: now}
	switch {
	case strings.Contains(e.Err, "refused"):
		it.kind, it.text = kindNo, "✗ "+it.text
	case e.Err != "":
		it.kind, it.text = kindNo, "? "+it.text
	}
	s.again(it)
	s.links = append(s.links, link{from: e.Node, to: consul, fromPart: handlerPart, begin: now, end: now, kind: "apply", about: about})
}

// transfer draws a snapshot on its way: to the node that the step under way
// names, since the last snapshot or transfer of the sender.
func (s *story) transfer(now Moment, e sim.Entry, about string) {
	for _, it := range slices.Backward(s.items) {
		_, to, ok := strings.Cut(it.text, "→ ")
		if it.lane != e.Node || it.part != handlerPart || it.to.Place != 0 || !ok || !slices.Contains(s.r.Nodes, to) {
			continue
		}
		begin := it.from
		if m, known := s.moved[e.Node]; known && m.Place > begin.Place {
			begin = m
		}
		kind := "transfer"
		if e.Err != "" {
			kind = "torn"
		}
		s.links = append(s.links, link{from: e.Node, to: to, fromPart: driverPart, toPart: driverPart, begin: begin, end: now, kind: kind, about: about})
		return
	}
}
