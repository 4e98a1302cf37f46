package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim/sched"
)

func listVolumes(p *player, d *deed, was, is []string, v *verdict) {
	p.names(d, "volume", was, is, v, func(name string) { p.c.SetVolume(d.Node, name) }, func(name string) { p.c.node(d.Node).unlive(name) })
}

// took pairs a new snapshot's name and uuid.
func took(p *player, d *deed, was, is app.Snapshot, v *verdict) {
	if was.Volume != is.Volume || was.Host != is.Host || (was.Received == "") != (is.Received == "") || was.ReadOnly != is.ReadOnly {
		v.differs("snapshot: recorded %+v, the fake makes %+v", was, is)
		return
	}
	v.takes = append(v.takes, take{do: func() { p.seen["taken "+was.Name] = true }})
	p.draw(d.Node, was, is, v)
}

// draw gives the fake's snapshot the name and the uuid that the real one drew.
func (p *player) draw(node string, was, is app.Snapshot, v *verdict) {
	switch {
	case was.Name != is.Name && (p.drawn[is.Name] || p.drawn[was.Name+" "+node]):
		v.differs("snapshot %s: the fake has it as %s, which is another one", was.Name, is.Name)
	case was.UUID != is.UUID && (p.drawn[is.UUID] || p.drawn[was.UUID]):
		v.differs("snapshot %s: recorded uuid %s, the fake's stands for another one", was.Name, was.UUID)
	case was.Received != is.Received && (p.drawn[is.Received] || p.drawn[was.Received]):
		v.differs("snapshot %s: recorded as received from %s, the fake's is from another one", was.Name, was.Received)
	case was != is || !p.drawn[was.Name+" "+node]:
		v.takes = append(v.takes, take{do: func() { p.rename(node, was, is) }})
	}
}

func (p *player) rename(node string, was, is app.Snapshot) {
	p.drawn[was.Name], p.drawn[was.Name+" "+node], p.drawn[was.UUID] = true, true, true
	for _, n := range p.c.nodes {
		for _, s := range n.driver.snaps {
			if n.name == node && s.Name == is.Name {
				s.Name = was.Name
			}
			if s.UUID == is.UUID {
				s.UUID = was.UUID
			}
			if was.Received != "" && s.UUID == is.Received {
				s.UUID = was.Received
			}
			switch s.Received {
			case "":
			case is.UUID:
				s.Received = was.UUID
			case is.Received:
				s.Received = was.Received
			}
		}
	}
	if was.Received != "" {
		p.drawn[was.Received] = true
	}
	d := &p.c.node(node).driver
	slices.SortFunc(d.snaps, func(a, b *snapshot) int { return strings.Compare(a.Name, b.Name) })
}

// listSnapshots pairs what has a recorded name by it, the rest in order.
func listSnapshots(p *player, d *deed, was, is []app.Snapshot, v *verdict) {
	volume := arg[string](p, d, 0)
	left := slices.Clone(is)
	var open []app.Snapshot
	for _, w := range was {
		i := slices.IndexFunc(left, func(s app.Snapshot) bool { return s.Name == w.Name })
		if i < 0 {
			open = append(open, w)
			continue
		}
		p.compareSnapshot(d, w, left[i], v)
		left = slices.Delete(left, i, i+1)
	}
	for _, w := range open {
		i := slices.IndexFunc(left, func(s app.Snapshot) bool { return s.Volume == w.Volume && s.Host == w.Host && !p.drawn[s.Name] })
		switch {
		case i >= 0:
			p.compareSnapshot(d, w, left[i], v)
			left = slices.Delete(left, i, i+1)
		case p.knows("snapshot", d.Node, w.Volume) && p.scheduled(d, w):
			v.takes = append(v.takes, take{why: "snapshot of the driver's schedule", nature: true, do: func() { p.foundSnapshot(d.Node, w) }})
		default:
			p.found(d, v, "snapshot", w.Volume, w.Name, func() { p.foundSnapshot(d.Node, w) })
		}
	}
	for _, s := range left {
		purge := func() { p.c.node(d.Node).driver.unsnap(s.Name) }
		switch {
		case p.line(d.Node, s.Volume, "purge") && p.aged(d, s):
			v.takes = append(v.takes, take{why: "snapshot purged by the driver's schedule", nature: true, do: purge})
		case s.Host != "" && p.line(d.Node, s.Volume, "replicate:"+s.Host) && slices.ContainsFunc(was, func(w app.Snapshot) bool {
			return w.Volume == s.Volume && w.Host == s.Host && w.Name > s.Name
		}):
			v.takes = append(v.takes, take{why: "marker replaced by the driver's schedule", nature: true, do: purge})
		default:
			p.missing(d, v, "snapshot", s.Name, purge)
		}
	}
	p.looked(d, v, "snapshot", volume)
}

// aged reports that a purge may have taken s: none touches what is younger
// than the smallest part of its pattern.
func (p *player) aged(d *deed, s app.Snapshot) bool {
	_, date, _ := strings.Cut(strings.TrimSuffix(s.Name, "@"+s.Host), "@")
	made, err := time.Parse(dateForm, date)
	if err != nil {
		return false
	}
	age := time.Unix(0, int64(d.end)).Add(p.seed.zone).Sub(made)
	return slices.ContainsFunc(p.c.node(d.Node).driver.lines, func(l app.Schedule) bool {
		pattern, purge := strings.CutPrefix(l.Action, "purge:")
		parts := components(pattern)
		return purge && l.Volume == s.Volume && len(parts) > 0 && age >= time.Duration(parts[0])*time.Minute
	})
}

func (p *player) compareSnapshot(d *deed, was, is app.Snapshot, v *verdict) {
	replace := func() {
		p.c.node(d.Node).driver.unsnap(is.Name)
		p.foundSnapshot(d.Node, was)
	}
	if was.ReadOnly != is.ReadOnly && p.seen["touched snapshot "+d.Node] {
		v.takes = append(v.takes, take{why: "snapshot that somebody changed", do: replace})
		return
	}
	if was.ReadOnly && !is.ReadOnly && is.Received == "" && p.scheduled(d, was) {
		v.takes = append(v.takes, take{why: "transfer of the driver's schedule", nature: true, do: replace})
		return
	}
	if was.ReadOnly != is.ReadOnly || (was.Received == "") != (is.Received == "") {
		v.differs("snapshot %s: recorded read-only %v, received %q; the fake has %v, %q", was.Name, was.ReadOnly, was.Received, is.ReadOnly, is.Received)
		return
	}
	p.draw(d.Node, was, is, v)
}

func (p *player) foundSnapshot(node string, w app.Snapshot) {
	p.drawn[w.Name], p.drawn[w.Name+" "+node], p.drawn[w.UUID] = true, true, true
	if w.Received != "" {
		p.drawn[w.Received] = true
	}
	p.c.node(node).driver.add(&snapshot{Snapshot: w})
}

// line reports that the schedule of node has, or has had, a line of volume for
// that action.
func (p *player) line(node, volume, action string) bool {
	return p.seen[scheduleOf(node, volume, action)] || slices.ContainsFunc(p.c.node(node).driver.lines, func(l app.Schedule) bool {
		return l.Volume == volume && (l.Action == action || strings.HasPrefix(l.Action, action+":"))
	})
}

func scheduleOf(node, volume, action string) string {
	kind, _, _ := strings.Cut(action, ":")
	if kind == "purge" {
		action = kind
	}
	return "schedule of " + node + " " + volume + " " + action
}

// beforeSet remembers the lines that go: what they made may be seen later.
func beforeSet(p *player, d *deed) []take {
	volume := arg[string](p, d, 0)
	return []take{{do: func() {
		for _, l := range p.c.node(d.Node).driver.lines {
			if l.Volume == volume {
				p.seen[scheduleOf(d.Node, volume, l.Action)] = true
			}
		}
	}}}
}

// scheduled reports that the driver may have made w by itself: a snapshot or a
// marker by a line of its own, a copy by a line of another node.
func (p *player) scheduled(d *deed, w app.Snapshot) bool {
	name, marker := strings.CutSuffix(w.Name, "@"+w.Host)
	switch {
	case p.seen["taken "+name]: // the schedule sends only what it takes itself
		return false
	case w.Host != "":
		return marker && p.line(d.Node, w.Volume, "replicate:"+w.Host)
	}
	here := p.c.node(d.Node)
	if w.Received == "" && w.ReadOnly {
		return p.line(d.Node, w.Volume, "snapshot") || slices.ContainsFunc(p.c.nodes, func(n *node) bool {
			return p.line(d.Node, w.Volume, "replicate:"+n.address)
		})
	}
	return slices.ContainsFunc(p.c.nodes, func(n *node) bool {
		s := n.driver.snap(w.Name)
		same := s == nil || w.Received == "" || s.Origin() == w.Received || !p.drawn[s.UUID]
		return n != here && same && p.line(n.name, w.Volume, "replicate:"+here.address)
	})
}

func sendSnapshot(ctx context.Context, w port.World, p *player, d *deed) error {
	return w.Snapshots.Send(ctx, arg[string](p, d, 0), arg[string](p, d, 1))
}

// half begins a transfer: what has arrived is a part.
func (p *player) half(d *deed) {
	set(p, &d.begun, true)
	step := func() {
		f := &flight{}
		d.flight = f
		p.c.o.Timing.Send = time.Hour
		p.c.Shell(d.Node, "playback", func(ctx context.Context, w port.World) {
			f.err = sendSnapshot(ctx, w, p, d)
			f.done = true
		})
		busy := p.c.busy
		if err := p.c.Run(func() bool { return f.done || p.c.busy > busy }); err != nil && !errors.Is(err, sched.ErrIdle) {
			p.fail(err)
		}
		p.c.o.Timing.Send = time.Millisecond
	}
	step()
	p.did(step)
	p.retest()
}

// sending makes a transfer, or what is left of it.
func sending(p *player, d *deed) (v verdict) {
	if !d.begun {
		return acting(sendSnapshot)(p, d)
	}
	if err := p.c.Run(func() bool { return d.flight.done }); err != nil {
		v.differs("the fake never answers: %v", err)
		return v
	}
	outcome(d, d.flight.err, &v)
	return v
}

func listSchedules(p *player, d *deed, was, is []app.Schedule, v *verdict) {
	for _, w := range was {
		if !slices.Contains(is, w) {
			p.found(d, v, "schedule", "", fmt.Sprintf("%+v", w), func() {
				n := p.c.node(d.Node)
				n.driver.lines = append(n.driver.lines, w)
			})
		}
	}
	for _, s := range is {
		if !slices.Contains(was, s) {
			p.missing(d, v, "schedule", fmt.Sprintf("%+v", s), func() {
				n := p.c.node(d.Node)
				n.driver.lines = slices.DeleteFunc(n.driver.lines, func(l app.Schedule) bool { return l == s })
			})
		}
	}
	p.looked(d, v, "schedule", "")
}
