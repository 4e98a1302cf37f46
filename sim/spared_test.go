package sim_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/port"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// TestPurge_LeavesWhatIsSpared plays the rule by which a slave keeps its purge
// against the purge itself: whatever snapshots there are and whenever it runs
// within the margin, it takes none that the rule says it leaves.
func TestPurge_LeavesWhatIsSpared(t *testing.T) {
	const margin = 5 * time.Minute
	patterns := []string{"1h:1d:1w:4w:1y", "1h:1d", "30m:2h:1d", "2h", "2h:4h:8h:16h"}
	spared, taken := 0, 0
	for seed := range uint64(400) {
		rand := sched.NewRand(seed)
		pattern := patterns[rand.Intn(len(patterns))]
		c := sim.New(sim.Options{Nodes: []string{"a"}, Seed: seed, Timing: sim.Timing{Round: -1}})
		t.Cleanup(c.Close)
		c.SetVolume("a", "v")
		back := time.Duration(rand.Intn(3)+1) * 20 * time.Hour // most ages are within so much
		var ages []time.Duration
		for range 2 + rand.Intn(8) {
			ages = append(ages, time.Duration(rand.Uint64()%uint64(back>>rand.Intn(6))))
		}
		slices.Sort(ages)
		c.Shell("a", "snapshots", func(ctx context.Context, w port.World) {
			for _, age := range slices.Backward(ages) {
				c.Skew("a", -age)
				_, err := w.Snapshots.Take(ctx, "v")
				must(t, err)
			}
		})
		must(t, c.RunFor(time.Second))
		c.Skew("a", 0)
		var all []app.Snapshot
		for _, s := range c.ObserveNode("a").Snapshots {
			all = append(all, s.Snapshot)
		}
		first := rand.Intn(len(all))
		says := app.Spared(pattern, all, all[first].Name, "", c.ObserveNode("a").Date, margin)
		c.Skew("a", time.Duration(rand.Uint64()%uint64(margin)))
		c.SetSchedule("a", "v", app.Schedule{Action: "purge:" + pattern, Minutes: 1440})
		c.DriverRound("a")
		left := c.ObserveNode("a").Snapshots
		for _, s := range all[first:] {
			gone := !slices.ContainsFunc(left, func(l sim.SnapshotState) bool { return l.Name == s.Name })
			if gone && says {
				t.Fatalf("seed %d, %s, ages %v: %s was taken", seed, pattern, ages, s.Name)
			}
			if gone {
				taken++
				break
			}
		}
		if says {
			spared++
		}
	}
	if spared < 50 || taken < 50 {
		t.Errorf("it says nothing: %d spared, %d taken", spared, taken)
	}
}
