package recette

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlfmonde/cluster/sim"
)

// Act does a by the simulator's own means.
func (g *rehearsal) Act(_ context.Context, a Act) (string, error) {
	switch a.Deed {
	case Crash:
		g.Crash(a.Node, a.Process)
	case Start:
		g.Start(a.Node, a.Process)
	case PowerOff:
		g.PowerCut(a.Node)
	case PowerOn:
		g.Boot(a.Node)
	case Freeze, Thaw:
		g.still(a)
	case Cut, Join:
		return g.link(a), nil
	case Break:
		return g.part(a)
	case Expire:
		g.LoseSession(a.Node)
	case Gossip:
		g.Cluster.Gossip(a.Gossip)
	case Echo:
		g.Cluster.Echo()
	case Tick:
		g.Cluster.Tick(a.Node)
	case Zone:
		g.Cluster.Zone(a.Node, a.For)
	case Skew:
		g.Cluster.Skew(a.Node, a.For)
	case Drift:
		g.Cluster.Drift(a.Node, a.N)
	default:
		return g.byHand(a)
	}
	return "", nil
}

func (g *rehearsal) still(a Act) {
	what := strings.Join([]string{"freeze", a.Node, a.Process.String()}, " ")
	stop, goOn := func() { g.Freeze(a.Node, a.Process) }, func() { g.Thaw(a.Node, a.Process) }
	if a.Machine {
		what, stop, goOn = "freeze "+a.Node, func() { g.FreezeMachine(a.Node) }, func() { g.ThawMachine(a.Node) }
	}
	if a.Deed == Thaw {
		goOn()
		delete(g.mend, what)
		return
	}
	stop()
	g.mend[what] = goOn
}

func (g *rehearsal) link(a Act) string {
	if a.Deed == Cut && a.Other == Everyone {
		g.Isolate(a.Node)
		return ""
	}
	others := []string{a.Other}
	if a.Other == Everyone {
		others = append(g.without([]string{a.Node}), sim.Outside)
	}
	change, channels := g.Cut, a.Channels
	if a.Deed == Join {
		change = g.Mend
	}
	if channels == nil {
		channels = sim.Channels()
	}
	for _, ch := range channels {
		for _, other := range others {
			change(ch, a.Node, other)
			change(ch, other, a.Node)
		}
	}
	return strings.Replace(a.String(), " ", ": ", 1)
}

// part breaks a part of a node as a whole, or mends it.
func (g *rehearsal) part(a Act) (string, error) {
	n := a.Node
	all := map[string]func(){
		"git down":     func() { g.Cut(sim.Git, n, sim.Outside) },
		"git up":       func() { g.Mend(sim.Git, n, sim.Outside) },
		"consul down":  func() { g.Cut(sim.Consul, n, sim.Outside) },
		"consul up":    func() { g.Mend(sim.Consul, n, sim.Outside) },
		"agent down":   func() { g.AgentDown(n, true) },
		"agent up":     func() { g.AgentDown(n, false) },
		"docker down":  func() { g.DockerDown(n, true) },
		"docker up":    func() { g.DockerDown(n, false) },
		"driver down":  func() { g.DriverDown(n, true) },
		"driver stall": func() { g.DriverStalls(n, true) },
		"driver up":    func() { g.DriverStalls(n, false); g.DriverDown(n, false) },
		"disk full":    func() { g.DiskFull(n, true) },
		"disk up":      func() { g.DiskFull(n, false) },
	}
	set := all[a.Part+" "+a.State]
	if set == nil {
		return "", usage("%s", a)
	}
	set()
	if g.mend[a.Part+" "+n] = all[a.Part+" up"]; a.State == "up" {
		delete(g.mend, a.Part+" "+n)
	}
	return fmt.Sprintf("fault: %s of %s is %s", a.Part, n, a.State), nil
}

// byHand is what concerns Consul's data, and what a person lays on a node.
func (g *rehearsal) byHand(a Act) (string, error) {
	switch a.Deed {
	case ConsulDown:
		g.ConsulAway(true)
		g.mend["consul"] = func() { g.ConsulAway(false) }
	case ConsulUp:
		g.ConsulAway(false)
		delete(g.mend, "consul")
	case Elect:
		g.Election(a.For)
	case Save:
		g.backup, _ = g.Cluster.KV()
		return "a backup of Consul is taken", nil
	case Restore:
		g.Forget(g.backup...)
	case Empty:
		g.Forget()
	case Put:
		g.Put(a.Key, a.Value)
	case Delete:
		g.Delete(a.Key)
	case StartByHand:
		return "docker start on " + a.Node + ": " + answered(g.DockerStart(a.Node, a.Project)), nil
	case StopByHand:
		g.DockerStop(a.Node, a.Project)
		return "docker stop on " + a.Node, nil
	case LayVolume:
		g.SetVolume(a.Node, a.Key, a.Records...)
	case LayCheckout:
		g.SetCheckout(a.Node, a.Key, a.Files, sim.Behaviour{})
	case LayStack:
		return "", g.SetContainer(a.Node, a.Found)
	default:
		return "", a.Cannot("the simulator has no such deed")
	}
	return "", nil
}

func answered(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}
