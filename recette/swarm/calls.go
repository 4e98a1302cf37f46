package swarm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/sim"
)

// own are the ports of what the handler has in its own hands, memory and disk:
// a call of theirs fails or is slow, but nobody else finishes it later.
func own() []string { return []string{"Guard", "Journal", "Checkouts", "Edge", "Scripts"} }

// calls lists those of handlers at which something can happen.
func calls() (all []string) {
	for _, c := range sim.Calls() {
		if !strings.HasPrefix(c, "Warden.") && c != "Presence.Leave" && c != "Journal.Forget" {
			all = append(all, c)
		}
	}
	return append(all, "KV.Apply", "KV.Apply:begin", "KV.Apply:ack", "KV.Apply:switching", "KV.Apply:commit", "KV.Apply:abort", "KV.Apply:close")
}

// nth is how many of such calls pass before it is struck: there are many of
// Consul's, and few of the others'.
func (r *run) nth(call string) string {
	most := 3
	if strings.HasPrefix(call, "KV.") && !strings.Contains(call, ":") {
		most = 60
	}
	if n := r.between(1, most); n > 1 {
		return fmt.Sprintf(" nth %d", n)
	}
	return ""
}

// call strikes one call, or several in a row.
func (r *run) call(at time.Duration) {
	for range r.between(1, 4) {
		c := one(r.dice, calls())
		port, _, _ := strings.Cut(c, ".")
		phases := []string{"error", "slow"}
		if !slices.Contains(own(), port) {
			phases = []string{"error", "slow", "lost", "hang", "late"}
		}
		phase := one(r.dice, phases)
		line := fmt.Sprintf("fault %s %s %s%s", r.node(), c, phase, r.nth(c))
		switch phase {
		case "slow", "hang", "late":
			line += fmt.Sprintf(" for %v", r.span(100*time.Millisecond, 2*time.Minute))
		default:
			if r.chance(30) {
				line += fmt.Sprintf(" times %d", r.between(2, 5))
			}
		}
		r.timeline.at(at, "%s maybe", line)
	}
}

// transfer lets sends go wrong.
func (r *run) transfer(at time.Duration) {
	r.timeline.at(at, "fault %s Snapshots.Send %s nth %d times %d for %v maybe", r.node(),
		one(r.dice, []string{"half", "half", "lost", "error", "late", "slow"}), r.between(1, 4), r.between(1, 3), r.span(time.Second, time.Minute))
}

// crashAtCall ends a handler at a call; its unit starts it again.
func (r *run) crashAtCall(at time.Duration) {
	c := one(r.dice, calls())
	r.timeline.at(at, "fault %s %s %s%s down %v maybe", r.node(), c, one(r.dice, []string{"crash-before", "crash-after"}), r.nth(c),
		r.span(time.Second, 2*time.Minute))
}

// cutAtCall takes the power of a node at a call.
func (r *run) cutAtCall(at time.Duration) {
	c := one(r.dice, calls())
	r.timeline.at(at, "fault %s %s %s%s down %v maybe", r.node(), c, one(r.dice, []string{"power-before", "power-after"}), r.nth(c),
		r.span(time.Second, 5*time.Minute))
}

// hook does something to any node just when a call is made.
func (r *run) hook(at time.Duration) {
	n := r.node()
	command := one(r.dice, []string{
		"tick " + n, "session " + n, "cut " + n, "crash " + n, "plug " + n, "redeliver at once", "consul elects 12s",
		"cut " + n + " outside consul", "freeze " + n + " handler", "fault " + n + " disk full", "destroy " + r.app().short,
		fmt.Sprintf("deploy %s %s", r.app().short, r.place()),
	})
	c := one(r.dice, calls())
	r.timeline.at(at, "fault %s %s hook%s maybe then %s", r.node(), c, r.nth(c), command)
}

// loss is a bad link to Consul: some calls get no answer, done or not.
func (r *run) loss(at time.Duration) {
	n, percent := r.node(), r.between(1, 20)
	for _, phase := range some(r.dice, []string{"error", "lost", "late"}, r.between(1, 3)) {
		r.timeline.at(at, "fault %s KV.* %s percent %d times ever for %v maybe", n, phase, percent, r.span(time.Second, 30*time.Second))
	}
}

// latency is a slow link to Consul.
func (r *run) latency(at time.Duration) {
	n, percent := r.node(), r.between(10, 90)
	for _, port := range few(r.dice, []string{"KV.*", "Presence.*", "Members.*", "Edge.*"}, 70) {
		r.timeline.at(at, "fault %s %s slow percent %d times ever for %v maybe", n, port, percent, r.span(50*time.Millisecond, 4*time.Second))
	}
}
