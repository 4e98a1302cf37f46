package sim

import "slices"

// Touch is a handler's call that ends containers which run, or takes their lease
// away, as it was asked for: whatever became of it.
type Touch struct {
	Node    string
	Project string
	Seq     uint64 // of those that ran
	Call    string
}

// Touched lists such calls so far, oldest first. It only grows.
func (c *Cluster) Touched() []Touch { return c.touched }

// touches notes the running containers of project with seq, or of any, that a
// handler asks to end.
func (p *process) touches(id callID, project string, any bool, seq uint64) {
	if p.kind != Handler {
		return
	}
	var seen []uint64
	for _, k := range p.n.docker.containers {
		if !k.Running || k.Project != project || !any && k.Seq != seq || slices.Contains(seen, k.Seq) {
			continue
		}
		seen = append(seen, k.Seq)
		p.c.touched = append(p.c.touched, Touch{Node: p.n.name, Project: project, Seq: k.Seq, Call: p.c.sites.name(id)})
	}
}
