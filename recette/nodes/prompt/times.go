package prompt

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// times are production's durations but for those that a person would wait for:
// they are about the smallest that their relations allow.
func times() app.Times {
	t := app.DefaultTimes()
	for _, d := range shorter(&t) {
		*d.at = d.is
	}
	return t
}

// short is one duration under its name in the file of --times.
type short struct {
	name string
	at   *time.Duration
	is   time.Duration
}

func shorter(t *app.Times) []short {
	return []short{
		{"beat", &t.Beat, time.Second}, {"call_timeout", &t.CallTimeout, 2600 * time.Millisecond}, {"lease", &t.Lease, 11 * time.Second},
		{"guard_poll", &t.GuardPoll, time.Second}, {"kill_max", &t.KillMax, 3100 * time.Millisecond}, {"silence", &t.Silence, 26 * time.Second},
		{"session_ttl", &t.SessionTTL, 10 * time.Second}, {"gone", &t.Gone, 26 * time.Second}, {"orphan", &t.Orphan, 35 * time.Second},
		{"edge_wait", &t.EdgeWait, 5 * time.Second}, {"poll", &t.Poll, 2 * time.Second}, {"stop_extra", &t.StopExtra, 5 * time.Second},
		{"settled", &t.Settled, 5 * time.Second}, {"git_max", &t.Git, 30 * time.Second}, {"restore_max", &t.Restore, time.Minute},
		{"update_max", &t.Update, time.Minute}, {"healthy_max", &t.Healthy, 90 * time.Second},
	}
}

// durations is the file of --times.
func durations() (json.RawMessage, error) {
	all := map[string]string{}
	for _, d := range shorter(&app.Times{}) {
		all[d.name] = d.is.String()
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write durations: %w", err)
	}
	return data, nil
}
