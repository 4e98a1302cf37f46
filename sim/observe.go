package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
)

// Observation is what can be seen of one node. It is plain data: every world
// fills it, sorted as its comments say.
type Observation struct {
	Node       string
	Powered    bool
	Handler    bool // its handler process runs
	Guard      bool // its guard process runs
	Frozen     bool // the whole machine stands still
	Boot       time.Duration
	Date       time.Time // by its wall clock, UTC; zero: nobody looked
	Checkouts  []string
	Containers []app.Container // by name; of every project, whoever made it
	Serving    []string        // projects that answer requests here
	Scripts    []app.Lease     // project and seq of the scripts that run
	Volumes    []VolumeState   // live Buttervolume volumes, by name
	Local      []string        // volumes of other drivers
	Snapshots  []SnapshotState // by name
	Schedules  []app.Schedule  // by volume and action
	Services   []string        // on its Consul agent
	Leases     []app.Lease     // by project and seq
	Journal    map[string]app.Journal
	Images     []string          // ids that have a name or a container
	Routes     map[string]string // app → master, as its running edge has it
	Closed     []string          // apps that its running edge shows as in maintenance
	Published  uint64            // KV index of its running edge
}

// VolumeState is a live volume with what is in it.
type VolumeState struct {
	Name    string
	Records []Record
}

// SnapshotState is a snapshot with what is in it.
type SnapshotState struct {
	app.Snapshot
	Records  []Record
	Complete bool // whole: read-only, and received whole if received
}

// Observe looks at every node.
func (c *Cluster) Observe() map[string]Observation {
	all := make(map[string]Observation, len(c.nodes))
	for _, n := range c.nodes {
		all[n.name] = n.observe()
	}
	return all
}

// ObserveNode looks at one node.
func (c *Cluster) ObserveNode(name string) Observation { return c.node(name).observe() }

func (n *node) observe() Observation {
	o := Observation{
		Node: n.name, Powered: n.up, Handler: n.proc[Handler] != nil, Guard: n.proc[Guard] != nil, Frozen: n.frozen(),
		Boot: n.boottime(), Date: epoch.Add(n.c.Now() + n.skew), Checkouts: slices.Sorted(maps.Keys(n.disk.checkouts)), Schedules: n.driver.schedule(),
		Services: n.agent.registered(), Leases: slices.Clone(n.leases),
		Journal: map[string]app.Journal{}, Routes: map[string]string{}, Published: n.edge.index,
	}
	for name, j := range n.disk.journal {
		o.Journal[name] = clone(j)
	}
	n.observeDocker(&o)
	n.observeData(&o)
	for _, e := range n.edge.routes {
		o.Routes[e.key[len(recordPrefix):]] = n.c.record(e).master
	}
	for _, e := range n.edge.closed {
		o.Closed = append(o.Closed, e.key[len(maintenancePrefix):])
	}
	return o
}

func (n *node) observeDocker(o *Observation) {
	for _, k := range n.docker.containers {
		o.Containers = append(o.Containers, n.look(k))
		if n.serves(k) && !slices.Contains(o.Serving, k.Project) {
			o.Serving = append(o.Serving, k.Project)
		}
		o.Images = append(o.Images, k.Image)
	}
	for _, r := range n.docker.scripts {
		o.Scripts = append(o.Scripts, app.Lease{Project: r.project, Seq: r.seq})
	}
	for _, l := range n.docker.locals {
		o.Local = append(o.Local, l.name)
	}
	for _, t := range n.docker.tags {
		o.Images = append(o.Images, t.image.id)
	}
	slices.Sort(o.Local)
	slices.Sort(o.Serving)
	slices.Sort(o.Images)
	o.Images = slices.Compact(o.Images)
}

func (n *node) observeData(o *Observation) {
	for _, v := range n.driver.volumes {
		o.Volumes = append(o.Volumes, VolumeState{Name: v.name, Records: frozen(v.records)})
	}
	for _, s := range n.driver.snaps {
		o.Snapshots = append(o.Snapshots, SnapshotState{Snapshot: s.Snapshot, Records: s.records, Complete: s.ReadOnly})
	}
}

// KV is every pair of the KV, sorted by key, and its index.
func (c *Cluster) KV() ([]port.Pair, uint64) { return c.kv.list(""), c.kv.index }

// Get is one pair of the KV; Modify 0: there is none.
func (c *Cluster) Get(key string) port.Pair {
	if e := c.kv.get(key); e != nil {
		return e.pair()
	}
	return port.Pair{Key: key}
}

// Sessions lists the node of each Consul session that is alive, sorted: one of
// a handler that died is there until it expires.
func (c *Cluster) Sessions() []string {
	var all []string
	for _, s := range c.kv.sessions {
		all = append(all, s.p.n.name)
	}
	slices.Sort(all)
	return all
}

// Running lists the nodes on which a container of project runs, sorted. It is
// cheap enough for every step.
func (c *Cluster) Running(project string) []string {
	var all []string
	for _, n := range c.nodes {
		for _, k := range n.docker.containers {
			if k.Running && k.Project == project {
				all = append(all, n.name)
				break
			}
		}
	}
	return all
}

// SetVolume gives node a live Buttervolume volume with records, as found on a
// node before anything of a test happens.
func (c *Cluster) SetVolume(node, name string, records ...Record) {
	n := c.node(node)
	n.driver.ensure(n, name).records = slices.Clone(records)
	c.changes.Data++
}

// SetSchedule sets the lines of a volume on node, as found there.
func (c *Cluster) SetSchedule(node, volume string, lines ...app.Schedule) {
	c.node(node).setLines(volume, lines)
}

// Address is the address of node.
func (c *Cluster) Address(node string) string { return c.node(node).address }
