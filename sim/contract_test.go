package sim_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/handler/port/porttest"
	"github.com/mlfmonde/cluster/handler/witness"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// strategies are the orders in which every clause must hold.
var strategies = []sched.Strategy{{}, {Kind: sched.Random, Seed: 7}, {Kind: sched.PCT, Seed: 7, Depth: 3, Steps: 200}}

// inside runs each clause in a shell of node a of a fresh cluster, once for
// each strategy, and once with every call written down.
func inside[E any](build func(t porttest.T, c *sim.Cluster, ctx context.Context, w port.World) E) porttest.Runner[E] {
	return func(t porttest.T, body func(ctx context.Context, e E)) {
		for i, s := range append(strategies, sched.Strategy{}) {
			c := sim.New(sim.Options{Strategy: s, Seed: 1})
			t.Cleanup(c.Close)
			done := false
			c.Shell("a", "clause", func(ctx context.Context, w port.World) {
				if i == len(strategies) {
					w = witness.New(io.Discard, witness.Config{Clock: w.Clock, Log: w.Log}).World(w)
				}
				body(ctx, build(t, c, ctx, w))
				done = true
			})
			if err := c.Run(func() bool { return done }); err != nil {
				t.Fatalf("%v: %v", s, err)
			}
		}
	}
}

func TestContract_Consul(t *testing.T) {
	porttest.Each(t, porttest.ConsulClauses(), inside(func(_ porttest.T, c *sim.Cluster, _ context.Context, w port.World) porttest.Consul {
		other := c.World("b")
		reborn := func() port.Presence {
			c.CrashHandler("a")
			c.StartHandler("a")
			return c.World("a").Presence
		}
		c.Put("keep/the/index", []byte("moving"))
		return porttest.Consul{
			KV: w.KV, Presence: w.Presence, Members: w.Members, Events: w.Events, Checks: w.Checks,
			Node: "a", Idle: "c", TTL: app.DefaultTimes().SessionTTL, Reborn: reborn,
			Lose:  func(context.Context) error { c.LoseSession("a"); return nil },
			Other: porttest.ConsulPeer{KV: other.KV, Members: other.Members, Events: other.Events},
			Clock: w.Clock, Tasks: w.Tasks,
			Checked: func(_ context.Context, service string) (map[string]time.Duration, error) {
				return c.Checked("a", service), nil
			},
		}
	}))
}

const repo = "https://git.example.com/team/site"

func TestContract_Source(t *testing.T) {
	porttest.Each(t, porttest.SourceClauses(), inside(func(_ porttest.T, c *sim.Cluster, _ context.Context, w port.World) porttest.SourceEnv {
		push := func(files port.Files) string { return c.Push(repo, "main", files, sim.Behaviour{}) }
		push(port.Files{"docker-compose.yml": []byte("services: {}\n")})
		return porttest.SourceEnv{
			Source: w.Source, Checkouts: w.Checkouts, App: app.App{Repo: repo, Branch: "main"}, Push: push,
			Deny: func() { c.RemoteDenied(repo, true) },
		}
	}))
}

func TestContract_Checkouts(t *testing.T) {
	porttest.Each(t, porttest.CheckoutsClauses(), inside(func(_ porttest.T, c *sim.Cluster, _ context.Context, w port.World) porttest.CheckoutsEnv {
		return porttest.CheckoutsEnv{Checkouts: w.Checkouts, Make: func(dir string, files port.Files) { c.SetCheckout("a", dir, files, sim.Behaviour{}) }}
	}))
}

func TestContract_Data(t *testing.T) {
	porttest.Each(t, porttest.DataClauses(), inside(dataEnv))
	porttest.Each(t, porttest.DataHangClauses(), inside(dataEnv))
	porttest.Each(t, porttest.DataDownClauses(), inside(dataEnv))
}

func dataEnv(t porttest.T, c *sim.Cluster, ctx context.Context, w port.World) porttest.Data {
	ports := func(w port.World) porttest.DataPorts {
		return porttest.DataPorts{Volumes: w.Volumes, Snapshots: w.Snapshots, Schedules: w.Schedules}
	}
	read := func(node string) func(string) string {
		return func(volume string) string {
			for _, v := range c.ObserveNode(node).Volumes {
				if v.Name == volume && len(v.Records) > 0 {
					return v.Records[0].Mark
				}
			}
			return ""
		}
	}
	return porttest.Data{
		DataPorts: ports(w), Other: ports(c.World("b")), Address: c.Address("a"), OtherAddress: c.Address("b"), DeadAddress: "10.9.9.9",
		Create: func(volume string) { c.SetVolume("a", volume) },
		Write:  func(volume, text string) { c.SetVolume("a", volume, sim.Record{Mark: text}) },
		Read:   read("a"), ReadOther: read("b"),
		Advance: func(d time.Duration) {
			if err := w.Clock.Sleep(ctx, d); err != nil {
				t.Fatalf("sleep: %v", err)
			}
		},
		Hang: func(ctx context.Context) (context.Context, func()) {
			hung, cancel := context.WithCancel(ctx)
			c.DriverStalls("a", true)
			w.Tasks.Go(ctx, "impatience", func(ctx context.Context) {
				_ = w.Clock.Sleep(ctx, 10*time.Second)
				cancel()
			})
			return hung, func() { c.DriverStalls("a", false) }
		},
		Down: func() func() {
			c.DriverDown("a", true)
			return func() { c.DriverDown("a", false) }
		},
	}
}

func TestContract_Docker(t *testing.T) {
	for _, clauses := range [][]porttest.Clause[porttest.StackEnv]{
		porttest.ImagesClauses(), porttest.StackClauses(), porttest.ContainersClauses(), porttest.ScriptsClauses(),
	} {
		porttest.Each(t, clauses, inside(stackEnv))
	}
}

func stackEnv(t porttest.T, c *sim.Cluster, ctx context.Context, w port.World) porttest.StackEnv {
	return porttest.StackEnv{
		Images: w.Images, Stack: w.Stack, Containers: w.Containers, Scripts: w.Scripts, Guard: w.Guard,
		Lay: func(l porttest.Layout) app.Stack { return lay(c, l) },
		Volumes: func() []string {
			o := c.ObserveNode("a")
			all := slices.Clone(o.Local)
			for _, v := range o.Volumes {
				all = append(all, v.Name)
			}
			slices.Sort(all)
			return all
		},
		Boot: func() {
			c.PowerCut("a")
			c.Boot("a")
			if err := w.Clock.Sleep(ctx, time.Minute); err != nil {
				t.Fatalf("sleep: %v", err)
			}
		},
		ByHand: func(container string) error {
			for _, k := range c.ObserveNode("a").Containers {
				if k.Name == container {
					return c.DockerStart("a", k.Project)
				}
			}
			return fmt.Errorf("no container %s", container)
		},
	}
}

// lay puts the checkout of l on node a.
func lay(c *sim.Cluster, l porttest.Layout) app.Stack {
	const name, project = "site_main.0a1b2", "sitemain0a1b2"
	s := app.Stack{Name: name, Project: project, Dir: app.Checkout(name, "old"), Seq: l.Seq, ID: l.ID}
	file, restart := "docker-compose.yml", "always"
	if l.Seq > 0 {
		s.Dir, file, restart = app.Checkout(name, l.ID), app.CanonicalFile, "unless-stopped"
	}
	var b strings.Builder
	b.WriteString("services:\n")
	service := func(name, image string) {
		fmt.Fprintf(&b, "  %s:\n    %s\n    restart: %s\n", name, image, restart)
		if l.Checked {
			b.WriteString("    healthcheck: {test: [CMD, \"true\"]}\n")
		}
		b.WriteString("    volumes:\n")
		for _, v := range l.Local {
			fmt.Fprintf(&b, "      - %s:/%s\n", v, v)
		}
		if l.Seq > 0 {
			fmt.Fprintf(&b, "      - {type: bind, source: %s/%s.%d, target: /lease, read_only: true}\n", app.LeaseRoot, project, l.Seq)
			fmt.Fprintf(&b, "    labels:\n      %s: %s\n      %s: %q\n", app.LabelApp, name, app.LabelSeq, fmt.Sprint(l.Seq))
		}
	}
	for _, s := range l.Built {
		service(s, "build: .")
	}
	for _, s := range l.Pulled {
		service(s, "image: registry.example/"+s)
	}
	for _, s := range l.Gone {
		c.Unpublish("registry.example/gone-" + s)
		service(s, "image: registry.example/gone-"+s)
	}
	b.WriteString("volumes:\n")
	for _, v := range l.Local {
		fmt.Fprintf(&b, "  %s: {}\n", v)
	}
	files := port.Files{file: []byte(b.String())}
	how := sim.Behaviour{}
	for _, name := range slices.Sorted(maps.Keys(l.Scripts)) {
		files[name] = []byte("#!/bin/sh\n")
		how.UpdateFails = how.UpdateFails || l.Scripts[name] == porttest.Breaks
	}
	if l.Stubborn {
		how.StopTakes = time.Hour
	}
	c.SetCheckout("a", s.Dir, files, how)
	return s
}

func TestContract_Guard(t *testing.T) {
	porttest.Each(t, porttest.GuardClauses(), inside(guardEnv))
	porttest.Each(t, porttest.WardenClauses(), inside(guardEnv))
}

func guardEnv(t porttest.T, c *sim.Cluster, ctx context.Context, w port.World) porttest.GuardEnv {
	stack := func(project string, seq uint64) app.Stack {
		dir := fmt.Sprintf("%s-%d", project, seq)
		c.SetCheckout("a", dir, port.Files{
			"docker-compose.yml": []byte("services: {}\n"), "update.sh": nil,
		}, sim.Behaviour{ScriptTakes: time.Hour})
		return app.Stack{Name: project, Project: project, Dir: dir, Seq: seq, ID: dir}
	}
	return porttest.GuardEnv{
		Guard: w.Guard, Warden: w.Warden, Clock: w.Clock,
		Script: func(project string, seq uint64) func() bool {
			s := stack(project, seq)
			granted := app.Lease{Project: project, Seq: seq}
			if err := w.Guard.Grant(ctx, granted); err != nil {
				t.Fatalf("grant: %v", err)
			}
			w.Tasks.Go(ctx, "script", func(ctx context.Context) { _ = w.Scripts.Run(ctx, port.Script{Stack: s, Name: "update.sh"}) })
			_ = w.Clock.Sleep(ctx, time.Second)
			return func() bool { return slices.Contains(c.ObserveNode("a").Scripts, granted) }
		},
		Container: func(project string, seq uint64) func() bool {
			if err := c.SetContainer("a", sim.Found{Project: project, Service: fmt.Sprint("web", seq), Seq: seq}); err != nil {
				t.Fatalf("start: %v", err)
			}
			return func() bool {
				return slices.ContainsFunc(c.ObserveNode("a").Containers, func(k app.Container) bool {
					return k.Project == project && k.Seq == seq && k.Running
				})
			}
		},
	}
}

func TestContract_JournalEdgeAndClock(t *testing.T) {
	porttest.Each(t, porttest.JournalClauses(), inside(func(_ porttest.T, _ *sim.Cluster, _ context.Context, w port.World) porttest.JournalEnv {
		return porttest.JournalEnv{Journal: w.Journal}
	}))
	porttest.Each(t, porttest.EdgeClauses(), inside(func(_ porttest.T, _ *sim.Cluster, _ context.Context, w port.World) porttest.EdgeEnv {
		return porttest.EdgeEnv{Edge: w.Edge, KV: w.KV}
	}))
	porttest.Each(t, porttest.ClockClauses(), inside(func(_ porttest.T, _ *sim.Cluster, _ context.Context, w port.World) porttest.ClockEnv {
		return porttest.ClockEnv{Clock: w.Clock, Tasks: w.Tasks}
	}))
}
