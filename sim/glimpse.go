package sim

// What invariants ask after every step, cheaper than a whole Observation.

// Frozen reports whether node's whole machine stands still.
func (c *Cluster) Frozen(node string) bool { return c.node(node).frozen() }

// Still reports whether a process of node is frozen.
func (c *Cluster) Still(node string, kind Process) bool {
	p := c.node(node).proc[kind]
	return p != nil && p.owner.Frozen()
}

// Live lists the live volumes of node. Their records are shared: look, do not
// change.
func (c *Cluster) Live(node string) []VolumeState {
	n := c.node(node)
	all := make([]VolumeState, len(n.driver.volumes))
	for i, v := range n.driver.volumes {
		all[i] = VolumeState{Name: v.name, Records: v.records}
	}
	return all
}

// Copies calls f with what is in each live volume of that name and in each whole
// snapshot of it, on every node. Records are shared: look, do not change.
func (c *Cluster) Copies(volume string, f func(records []Record)) {
	for _, n := range c.nodes {
		if v := n.driver.live(volume); v != nil {
			f(v.records)
		}
		for _, s := range n.driver.of(volume) {
			if s.ReadOnly {
				f(s.records)
			}
		}
	}
}
