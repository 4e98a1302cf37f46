package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlfmonde/cluster/fixtures/nodes"
	"github.com/mlfmonde/cluster/fixtures/nodes/cluster"
	"github.com/mlfmonde/cluster/fixtures/nodes/relay"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// cut stops the traffic of a node.
func (g *Ground) cut(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	switch a.Other {
	case recette.Everyone:
		return n.Isolate(ctx)
	case sim.Outside:
		var all []string
		for _, ch := range outside(a) {
			proof, err := g.part(ctx, n, recette.Act{Deed: recette.Break, Part: ch.String(), State: "down"})
			if err != nil {
				return "", err
			}
			all = append(all, proof)
		}
		return strings.Join(all, "; "), nil
	}
	return g.cluster.Partition(ctx, n.Name, a.Other)
}

// outside are the channels of a cut that lead to no node.
func outside(a recette.Act) []sim.Channel {
	if a.Channels == nil {
		return []sim.Channel{sim.Git, sim.Consul}
	}
	return a.Channels
}

// join ends what cut did. Cuts that are not meant stay.
func (g *Ground) join(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	if a.Other == recette.Everyone || a.Other == sim.Outside {
		for _, ch := range outside(a) {
			if _, err := g.part(ctx, n, recette.Act{Deed: recette.Break, Part: ch.String(), State: "up"}); err != nil {
				return "", err
			}
		}
	}
	if a.Other == sim.Outside {
		return n.Name + " reaches the outside again", nil
	}
	var stay []string
	if a.Other != recette.Everyone {
		stay = slices.DeleteFunc(g.cutFrom(n), func(name string) bool { return name == a.Other })
	}
	if err := n.Rejoin(ctx); err != nil {
		return "", err
	}
	for _, name := range stay {
		if g.cluster.Node(name) == nil { // the git server, which is no node
			if _, err := n.CutGit(ctx); err != nil {
				return "", err
			}
			continue
		}
		if _, err := g.cluster.Partition(ctx, n.Name, name); err != nil {
			return "", err
		}
	}
	return "operator: " + strings.Replace(a.String(), "join ", "joined: ", 1), nil
}

// cutFrom lists whom no packet of the node reaches.
func (g *Ground) cutFrom(n *cluster.Node) (names []string) {
	for _, b := range n.Broken() {
		if name, is := strings.CutPrefix(b, "cut from "); is {
			names = append(names, name)
		}
	}
	for _, o := range g.cluster.All() {
		if has(o, "cut from "+n.Name) && !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
	}
	return names
}

// part breaks a part of a node as a whole, or mends it.
func (g *Ground) part(ctx context.Context, n *cluster.Node, a recette.Act) (string, error) {
	switch a.Part + " " + a.State {
	case "git down":
		return n.CutGit(ctx)
	case "git up":
		return n.Name + " reaches git again", n.MendGit(ctx)
	case "consul down":
		return hide(n, relay.Consul)
	case "consul up":
		return show(n, relay.Consul, cluster.Consul)
	case "docker down":
		return hide(n, relay.Docker)
	case "docker up":
		return show(n, relay.Docker, cluster.Dockerd)
	case "agent down":
		return n.Kill(ctx, cluster.Consul)
	case "agent up":
		return g.start(ctx, n, cluster.Consul)
	case "driver down":
		return n.Kill(ctx, cluster.Driver)
	case "driver stall":
		return g.signal(ctx, n, cluster.Driver, true)
	case "driver up":
		if !has(n, "no "+cluster.Driver) {
			return g.signal(ctx, n, cluster.Driver, false)
		}
		return n.Start(ctx, cluster.Driver)
	case "disk full":
		return n.FillDisk(ctx)
	case "disk up":
		return "the disk of " + n.Name + " has room again", n.FreeDisk(ctx)
	}
	return "", fmt.Errorf("%w: %s", recette.ErrUsage, a)
}

// hide lets the handler and the guard of a node find nobody where a neighbour
// is, who goes on.
func hide(n *cluster.Node, name string) (string, error) {
	cut, err := n.Relay.Down(name)
	return fmt.Sprintf("%s of %s answers neither handler nor guard: %d connections cut", name, n.Name, cut), err
}

// show ends hide, unless the neighbour is away himself.
func show(n *cluster.Node, name, program string) (string, error) {
	if has(n, "no "+program) || has(n, "off") {
		return "", fmt.Errorf("%s of %s does not run", program, n.Name)
	}
	return fmt.Sprintf("%s of %s answers again", name, n.Name), n.Relay.Up(name)
}

// consul ends all servers of Consul, or starts them.
func (g *Ground) consul(ctx context.Context, up bool) error {
	var faults []error
	for _, n := range g.cluster.All() {
		if !n.Server || !on(n) || up != has(n, "no "+cluster.Consul) {
			continue
		}
		do := n.Kill
		if up {
			do = n.Start
		}
		proof, err := do(ctx, cluster.Consul)
		if err == nil {
			g.ear.note(n.Name, proof)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// elect takes Consul's leader away for some time: the others elect a new one.
func (g *Ground) elect(ctx context.Context, a recette.Act) error {
	old, err := g.cluster.Leader(ctx)
	if err != nil {
		return err
	}
	proof, err := old.Kill(ctx, cluster.Consul)
	if err != nil {
		return err
	}
	g.ear.note(old.Name, "Consul's leader: "+proof)
	g.background(func(ctx context.Context) {
		if nodes.Pause(ctx, a.For) != nil || !has(old, "no "+cluster.Consul) {
			return
		}
		g.told(old.Name)(old.Start(ctx, cluster.Consul))
	})
	return nil
}

// told notes how something ended that went on by itself.
func (g *Ground) told(node string) func(proof string, err error) {
	return func(proof string, err error) {
		if err != nil {
			proof = err.Error()
		}
		g.ear.note(node, proof)
	}
}
