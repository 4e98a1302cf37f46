package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
)

func TestFault_StrikesByChanceAndWholePorts(t *testing.T) {
	struck := func(percent int, call string) (failed int, at *sim.Armed) {
		shell(t, sim.Options{Seed: 4}, func(ctx context.Context, c *sim.Cluster, w port.World) {
			at = c.Inject(sim.Fault{Node: "a", Process: sim.Shell, Call: call, Phase: sim.ErrorBefore, Times: -1, Percent: percent})
			for range 200 {
				if _, err := w.KV.Get(ctx, "x"); err != nil {
					failed++
				}
				if _, err := w.Journal.List(ctx); err != nil {
					t.Error("another port is struck")
				}
			}
		})
		return failed, at
	}
	if n, _ := struck(0, "KV.*"); n != 200 {
		t.Errorf("without a chance %d of 200 calls are struck", n)
	}
	n, at := struck(20, "KV.*")
	if n < 20 || n > 70 || at.Fired != n {
		t.Errorf("of 200 calls %d are struck with a chance of 20 %%, %d say so", n, at.Fired)
	}
	if again, _ := struck(20, "KV.*"); again != n {
		t.Errorf("one seed strikes %d and %d", n, again)
	}
	if text := at.String(); !strings.Contains(text, "KV.*") || !strings.Contains(text, "20 %") {
		t.Error(text)
	}
}

func TestTick_RunsEveryJobNow(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a", "b"}, Timing: sim.Timing{Round: time.Minute}})
	t.Cleanup(c.Close)
	c.SetVolume("a", "v", sim.Record{Number: 1})
	c.SetSchedule("a", "v", app.Schedule{Action: "replicate:" + c.Address("b"), Minutes: 60})
	copies := func() int { return len(c.ObserveNode("b").Snapshots) }
	must(t, c.RunFor(10*time.Second))
	if copies() != 0 {
		t.Fatal("it was due before its time")
	}
	for want := 1; want <= 2; want++ { // at once, however lately it ran
		c.Tick("a")
		must(t, c.RunFor(10*time.Second))
		if copies() != want {
			t.Errorf("after tick %d there are %d copies", want, copies())
		}
	}
	must(t, c.RunFor(10*time.Minute))
	if copies() != 2 {
		t.Errorf("within the hour there are %d copies", copies())
	}
	must(t, c.RunFor(time.Hour))
	if copies() != 3 {
		t.Errorf("its rounds do not go on: %d copies", copies())
	}
	c.FreezeMachine("a")
	c.Tick("a")
	must(t, c.RunFor(2*time.Minute))
	c.ThawMachine("a")
	must(t, c.RunFor(2*time.Minute))
	if copies() != 4 {
		t.Errorf("after a thaw there are %d copies", copies())
	}
	c.PowerCut("a")
	c.Tick("a")
	must(t, c.RunFor(2*time.Minute))
	if copies() != 4 {
		t.Error("a node without power sends")
	}
}

func TestZone_DatesOfAnHourComeTwice(t *testing.T) {
	var names []string
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", "v")
		c.Zone("a", time.Hour)
		for range 2 {
			s, err := w.Snapshots.Take(ctx, "v")
			must(t, err)
			names = append(names, s.Name)
			c.Zone("a", 0)
		}
		if now := w.Clock.Now(); now.Year() != 2026 || now.Hour() != 0 {
			t.Errorf("the handler's clock says %v", now)
		}
	})
	if slices.IsSorted(names) {
		t.Errorf("the end of summer time makes %q", names)
	}
}

func TestEcho_DeliversEveryEventAgain(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	id := c.Fire("a", "deploy", []byte("x"))
	must(t, c.RunFor(time.Second))
	c.AgentDown("c", true)
	c.AgentDown("c", false) // it has forgotten
	c.Echo()
	must(t, c.RunFor(time.Second))
	for node, want := range map[string]int{"a": 2, "b": 2, "c": 1} {
		heard := c.Heard(node)
		if len(heard) != want || heard[len(heard)-1].ID != id || string(heard[0].Payload) != "x" {
			t.Errorf("%s has heard %v", node, heard)
		}
	}
}

func TestHanging_NamesCallsThatDoNotReturn(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.SetVolume("a", "v")
	c.Inject(sim.Fault{Node: "a", Process: sim.Shell, Call: "Volumes.Remove", Phase: sim.Hang})
	c.Shell("a", "remove", func(ctx context.Context, w port.World) { _ = w.Volumes.Remove(ctx, "v") })
	c.Shell("a", "watch", func(ctx context.Context, w port.World) { _, _ = w.KV.Wait(ctx, "x", 1, time.Hour) })
	must(t, c.RunFor(time.Minute))
	got := c.Hanging(5 * time.Second)
	if len(got) != 1 || !strings.HasPrefix(got[0], "Volumes.Remove v of a's shell has not returned for 1m") {
		t.Errorf("hanging: %q", got)
	}
	if got = c.Hanging(time.Hour); len(got) != 0 {
		t.Errorf("too early: %q", got)
	}
}

func TestThinned_KnowsWhatAPurgeTook(t *testing.T) {
	c := sim.New(sim.Options{Nodes: []string{"a"}, Timing: sim.Timing{Round: time.Minute}})
	t.Cleanup(c.Close)
	c.SetVolume("a", "v", sim.Record{Number: 7})
	c.SetSchedule("a", "v", app.Schedule{Action: "snapshot", Minutes: 1})
	must(t, c.RunFor(3*time.Minute))
	c.Skew("a", 30*24*time.Hour)
	c.SetSchedule("a", "v", app.Schedule{Action: "purge:1h:1d", Minutes: 1})
	if c.Thinned("v", 7) {
		t.Error("before any purge")
	}
	must(t, c.RunFor(3*time.Minute))
	if !c.Thinned("v", 7) || c.Thinned("v", 8) {
		t.Errorf("after a purge: %v %v, %d snapshots", c.Thinned("v", 7), c.Thinned("v", 8), len(c.ObserveNode("a").Snapshots))
	}
}
