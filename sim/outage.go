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

// AgentDown says whether node's own Consul agent answers.
func (c *Cluster) AgentDown(node string, down bool) {
	n := c.node(node)
	c.note(n, map[bool]string{true: "consul agent down", false: "consul agent up"}[down])
	n.agent.down = down
	c.kv.disturb()
	for _, t := range n.agent.waiters {
		c.sched.Wake(t)
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
