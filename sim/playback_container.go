package sim

import (
	"slices"

	"github.com/mlfmonde/cluster/handler/app"
)

// listContainers compares containers by name. What an application does by
// itself is taken as seen: its health, that it ended, that dockerd restarted it.
func listContainers(p *player, d *deed, was, is []app.Container, v *verdict) {
	project := arg[string](p, d, 0)
	for _, w := range was {
		i := slices.IndexFunc(is, func(k app.Container) bool { return k.Name == w.Name })
		if i < 0 {
			p.found(d, v, "container", w.Project, w.Name, func() { p.foundContainer(d.Node, w) })
			continue
		}
		p.compareContainer(d, w, is[i], v)
	}
	for _, k := range is {
		if !slices.ContainsFunc(was, func(w app.Container) bool { return w.Name == k.Name }) {
			p.missing(d, v, "container", k.Name, p.change(d.Node, k.Name, func(n *node, k *container) { n.drop(k) }))
		}
	}
	p.looked(d, v, "container", project)
}

func (p *player) foundContainer(node string, w app.Container) {
	n := p.c.node(node)
	k := &container{Container: w, checked: w.Health != app.NoHealth, labelled: w.Seq > 0}
	if w.Seq > 0 {
		k.lease, k.restart = app.Lease{Project: w.Project, Seq: w.Seq}, "unless-stopped"
	}
	n.docker.add(k)
}

// change does something with a container of the fakes.
func (p *player) change(node, name string, f func(n *node, k *container)) func() {
	return func() {
		n := p.c.node(node)
		for _, k := range slices.Clone(n.docker.containers) {
			if k.Name == name {
				f(n, k)
			}
		}
	}
}

func (p *player) compareContainer(d *deed, w, k app.Container, v *verdict) {
	if p.seen["touched container "+d.Node] && w != k {
		v.takes = append(v.takes, take{why: "container that somebody changed", do: p.change(d.Node, w.Name, func(_ *node, k *container) { k.Container = w })})
		return
	}
	if w.Project != k.Project || w.Service != k.Service || w.Seq != k.Seq || w.Image != k.Image {
		v.differs("container %s: recorded %s of %s, seq %d, image %s; the fake has %s of %s, seq %d, image %s",
			w.Name, w.Service, w.Project, w.Seq, w.Image, k.Service, k.Project, k.Seq, k.Image)
		return
	}
	itself := func(why string, nature bool, f func(n *node, k *container)) {
		v.takes = append(v.takes, take{why: why, nature: nature, do: p.change(d.Node, w.Name, f)})
	}
	switch {
	case w.Running == k.Running && (w.Health == app.NoHealth) != (k.Health == app.NoHealth):
		v.differs("container %s, running %v: recorded health %q, the fake's is %q", w.Name, w.Running, w.Health, k.Health)
	case w.Running && !k.Running && w.Restarts > k.Restarts:
		itself("container restarted", true, func(_ *node, k *container) { k.Running, k.ExitCode = true, 0 })
	case w.Running && !k.Running:
		v.differs("container %s: recorded running, in the fake it ended with %d", w.Name, k.ExitCode)
	case !w.Running && k.Running:
		itself("container ended", true, func(n *node, k *container) { n.fall(k, w.ExitCode) })
	case !w.Running && w.Health != k.Health: // dockerd ended with it, or looked once more
		itself("health of what has ended", true, func(_ *node, k *container) { k.Health = w.Health })
	case !w.Running && w.ExitCode != k.ExitCode:
		itself("exit code of its own", false, func(_ *node, k *container) { k.ExitCode = w.ExitCode })
	}
	switch {
	case w.Restarts > k.Restarts:
		itself("container restarted", false, func(_ *node, k *container) { k.Restarts = w.Restarts })
	case w.Restarts < k.Restarts:
		v.differs("container %s: recorded %d restarts, the fake has %d", w.Name, w.Restarts, k.Restarts)
	}
}
