package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// opened is a port call that has not returned.
type opened struct {
	task  *sched.Task
	id    callID
	arg   string
	since time.Duration
}

// shut forgets the call that the running task has returned from.
func (p *process) shut() {
	t := p.c.sched.Current()
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i].task == t {
			p.open = slices.Delete(p.open, i, i+1)
			return
		}
	}
}

// Hanging says which port calls have not returned for longer than most, which
// volumes the driver owes an answer about, and for what daemons are busy.
// Watches, which wait for something to happen, are left out.
func (c *Cluster) Hanging(most time.Duration) (all []string) {
	for _, n := range c.nodes {
		for _, p := range n.proc {
			if p == nil {
				continue
			}
			for _, o := range p.open {
				if since := c.Now() - o.since; since > most && o.id != callWait && o.id != callRecent {
					all = append(all, fmt.Sprintf("%s of %s's %s has not returned for %v", named(c.sites.name(o.id), o.arg), n.name, p.kind, since))
				}
			}
		}
		for _, volume := range slices.Sorted(maps.Keys(n.driver.blocked)) {
			if n.driver.blocked[volume] > 0 {
				all = append(all, fmt.Sprintf("the volume driver of %s owes an answer about %s", n.name, volume))
			}
		}
		if n.working > 0 {
			all = append(all, fmt.Sprintf("daemons of %s are busy with %d things", n.name, n.working))
		}
	}
	return all
}

// named is a call with its argument.
func named(call, arg string) string {
	if arg == "" {
		return call
	}
	return call + " " + arg
}
