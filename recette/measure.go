package recette

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/inspect"
)

// Speed is how fast a cluster is simulated. Rates are per second of the
// machine it ran on.
type Speed struct {
	Deploys        float64 `json:"deploys_per_second"`
	Steps          float64 `json:"steps_per_second"`             // while deploying
	Simulated      float64 `json:"simulated_seconds_per_second"` // of an idle cluster
	StepsPerDeploy float64 `json:"steps_per_deploy"`
	TimePerDeploy  float64 `json:"simulated_seconds_per_deploy"`
	Allocations    float64 `json:"allocations_per_deploy"`
	Bytes          float64 `json:"bytes_per_deploy"`
	Clusters       float64 `json:"clusters_per_second"` // made, run for a second, closed
	Nodes          int     `json:"nodes"`
	Cores          int     `json:"cores"`
}

func (s Speed) String() string {
	return fmt.Sprintf(`%10.0f whole deploys a second on %d nodes, %d core
%10.0f steps a second, %.0f a deploy
%10.0f simulated seconds a second when nothing happens, %.1f a deploy
%10.0f allocations and %.0f bytes a deploy
%10.0f clusters made and closed a second
`, s.Deploys, s.Nodes, s.Cores, s.Steps, s.StepsPerDeploy, s.Simulated, s.TimePerDeploy, s.Allocations, s.Bytes, s.Clusters)
}

// round is how many deploys one cluster of [Measure] sees: what they leave in
// the KV costs the next ones time, as in life.
const round = 20

// Bench deploys an application n times on three nodes, back and forth, each
// time from the request to the close and then for a moment more, and returns
// the scene; the caller closes it.
func Bench(n int, memo *inspect.Memo) (*Scene, error) {
	ctx := context.Background() // nothing waits in virtual time
	s, err := NewScene(Setting{Seed: 1, Memo: memo, Mute: true})
	if err != nil {
		return s, err
	}
	c, err := s.cast(ctx, "app")
	if err != nil {
		return s, err
	}
	places := []app.Placement{{Master: "n1", Slave: "n2"}, {Master: "n2", Slave: "n3"}, {Master: "n3", Slave: "n1"}}
	for i := range n {
		if err := s.ask(ctx, c, app.Request{Kind: app.Deploy, New: places[i%len(places)]}, ""); err != nil {
			return s, err
		}
		if err := s.idle(ctx); err != nil {
			return s, err
		}
		if r, err := s.ended(ctx, c); err != nil || r.Outcome != app.OutcomeCommitted {
			return s, fmt.Errorf("deploy %d: %s %s: %w", i+1, r.Outcome, r.Reason, err)
		}
	}
	return s, nil
}

// Measure takes the figures, each for about d; clock starts a stopwatch.
func Measure(d time.Duration, clock func() func() time.Duration) (Speed, error) {
	speed := Speed{Nodes: 3, Cores: runtime.GOMAXPROCS(0)}
	memo := &inspect.Memo{}
	if err := speed.deploys(d, clock, memo); err != nil {
		return speed, err
	}
	return speed, speed.idle(d, clock, memo)
}

func (speed *Speed) deploys(d time.Duration, clock func() func() time.Duration, memo *inspect.Memo) error {
	var before, after runtime.MemStats
	n, steps, simulated := 0.0, 0.0, time.Duration(0)
	runtime.GC()
	runtime.ReadMemStats(&before)
	took := clock()
	for n == 0 || took() < d {
		s, err := Bench(round, memo)
		if err != nil {
			return err
		}
		n += round
		steps += float64(s.Tally().Steps)
		simulated += s.Now()
		s.Close()
	}
	seconds := took().Seconds()
	runtime.ReadMemStats(&after)
	speed.Deploys, speed.Steps = n/seconds, steps/seconds
	speed.StepsPerDeploy, speed.TimePerDeploy = steps/n, simulated.Seconds()/n
	speed.Allocations = float64(after.Mallocs-before.Mallocs) / n
	speed.Bytes = float64(after.TotalAlloc-before.TotalAlloc) / n
	return nil
}

func (speed *Speed) idle(d time.Duration, clock func() func() time.Duration, memo *inspect.Memo) error {
	s, err := NewScene(Setting{Seed: 1, Memo: memo, Mute: true})
	if err != nil {
		return err
	}
	defer s.Close()
	hours := 0
	took := clock()
	for ; hours == 0 || took() < d; hours++ {
		if err := s.Pass(context.Background(), time.Hour); err != nil {
			return err
		}
	}
	speed.Simulated = float64(hours) * 3600 / took().Seconds()
	made := 0
	for took = clock(); made == 0 || took() < d; made++ {
		s, err := NewScene(Setting{Seed: 1, Memo: memo, Mute: true})
		if err != nil {
			return err
		}
		err = s.Pass(context.Background(), time.Second)
		s.Close()
		if err != nil {
			return err
		}
	}
	speed.Clusters = float64(made) / took().Seconds()
	return nil
}
