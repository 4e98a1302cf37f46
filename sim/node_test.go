package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestPowerCut_LeavesTheDiskAndTakesTheLease(t *testing.T) {
	volume := site().Volume("data")
	c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		s := up(ctx, t, c, "a", w, 1, sim.Behaviour{})
		route(ctx, t, c, "a")
		_, err := c.Write(site().Name())
		must(t, err)
		must(t, w.Journal.Write(ctx, s.Name, app.Journal{Seq: 1}))
		c.PowerCut("a")
		if o := c.ObserveNode("a"); o.Powered || o.Handler || o.Guard || len(c.Running(s.Project)) > 0 {
			t.Errorf("without power: %+v", o)
		}
		c.Boot("a")
		must(t, w.Clock.Sleep(ctx, time.Minute))
	})
	o := c.ObserveNode("a")
	if len(o.Leases) > 0 || !o.Handler || !o.Guard || len(o.Checkouts) != 1 || o.Journal[site().Name()].Seq != 1 {
		t.Errorf("after the boot: %+v", o)
	}
	if content(c, "a", volume) != "1" || len(c.Running(site().Project())) > 0 || o.Containers[0].ExitCode != 127 {
		t.Errorf("after the boot: %s in the volume, containers %+v", content(c, "a", volume), o.Containers)
	}
}

func TestBoot_StartsWhatThePolicySays(t *testing.T) {
	stopped := map[string]bool{"always": true, "unless-stopped": false, "on-failure": false, "no": false}
	running := map[string]bool{"always": true, "unless-stopped": true, "on-failure": true, "no": false}
	for policy := range stopped {
		for _, byHand := range []bool{false, true} {
			c := sim.New(sim.Options{})
			t.Cleanup(c.Close)
			must(t, c.SetContainer("a", sim.Found{Project: "old", Service: "web", Restart: policy}))
			want := running[policy]
			if byHand {
				c.DockerStop("a", "old")
				want = stopped[policy]
			}
			c.PowerCut("a")
			c.Boot("a")
			must(t, c.RunFor(time.Minute))
			if got := len(c.Running("old")) == 1; got != want {
				t.Errorf("%s, stopped by hand %t: runs %t", policy, byHand, got)
			}
		}
	}
}

func TestCrash_UnwindsTheHandlerAndKeepsTheRest(t *testing.T) {
	var log []string
	program := func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			log = append(log, "start "+node)
			defer func() {
				_, err := w.KV.Get(ctx, "app/x")
				log = append(log, fmt.Sprintf("end %s: %v", node, errors.Is(err, sim.ErrDead)))
			}()
			return w.Clock.Sleep(ctx, time.Hour)
		}
	}
	c := sim.New(sim.Options{Nodes: []string{"a", "b"}, Program: program})
	t.Cleanup(c.Close)
	must(t, c.SetContainer("a", sim.Found{Project: "p", Service: "web"}))
	must(t, c.RunFor(time.Second))
	c.CrashHandler("a")
	must(t, c.RunFor(time.Minute))
	c.StartHandler("a")
	c.StartHandler("a")
	must(t, c.RunFor(time.Second))
	want := []string{"start a", "start b", "end a: true", "start a"}
	if !slices.Equal(log, want) || !slices.Equal(c.Running("p"), []string{"a"}) {
		t.Errorf("log %q, running on %q", log, c.Running("p"))
	}
	must(t, c.RunFor(2*time.Hour))
	if c.Alive("b", sim.Handler) || c.Exit("b", sim.Handler) != nil {
		t.Errorf("b's program has ended: alive %t, %v", c.Alive("b", sim.Handler), c.Exit("b", sim.Handler))
	}
}

func TestCrash_OrphansAScriptUntilTheNextStart(t *testing.T) {
	volume := site().Volume("data")
	for _, restart := range []bool{false, true} {
		c := sim.New(sim.Options{Timing: func() sim.Timing { x := sim.DefaultTiming(); x.Script = time.Minute; return x }()})
		t.Cleanup(c.Close)
		c.Go("a", "update", func(ctx context.Context, w port.World) {
			s := up(ctx, t, c, "a", w, 1, sim.Behaviour{})
			_ = w.Scripts.Run(ctx, port.Script{Stack: s, Name: "update.sh"})
		})
		must(t, c.RunFor(30*time.Second))
		c.CrashHandler("a")
		if restart {
			c.StartHandler("a")
		}
		must(t, c.RunFor(10*time.Second))
		if runs := len(c.ObserveNode("a").Scripts) == 1; runs == restart {
			t.Errorf("restarted %t: it runs %t", restart, runs)
		}
		if !strings.Contains(content(c, "a", volume), "update.sh") {
			t.Errorf("restarted %t: it has begun, and the volume holds %q", restart, content(c, "a", volume))
		}
		must(t, c.RunFor(2*time.Minute))
		if left := c.ObserveNode("a").Scripts; len(left) > 0 {
			t.Errorf("restarted %t: %v never ended", restart, left)
		}
	}
}

func TestFreezeMachine_StopsEverythingButTime(t *testing.T) {
	var ticks []time.Duration
	program := func(node string) func(context.Context, port.World) error {
		return func(ctx context.Context, w port.World) error {
			for node == "a" && w.Clock.Sleep(ctx, time.Second) == nil {
				ticks = append(ticks, w.Clock.Boot())
			}
			return nil
		}
	}
	c := sim.New(sim.Options{Program: program})
	t.Cleanup(c.Close)
	must(t, c.RunFor(2500*time.Millisecond))
	c.FreezeMachine("a")
	must(t, c.RunFor(10*time.Second))
	if len(ticks) != 2 || !c.ObserveNode("a").Frozen {
		t.Errorf("ticks %v while frozen", ticks)
	}
	c.ThawMachine("a")
	must(t, c.RunFor(time.Second))
	if len(ticks) < 3 || ticks[2] != 12500*time.Millisecond {
		t.Errorf("ticks %v after the thaw", ticks)
	}
}

func TestClock_SkewDriftAndReboot(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.Skew("a", -24*time.Hour)
		if d := c.World("b").Clock.Now().Sub(w.Clock.Now()); d != 24*time.Hour {
			t.Errorf("a's wall clock is %v behind", d)
		}
		must(t, w.Clock.Sleep(ctx, 100*time.Second))
		c.Drift("a", 10_000)
		if d := w.Clock.Boot() - c.World("b").Clock.Boot(); d != time.Second {
			t.Errorf("1 %% of 100 s is %v", d)
		}
		c.PowerCut("b")
		c.Boot("b")
		if d := c.World("b").Clock.Boot(); d != 0 {
			t.Errorf("after a boot the clock of b is at %v", d)
		}
	})
}

func TestSession_ExpiresBetweenOneAndTwoTTLs(t *testing.T) {
	ttl := app.DefaultTimes().SessionTTL
	seen := map[time.Duration]bool{}
	for seed := range uint64(10) {
		c := sim.New(sim.Options{Seed: seed})
		t.Cleanup(c.Close)
		c.Go("a", "join", func(ctx context.Context, w port.World) { must(t, w.Presence.Join(ctx, app.Member{Name: "a"})) })
		must(t, c.Run(func() bool { return len(c.Sessions()) == 1 }))
		must(t, c.Run(func() bool { return len(c.Sessions()) == 0 }))
		if c.Now() < ttl || c.Now() > 2*ttl || c.Get("node/a").Modify != 0 {
			t.Errorf("seed %d: gone after %v, key %+v", seed, c.Now(), c.Get("node/a"))
		}
		seen[c.Now()] = true
	}
	if len(seen) < 5 {
		t.Errorf("ten seeds make %d different ends", len(seen))
	}
}

func TestPartition_CutsTheMinorityFromConsul(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.Partition([]string{"a"}, []string{"b", "c"})
	errs := map[string]error{}
	took := map[string]time.Duration{}
	for _, node := range c.Nodes() {
		c.Go(node, "write", func(ctx context.Context, w port.World) {
			_, errs[node] = w.KV.Apply(ctx, port.Txn{Name: "try", Ops: []port.Op{{Verb: port.Put, Key: "k/" + node}}})
			took[node] = c.Now()
		})
	}
	must(t, c.RunFor(time.Minute))
	if !errors.Is(errs["a"], port.ErrUnknown) || took["a"] != app.DefaultTimes().CallTimeout || c.Get("k/a").Modify != 0 {
		t.Errorf("a: %v after %v", errs["a"], took["a"])
	}
	if errs["b"] != nil || errs["c"] != nil || c.Get("k/c").Modify == 0 {
		t.Errorf("b: %v, c: %v", errs["b"], errs["c"])
	}
	c.MendAll()
	c.Election(3 * time.Second)
	c.Go("a", "again", func(ctx context.Context, w port.World) {
		_, errs["a"] = w.KV.Get(ctx, "k/b")
		took["a"] = c.Now()
	})
	start := c.Now()
	must(t, c.RunFor(time.Minute))
	if errs["a"] != nil || took["a"]-start != 3*time.Second {
		t.Errorf("during an election: %v after %v", errs["a"], took["a"]-start)
	}
}

func TestDiskFull_TakesNothingMore(t *testing.T) {
	volume := site().Volume("data")
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		s := up(ctx, t, c, "a", w, 1, sim.Behaviour{})
		c.SetVolume("b", volume)
		c.DiskFull("a", true)
		_, taken := w.Snapshots.Take(ctx, volume)
		_, built := w.Images.Build(ctx, s)
		for what, err := range map[string]error{
			"snapshot": taken, "build": built, "journal": w.Journal.Write(ctx, "x", app.Journal{}),
			"write": w.Checkouts.Write(ctx, s.Dir, port.Files{".env": nil}),
		} {
			if !errors.Is(err, port.ErrNoSpace) {
				t.Errorf("%s: %v", what, err)
			}
		}
		other := c.World("b")
		x, err := other.Snapshots.Take(ctx, volume)
		must(t, err)
		if err := other.Snapshots.Send(ctx, x.Name, c.Address("a")); err == nil || len(c.ObserveNode("a").Snapshots) > 0 {
			t.Errorf("send to a full disk: %v, left %+v", err, c.ObserveNode("a").Snapshots)
		}
	})
}
