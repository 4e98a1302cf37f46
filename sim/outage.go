package sim

import (
	"slices"
	"time"
)

// ConsulAway says whether Consul's servers answer anybody.
func (c *Cluster) ConsulAway(away bool) {
	c.note(nil, map[bool]string{true: "consul away", false: "consul back"}[away])
	c.kv.away = away
	c.kv.disturb()
}

// LoseSession ends the Consul sessions of node at once.
func (c *Cluster) LoseSession(node string) {
	n := c.node(node)
	c.note(n, "session lost")
	for _, x := range slices.Clone(c.kv.sessions) {
		if x.p.n == n {
			c.kv.drop(x)
		}
	}
	c.stepped()
}

// AgentDown says whether node's own Consul agent answers. One that is down
// hears no events, and when it is back it has forgotten those it had.
func (c *Cluster) AgentDown(node string, down bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "consul agent down", false: "consul agent up"}[down])
	waiters, was := n.agent.waiters, n.agent.down
	n.agent.down = down
	if was && !down {
		n.agent.boot()
	}
	c.kv.disturb()
	for _, t := range waiters {
		c.sched.Wake(t)
	}
}

// GitDenied says whether git remotes refuse node's key.
func (c *Cluster) GitDenied(node string, denied bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "git key wrong", false: "git key right"}[denied])
	n.denied = denied
}

// SSHDown says whether transfers into node are refused; those under way break.
func (c *Cluster) SSHDown(node string, down bool) {
	c.note(c.node(node), map[bool]string{true: "sshd down", false: "sshd up"}[down])
	for _, other := range c.Nodes() {
		if other != node {
			c.link(SSH, other, node, down)
		}
	}
}

// Election leaves Consul without a leader for d.
func (c *Cluster) Election(d time.Duration) {
	c.note(nil, "consul elects")
	c.kv.election = c.Now() + d
	c.kv.disturb()
}

// DockerDown says whether node's dockerd answers; containers run on.
func (c *Cluster) DockerDown(node string, down bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "dockerd down", false: "dockerd up"}[down])
	n.docker.down = down
}

// RestartDocker ends node's dockerd, and with it containers and scripts; after
// d it is back and starts what restart policies say and the lease files allow.
func (c *Cluster) RestartDocker(node string, d time.Duration) {
	n := c.node(node)
	if !n.up {
		return
	}
	c.note(n, "dockerd restarts")
	n.docker.orphans(n)
	n.docker.powerCut(n)
	n.docker.down = true
	n.docker.restarts++
	c.changes.Containers++
	c.sched.At(n.machine, c.Now()+d, "dockerd", func() {
		n.docker.down = false
		n.docker.boot(n)
		c.note(n, "dockerd is back")
		c.stepped()
	})
}

// DriverStalls says whether node's volume driver leaves calls unanswered. What
// it was asked meanwhile it does when that ends.
func (c *Cluster) DriverStalls(node string, stalled bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "driver stalls", false: "driver answers"}[stalled])
	n.driver.stalled = stalled
}

// DriverDown says whether node's volume driver answers. Its return is a
// restart: what hung is answered, its scheduler has no memory.
func (c *Cluster) DriverDown(node string, down bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "driver down", false: "driver up"}[down])
	if n.driver.down && !down && n.up {
		n.driver.stalled = false
		n.driver.boot(n)
	}
	n.driver.down = down
}
