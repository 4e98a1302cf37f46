package sim

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

type schedulesPort struct{ p *process }

var _ port.Schedules = schedulesPort{}

func (s schedulesPort) Set(ctx context.Context, volume string, lines []app.Schedule) error {
	f, err := s.p.enter(ctx, callSet, volume)
	if err == nil {
		err = checkVolume(volume)
	}
	if err == nil {
		lines, err = checkLines(volume, lines)
	}
	if err == nil {
		err = s.p.driver(ctx, volume)
	}
	if err == nil {
		err = s.p.put(ctx, f, 0, func() error {
			if s.p.n.full && len(lines) > 0 {
				return port.ErrNoSpace
			}
			s.p.n.setLines(volume, lines)
			return nil
		})
	}
	return s.p.leave(f, callSet, volume, err)
}

// setLines keeps the place of lines that stay; the file's order is the order
// in which jobs run.
func (n *node) setLines(volume string, lines []app.Schedule) {
	d := &n.driver
	kept := d.lines[:0:0]
	for _, l := range d.lines {
		if l.Volume != volume || slices.ContainsFunc(lines, func(x app.Schedule) bool { return x.Action == l.Action }) {
			kept = append(kept, l)
		}
	}
	for _, l := range lines {
		l.Volume = volume
		i := slices.IndexFunc(kept, func(x app.Schedule) bool { return x.Volume == volume && x.Action == l.Action })
		if i < 0 {
			kept = append(kept, l)
			continue
		}
		kept[i] = l
	}
	d.lines = kept
	n.c.changes.Node++
}

func (s schedulesPort) List(ctx context.Context) ([]app.Schedule, error) {
	f, err := s.p.enter(ctx, callSchedules, "")
	if err == nil {
		err = s.p.driver(ctx, "")
	}
	var lines []app.Schedule
	if err == nil {
		lines = s.p.n.driver.schedule()
	}
	return answer(lines, s.p.leave(f, callSchedules, "", err))
}

func (d *driver) schedule() []app.Schedule {
	lines := slices.Clone(d.lines)
	slices.SortFunc(lines, func(a, b app.Schedule) int {
		return cmp.Or(strings.Compare(a.Volume, b.Volume), strings.Compare(a.Action, b.Action))
	})
	return lines
}

// ticker is the driver's own scheduler: a round, then a pause, as long as the
// machine runs.
func (n *node) ticker() {
	if n.ticking == n.machine || n.c.o.Timing.Round <= 0 {
		return
	}
	n.ticking = n.machine
	n.pause()
}

func (n *node) pause() {
	n.round = n.c.sched.At(n.machine, n.c.Now()+n.c.o.Timing.Round, "scheduler", func() { n.work(slices.Clone(n.driver.lines)) })
}

// DriverRound makes node's Buttervolume look at its schedule now.
func (c *Cluster) DriverRound(node string) {
	n := c.node(node)
	if n.up && !n.driver.down {
		for _, l := range slices.Clone(n.driver.lines) {
			if t := n.job(l); t != nil {
				c.later(n, t.took, func() { _ = t.finish() }) // the driver does not read the result
			}
		}
	}
}

// Tick makes every job of node's Buttervolume due and its scheduler look at
// them now, as when an hour has passed since the last time. A round that is
// under way ends first, and a machine that stands still does nothing.
func (c *Cluster) Tick(node string) {
	n := c.node(node)
	if !n.up {
		return
	}
	c.note(n, "scheduler: every job is due")
	clear(n.driver.last)
	if n.round == nil || n.round.Ended() || n.frozen() {
		return
	}
	c.sched.Cancel(n.round)
	n.work(slices.Clone(n.driver.lines))
	c.stepped()
}

// work runs the due jobs in order, a transfer delaying those after it.
func (n *node) work(lines []app.Schedule) {
	for i, l := range lines {
		if n.driver.down {
			break
		}
		t := n.job(l)
		if t == nil {
			continue
		}
		n.c.later(n, t.took, func() {
			_ = t.finish() // the driver does not read the result
			n.work(lines[i+1:])
		})
		return
	}
	n.pause()
}

// job runs one line if it is due. It returns a transfer that has begun.
func (n *node) job(l app.Schedule) *transfer {
	d := &n.driver
	key, now := l.Action+" "+l.Volume, n.local()
	last, known := d.last[key]
	if !known {
		last = now.Add(-24 * time.Hour)
		d.last[key] = last
	}
	if l.Paused || now.Before(last.Add(time.Duration(l.Minutes)*time.Minute)) {
		return nil
	}
	action, arg, _ := strings.Cut(l.Action, ":")
	var t *transfer
	switch action {
	case "purge":
		n.purge(l.Volume, arg, now)
	case "snapshot", "replicate":
		s, err := n.take(l.Volume)
		if err != nil {
			return nil // tried again in the next round
		}
		n.c.note(n, "scheduler: "+l.Action+" "+s.Name)
		if action == "replicate" {
			t, _ = n.send(s.Name, arg)
			if t.to == nil || t.part == nil {
				t = nil
			}
		}
	}
	d.last[key] = now
	return t
}
