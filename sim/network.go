package sim

import "slices"

// Channel is one way that nodes talk, each with its own reachability.
type Channel uint8

// The channels. Git and Consul lead to [Outside]; HTTP leads from node to
// node, and from Outside (the users) to nodes.
const (
	Gossip Channel = iota
	Consul
	SSH
	Git
	HTTP
	channels
)

func (ch Channel) String() string { return [...]string{"gossip", "consul", "ssh", "git", "http"}[ch] }

// Channels lists all of them.
func Channels() []Channel { return []Channel{Gossip, Consul, SSH, Git, HTTP} }

// Outside is the other end of what is no node: Consul's servers, git
// remotes, registries, users.
const Outside = ""

// network says who reaches whom.
type network struct {
	n   int
	cut [channels][]bool // from*(n+1)+to; n is Outside
}

func newNetwork(nodes int) network {
	w := network{n: nodes + 1}
	for i := range w.cut {
		w.cut[i] = make([]bool, w.n*w.n)
	}
	return w
}

func (w *network) reaches(ch Channel, from, to int) bool { return !w.cut[ch][from*w.n+to] }

func (c *Cluster) end(name string) int {
	if name == Outside {
		return len(c.nodes)
	}
	return c.node(name).idx
}

// reaches reports whether n reaches the Outside on ch.
func (n *node) reaches(ch Channel) bool { return n.c.net.reaches(ch, n.idx, len(n.c.nodes)) }

// Cut stops traffic from a to b on ch, in that direction.
func (c *Cluster) Cut(ch Channel, a, b string) { c.link(ch, a, b, true) }

// Mend undoes Cut.
func (c *Cluster) Mend(ch Channel, a, b string) { c.link(ch, a, b, false) }

func (c *Cluster) link(ch Channel, a, b string, cut bool) {
	i, j := c.end(a), c.end(b)
	if i > len(c.nodes) || j > len(c.nodes) {
		return
	}
	c.net.cut[ch][i*c.net.n+j] = cut
	if ch == Consul {
		c.kv.disturb()
	}
}

// Broken is a link without traffic, in one direction.
type Broken struct {
	Channel  Channel
	From, To string // a node, or [Outside]
}

// Cuts lists every link that is cut, by channel and names.
func (c *Cluster) Cuts() (all []Broken) {
	name := func(i int) string {
		if i == len(c.nodes) {
			return Outside
		}
		return c.nodes[i].name
	}
	for ch, links := range c.net.cut {
		for i, cut := range links {
			if cut {
				all = append(all, Broken{Channel: Channel(ch), From: name(i / c.net.n), To: name(i % c.net.n)})
			}
		}
	}
	return all
}

// Isolate cuts node from everything, both ways, on every channel.
func (c *Cluster) Isolate(node string) {
	c.note(c.node(node), "isolated")
	for _, ch := range Channels() {
		for _, other := range append(c.Nodes(), Outside) {
			if other != node {
				c.Cut(ch, node, other)
				c.Cut(ch, other, node)
			}
		}
	}
}

// Partition splits the nodes into groups that do not reach each other. Consul
// stays with the group that has more than half of the nodes, if any; the
// outside world is reached by all.
func (c *Cluster) Partition(groups ...[]string) {
	c.note(nil, "partition")
	for _, g := range groups {
		if 2*len(g) <= len(c.nodes) {
			for _, a := range g {
				c.Cut(Consul, a, Outside)
			}
		}
		for _, a := range g {
			for _, b := range c.Nodes() {
				if !slices.Contains(g, b) {
					c.Cut(Gossip, a, b)
					c.Cut(SSH, a, b)
					c.Cut(HTTP, a, b)
				}
			}
		}
	}
}

// MendAll restores every link.
func (c *Cluster) MendAll() {
	c.note(nil, "network mended")
	for ch := range c.net.cut {
		clear(c.net.cut[ch])
	}
	c.kv.disturb()
}
