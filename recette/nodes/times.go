package nodes

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// Short are durations with which a real cell is over within a minute or two:
// the smallest that the relations between them allow, and for calls what a
// machine with two cores and four nodes needs.
func Short() app.Times {
	t := app.DefaultTimes()
	t.Beat, t.CallTimeout, t.Lease, t.GuardPoll = time.Second, 2600*time.Millisecond, 11*time.Second, time.Second
	t.KillMax, t.Silence, t.SessionTTL, t.Gone = 3100*time.Millisecond, 26*time.Second, 10*time.Second, 26*time.Second
	t.Orphan, t.EdgeWait, t.Poll = 35*time.Second, 5*time.Second, 2*time.Second
	t.StopExtra, t.Git, t.Settled = 5*time.Second, 30*time.Second, 5*time.Second
	t.DeltaGoal, t.DeltaMax = 20*time.Second, 2*time.Minute
	t.Pull, t.Build, t.Precopy, t.Restore = 2*time.Minute, 3*time.Minute, 3*time.Minute, time.Minute
	t.Update, t.Healthy = time.Minute, 90*time.Second
	return t
}

// Flags is the file of --times for the durations in which a real cluster may
// differ from production.
func Flags(t app.Times) (json.RawMessage, error) {
	all := map[string]string{}
	for name, d := range map[string]time.Duration{
		"beat": t.Beat, "call_timeout": t.CallTimeout, "lease": t.Lease, "guard_poll": t.GuardPoll, "kill_max": t.KillMax,
		"silence": t.Silence, "session_ttl": t.SessionTTL, "gone": t.Gone, "orphan": t.Orphan, "edge_wait": t.EdgeWait,
		"poll": t.Poll, "stop_extra": t.StopExtra, "settled": t.Settled, "git_max": t.Git, "delta_goal": t.DeltaGoal,
		"delta_max": t.DeltaMax, "pull_max": t.Pull, "build_max": t.Build, "precopy_max": t.Precopy, "restore_max": t.Restore,
		"update_max": t.Update, "healthy_max": t.Healthy,
	} {
		all[name] = d.String()
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write durations: %w", err)
	}
	return text, nil
}
