package swarm

import (
	"fmt"
	"time"
)

// requestKinds are what people ask for, alone and in each other's way.
func requestKinds() []kind {
	return []kind{
		{"move", func(r *run, at time.Duration) { r.deploy(at, r.app(), r.place(), "") }},
		{"redeploy", func(r *run, at time.Duration) { a := r.app(); r.deploy(at, a, a.at, r.update()) }},
		{"swap", func(r *run, at time.Duration) { r.swap(at, r.app()) }},
		{"bad release", (*run).badRelease},
		{"destroy", func(r *run, at time.Duration) { r.ask(at, "destroy %s", r.app().short) }},
		{"destroy by force", func(r *run, at time.Duration) { r.ask(at, "destroy %s force", r.app().short) }},
		{"migrate", func(r *run, at time.Duration) { r.migrate(at, r.app(), r.app()) }},
		{"failover", func(r *run, at time.Duration) { r.deploy(at, r.app(), r.place(), " failover") }},
		{"lost master", (*run).lostMaster},
		{"event", (*run).event},
		{"same twice", (*run).twice},
		{"opposite wishes", (*run).opposite},
		{"swap while swapping", (*run).swaps},
		{"destroy during deploy", (*run).destroyed},
		{"deploy during migrate", (*run).disturbed},
		{"migrates that cross", (*run).crossing},
		{"one domain", (*run).oneDomain},
	}
}

// ask adds a request whose event is fired anywhere.
func (r *run) ask(at time.Duration, format string, args ...any) {
	r.timeline.at(at, "%s at %s", fmt.Sprintf(format, args...), r.node())
}

// deploy asks for an application at p, and remembers that it was.
func (r *run) deploy(at time.Duration, a *application, p place, flags string) {
	a.at = p
	r.ask(at, "deploy %s %s%s", a.short, p, flags)
}

// update is the flag, sometimes.
func (r *run) update() string {
	if r.chance(40) {
		return " update"
	}
	return ""
}

// soon is a moment in which what was asked for before is under way.
func (r *run) soon(at time.Duration) time.Duration {
	return at + r.span(10*time.Millisecond, 30*time.Second)
}

func (r *run) swap(at time.Duration, a *application) {
	if a.at.slave == "" {
		a.at.slave = r.other(a.at.master)
	}
	r.deploy(at, a, a.at.swapped(), r.update())
}

func (r *run) migrate(at time.Duration, source, target *application) {
	if source != target {
		r.ask(at, "migrate %s %s%s", source.short, target.short, r.update())
	}
}

// badRelease pushes a commit that does something of its own, and deploys it.
func (r *run) badRelease(at time.Duration) {
	a := r.app()
	how := one(r.dice, []string{"exits", "unhealthy", "update-fails", "migrate-fails", "build-fails", "pull-fails", "slow", "slow", "slow"})
	r.timeline.at(at, "push %s %s%s", how, a.short, a.from())
	r.deploy(at, a, one(r.dice, []place{a.at, r.place()}), r.update())
	r.timeline.at(at+r.span(5*time.Second, 10*time.Minute), "push good %s%s", a.short, a.from())
}

// oneDomain is two applications that want the same name at the same time.
func (r *run) oneDomain(at time.Duration) {
	wanted := one(r.dice, []string{"a.example.net", "A.Example.net", "*.example.net"})
	for range 2 {
		a := r.app()
		r.timeline.at(at, "push good %s%s domain %s.example.com,%s", a.short, a.from(), a.short, wanted)
		r.deploy(at, a, one(r.dice, []place{a.at, r.place()}), r.update())
		at += r.span(time.Millisecond, 5*time.Second)
	}
}

// lostMaster is a master whose power is gone, the failover to its slave, and
// its return.
func (r *run) lostMaster(at time.Duration) {
	a := r.app()
	old := a.at
	if old.slave == "" {
		return
	}
	r.timeline.at(at, "plug %s", old.master)
	at += r.span(20*time.Second, 3*time.Minute)
	next := place{master: old.slave}
	if r.chance(50) {
		next.slave = r.other(next.master)
	}
	r.deploy(at, a, next, " failover")
	r.timeline.at(at+r.span(10*time.Second, 10*time.Minute), "boot %s", old.master)
}

// event is the documented event, whose payload is the request.
func (r *run) event(at time.Duration) {
	a := r.app()
	if r.chance(20) {
		r.ask(at, "event destroy %s", a.short)
		return
	}
	a.at = r.place()
	r.ask(at, "event deploy %s %s", a.short, a.at)
}

// twice is an operator who does not believe that it was heard.
func (r *run) twice(at time.Duration) {
	a, p := r.app(), r.place()
	r.deploy(at, a, p, "")
	r.deploy(r.soon(at), a, p, "")
}

// opposite are two operators who want the application elsewhere.
func (r *run) opposite(at time.Duration) {
	a := r.app()
	r.deploy(at, a, r.place(), "")
	r.deploy(r.soon(at), a, r.place(), r.update())
}

func (r *run) swaps(at time.Duration) {
	a := r.app()
	r.swap(at, a)
	r.swap(r.soon(at), a)
}

func (r *run) destroyed(at time.Duration) {
	a := r.app()
	r.deploy(at, a, r.place(), "")
	r.ask(r.soon(at), "destroy %s", a.short)
	if r.chance(50) {
		r.deploy(r.soon(r.soon(at)), a, r.place(), "")
	}
}

func (r *run) disturbed(at time.Duration) {
	source, target := r.app(), r.app()
	r.migrate(at, source, target)
	r.deploy(r.soon(at), one(r.dice, []*application{source, target}), r.place(), "")
}

func (r *run) crossing(at time.Duration) {
	x, y := r.app(), r.app()
	r.migrate(at, x, y)
	r.migrate(r.soon(at), y, x)
}
