package swarm

import (
	"fmt"
	"time"
)

// faultKinds are what goes wrong.
func faultKinds() []kind {
	return []kind{
		{"calls", (*run).call},
		{"transfers", (*run).transfer},
		{"crashes at a call", (*run).crashAtCall},
		{"power cuts at a call", (*run).cutAtCall},
		{"something at a call", (*run).hook},
		{"link loss", (*run).loss},
		{"latency", (*run).latency},
		{"crashes", (*run).crash},
		{"guards", (*run).guard},
		{"power", (*run).power},
		{"pauses", (*run).pause},
		{"partitions", (*run).partition},
		{"one channel", (*run).channel},
		{"elections", func(r *run, at time.Duration) {
			r.timeline.at(at, "consul elects %v", r.span(time.Second, time.Minute))
		}},
		{"consul", func(r *run, at time.Duration) { r.during(at, time.Second, 10*time.Minute, "consul down", "consul up") }},
		{"sessions", func(r *run, at time.Duration) { r.timeline.at(at, "session %s", r.node()) }},
		{"git", func(r *run, at time.Duration) { r.part(at, "git", "down") }},
		{"docker", func(r *run, at time.Duration) { r.part(at, "docker", "down") }},
		{"driver", func(r *run, at time.Duration) { r.part(at, "driver", one(r.dice, []string{"down", "stall"})) }},
		{"disk", func(r *run, at time.Duration) { r.part(at, "disk", "full") }},
		{"agents", func(r *run, at time.Duration) { r.part(at, "agent", "down") }},
		{"events", (*run).gossip},
		{"redelivery", func(r *run, at time.Duration) { r.timeline.at(at, "redeliver at once") }},
		{"clocks", (*run).clock},
		{"summer time", (*run).summer},
		{"drift", (*run).drift},
		{"scheduler", (*run).scheduler},
		{"hands", (*run).hand},
	}
}

// during does something, and undoes it after a time.
func (r *run) during(at, least, most time.Duration, do, undo string) {
	r.timeline.at(at, "%s", do)
	r.timeline.at(at+r.span(least, most), "%s", undo)
}

// part breaks a part of a node for a time.
func (r *run) part(at time.Duration, what, how string) {
	n := r.node()
	r.during(at, time.Second, 5*time.Minute, fmt.Sprintf("fault %s %s %s", n, what, how), fmt.Sprintf("fault %s %s up", n, what))
}

// crash ends a handler; sometimes it is back at once, sometimes not for long.
func (r *run) crash(at time.Duration) {
	n := r.node()
	r.during(at, time.Second, 10*time.Minute, "crash "+n, "start "+n)
}

// guard is a guard that stumbles: its unit starts it again.
func (r *run) guard(at time.Duration) {
	n := r.node()
	if r.chance(50) {
		r.timeline.at(at, "fault %s %s %s guard maybe", n, one(r.dice, []string{"Warden.Touch", "Guard.List", "Containers.Kill"}),
			one(r.dice, []string{"error", "crash-before", "crash-after"}))
		return
	}
	r.during(at, 200*time.Millisecond, 3*time.Second, "freeze "+n+" guard", "thaw "+n+" guard")
}

func (r *run) power(at time.Duration) {
	n := r.node()
	r.during(at, time.Second, 10*time.Minute, "plug "+n, "boot "+n)
}

// pause freezes a handler or a whole machine.
func (r *run) pause(at time.Duration) {
	what := r.node() + one(r.dice, []string{" handler", ""})
	r.during(at, time.Second, 5*time.Minute, "freeze "+what, "thaw "+what)
}

// partition cuts a node off, from all or from one.
func (r *run) partition(at time.Duration) {
	ends := r.node()
	if r.chance(50) {
		ends += " " + one(r.dice, []string{r.other(ends), "outside"})
	}
	r.during(at, time.Second, 10*time.Minute, "cut "+ends, "join "+ends)
}

// channel cuts one kind of traffic.
func (r *run) channel(at time.Duration) {
	n := r.node()
	ends := fmt.Sprintf("%s %s %s", n, r.other(n), one(r.dice, []string{"gossip", "ssh", "http"}))
	if r.chance(40) {
		ends = fmt.Sprintf("%s outside %s", n, one(r.dice, []string{"consul", "git", "http"}))
	}
	r.during(at, time.Second, 10*time.Minute, "cut "+ends, "join "+ends)
}

func (r *run) gossip(at time.Duration) {
	r.during(at, time.Minute, 20*time.Minute, fmt.Sprintf("gossip lose %d repeat %d delay %d most %v",
		r.between(0, 60), r.between(0, 60), r.between(0, 80), r.span(time.Second, 2*time.Minute)), "gossip")
}

// clock lets a wall clock jump: forward, back, by an hour or by days.
func (r *run) clock(at time.Duration) {
	n := r.node()
	jump := one(r.dice, []time.Duration{time.Hour, -time.Hour, 59 * time.Minute, -5 * time.Minute, 26 * time.Hour, -26 * time.Hour, 720 * time.Hour})
	r.during(at, time.Second, 10*time.Minute, fmt.Sprintf("skew %s %v", n, jump), fmt.Sprintf("skew %s 0s", n))
}

// summer time begins, or ends, on every node at once, as it does.
func (r *run) summer(at time.Duration) {
	from, to := time.Hour, time.Duration(0)
	if r.chance(50) {
		from, to = to, from
	}
	for _, n := range r.nodes {
		r.clocks = append(r.clocks, fmt.Sprintf("zone %s %v", n, from))
		r.timeline.at(at, "zone %s %v", n, to)
	}
}

func (r *run) drift(time.Duration) {
	r.clocks = append(r.clocks, fmt.Sprintf("drift %s %d", r.node(), r.between(1, 10_000)))
}

// scheduler is Buttervolume's own, a few times close together or alone.
func (r *run) scheduler(at time.Duration) {
	for range r.between(1, 4) {
		r.timeline.at(at, "tick %s", r.node())
		at = r.soon(at)
	}
}

// hand is a person who stops containers, or leaves something in the KV, and
// puts it right at rest.
func (r *run) hand(at time.Duration) {
	a := r.app()
	switch r.Intn(4) {
	case 0:
		r.timeline.at(at, "docker stop %s %s", a.at.master, a.short)
		r.put.later(fmt.Sprintf("docker start %s %s", a.at.master, a.short))
	case 1:
		r.timeline.at(at, "docker start %s %s", r.node(), a.short)
	case 2:
		r.timeline.at(at, "put maintenance/%s mine", a.short)
		r.put.later("put maintenance/" + a.short)
	default:
		key := one(r.dice, []string{"request/mine", "operation/mine", "history/mine", "note/mine", "swarm/mine"})
		r.timeline.at(at, "put %s nonsense", key)
		r.put.later("put " + key)
	}
}
