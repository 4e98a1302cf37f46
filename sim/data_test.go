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

// snaps describes a node's snapshots of volume v: what is in each, and
// whether it is whole.
func snaps(c *sim.Cluster, node string) []string {
	var all []string
	for _, s := range c.ObserveNode(node).Snapshots {
		all = append(all, fmt.Sprintf("%s complete=%t host=%s", words(s.Records), s.Complete, s.Host))
	}
	return all
}

func numbers(from, to uint64) []sim.Record {
	var all []sim.Record
	for n := from; n <= to; n++ {
		all = append(all, sim.Record{Number: n})
	}
	return all
}

func TestSend_OnceIncrementallyTwiceNever(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", "v", numbers(1, 4)...)
		took := func(snapshot string) (time.Duration, error) {
			start := c.Now()
			err := w.Snapshots.Send(ctx, snapshot, c.Address("b"))
			return c.Now() - start, err
		}
		first, err := w.Snapshots.Take(ctx, "v")
		must(t, err)
		whole, err := took(first.Name)
		must(t, err)
		c.SetVolume("a", "v", numbers(1, 5)...)
		second, err := w.Snapshots.Take(ctx, "v")
		must(t, err)
		delta, err := took(second.Name)
		must(t, err)
		per := sim.DefaultTiming().SendRecord
		if whole-delta != 3*per {
			t.Errorf("4 records took %v, then 1 more %v", whole, delta)
		}
		good := c.ObserveNode("b").Snapshots[1].UUID
		again, err := took(second.Name)
		if err == nil || again-delta != 4*per {
			t.Errorf("the same snapshot again: %v after %v", err, again)
		}
		if got := c.ObserveNode("b").Snapshots[1]; got.UUID == good || !got.Complete {
			t.Errorf("the copy is still %+v", got)
		}
	})
}

func TestSend_ShowsAPartThatSortsAsTheNewest(t *testing.T) {
	cut := func(c *sim.Cluster) { c.Cut(sim.SSH, "a", "b") }
	for says, disaster := range map[string]func(*sim.Cluster){
		"cut": cut, "receiver without power": func(c *sim.Cluster) { c.PowerCut("b") },
	} {
		c := shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
			c.SetVolume("a", "v", numbers(1, 2)...)
			old, err := w.Snapshots.Take(ctx, "v")
			must(t, err)
			must(t, w.Snapshots.Send(ctx, old.Name, c.Address("b")))
			c.SetVolume("a", "v", numbers(1, 4)...)
			s, err := w.Snapshots.Take(ctx, "v")
			must(t, err)
			c.At(c.Now()+100*time.Millisecond, "disaster", func() { disaster(c) })
			if err := w.Snapshots.Send(ctx, s.Name, c.Address("b")); err == nil {
				t.Errorf("%s: no error", says)
			}
		})
		want := []string{"1 2 complete=true host=", "1 2 complete=false host="}
		if got := snaps(c, "b"); !slices.Equal(got, want) {
			t.Errorf("%s: b has %q", says, got)
		}
		if got := snaps(c, "a"); len(got) != 3 {
			t.Errorf("%s: a has %q", says, got)
		}
	}
}

func TestSend_WaitsForNoOneWhoIsUnreachable(t *testing.T) {
	shell(t, sim.Options{}, func(ctx context.Context, c *sim.Cluster, w port.World) {
		c.SetVolume("a", "v")
		s, err := w.Snapshots.Take(ctx, "v")
		must(t, err)
		c.FreezeMachine("b")
		start := c.Now()
		if err := w.Snapshots.Send(ctx, s.Name, c.Address("b")); err == nil || c.Now()-start != sim.DefaultTiming().SSH {
			t.Errorf("%v after %v", err, c.Now()-start)
		}
	})
}

func TestScheduler_ReplicatesAndPurges(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.SetVolume("a", "v", numbers(1, 3)...)
	c.SetSchedule("a", "v", app.Schedule{Action: "replicate:" + c.Address("b"), Minutes: 60}, app.Schedule{Action: "purge:1h:1d:1w", Minutes: 1440})
	must(t, c.RunFor(30*time.Minute))
	if got := snaps(c, "b"); !slices.Equal(got, []string{"1 2 3 complete=true host="}) {
		t.Errorf("after the first round b has %q", got)
	}
	must(t, c.RunFor(72*time.Hour))
	a, b := len(snaps(c, "a")), len(snaps(c, "b"))
	if b < 72 || a < 24 || a > 34 {
		t.Errorf("after three days a has %d snapshots, b without purge %d", a, b)
	}
	c.SetSchedule("a", "v")
	must(t, c.RunFor(24*time.Hour))
	if len(snaps(c, "a")) != a {
		t.Errorf("without lines a went from %d snapshots to %d", a, len(snaps(c, "a")))
	}
}

func TestScheduler_RunsDueJobsAtItsOwnStart(t *testing.T) {
	c := sim.New(sim.Options{})
	t.Cleanup(c.Close)
	c.SetVolume("a", "v")
	c.SetSchedule("a", "v", app.Schedule{Action: "snapshot", Minutes: 1440})
	must(t, c.RunFor(2*time.Hour))
	c.PowerCut("a")
	c.Boot("a")
	must(t, c.RunFor(2*time.Minute))
	if got := len(snaps(c, "a")); got != 2 {
		t.Errorf("%d snapshots after a boot within the period", got)
	}
}

// purged lays snapshots of those ages (in minutes) on a node, lets the driver
// purge them, and returns the ages that are left.
func purged(t *testing.T, pattern string, ages []int) string {
	t.Helper()
	c := sim.New(sim.Options{Nodes: []string{"a"}, Timing: sim.Timing{Round: time.Minute}})
	t.Cleanup(c.Close)
	oldest := slices.Max(ages)
	c.Skew("a", -time.Duration(oldest)*time.Minute-24*time.Hour)
	c.SetVolume("a", "v")
	c.Shell("a", "snapshots", func(ctx context.Context, w port.World) {
		for _, age := range slices.Backward(slices.Sorted(slices.Values(ages))) {
			c.Skew("a", -time.Duration(age)*time.Minute-24*time.Hour-c.Now())
			_, err := w.Snapshots.Take(ctx, "v")
			must(t, err)
		}
	})
	must(t, c.RunFor(time.Second))
	c.Skew("a", -24*time.Hour-c.Now()+500*time.Millisecond)
	end := c.World("a").Clock.Now()
	c.SetSchedule("a", "v", app.Schedule{Action: "purge:" + pattern, Minutes: 1440})
	c.DriverRound("a")
	var left []string
	for _, s := range c.ObserveNode("a").Snapshots {
		at, err := time.Parse("2006-01-02T15:04:05.000000", strings.Split(s.Name, "@")[1])
		must(t, err)
		left = append(left, fmt.Sprint(int(end.Sub(at).Round(time.Minute)/time.Minute)))
	}
	slices.Reverse(left)
	return strings.Join(left, " ")
}

func TestPurge_KeepsTheOldestOfEachFrame(t *testing.T) {
	var hours []int
	for h := range 30 {
		hours = append(hours, h*60)
	}
	ages := []int{0, 60, 119, 120, 121, 180, 1000}
	for _, x := range []struct {
		pattern string
		ages    []int
		want    string
	}{
		{"2h", ages, "0 60 119 120"},
		{"4h:1d:1w", hours, "0 60 120 180 420 660 900 1140 1380 1740"},
		{"1h:1d", []int{10, 70, 80, 110, 130, 2000}, "10 110 130"},
	} {
		if got := purged(t, x.pattern, x.ages); got != x.want {
			t.Errorf("%s of %v leaves %s, want %s", x.pattern, x.ages, got, x.want)
		}
	}
}

func TestRestore_GoesOnWithoutItsCaller(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		c := sim.New(sim.Options{Timing: sim.Timing{Restore: 10 * time.Second}, GateForgets: forgets})
		t.Cleanup(c.Close)
		lateRestore(t, c, forgets)
	}
}

func lateRestore(t *testing.T, c *sim.Cluster, forgets bool) {
	t.Helper()
	c.SetVolume("a", "v", numbers(1, 1)...)
	c.Go("a", "restore", func(ctx context.Context, w port.World) {
		s, err := w.Snapshots.Take(ctx, "v")
		must(t, err)
		c.SetVolume("a", "v", numbers(1, 9)...)
		_ = w.Volumes.Restore(ctx, s.Name, "v")
	})
	must(t, c.RunFor(time.Second))
	c.CrashHandler("a")
	c.StartHandler("a")
	var blocked error
	c.Go("a", "touch", func(ctx context.Context, w port.World) { blocked = w.Volumes.Remove(ctx, "v") })
	must(t, c.RunFor(time.Second))
	if errors.Is(blocked, port.ErrBlocked) == forgets || c.Busy() == 0 {
		t.Errorf("meanwhile: %v, busy %d", blocked, c.Busy())
	}
	must(t, c.RunFor(time.Minute))
	if got := content(c, "a", "v"); got != "1" || c.Busy() != 0 {
		t.Errorf("the volume holds %s, busy %d", got, c.Busy())
	}
}
