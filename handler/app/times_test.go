package app_test

import (
	"testing"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// relations are the inequalities of the protocol. broken changes a value so
// that the relation must not hold: a relation that cannot fail shows nothing.
var relations = []struct {
	says   string
	holds  func(app.Times) bool
	broken func(*app.Times)
}{
	{"lease ≥ 3 × (beat + call_timeout): two lost renewals do not stop a healthy start",
		func(t app.Times) bool { return t.Lease >= 3*(t.Beat+t.CallTimeout) }, func(t *app.Times) { t.Beat = 4 * time.Second }},
	{"call_timeout < lease / 3",
		func(t app.Times) bool { return t.CallTimeout < t.Lease/3 }, func(t *app.Times) { t.CallTimeout = 9 * time.Second }},
	{"lease > a Consul leader election, 10 s",
		func(t app.Times) bool { return t.Lease > 10*time.Second }, func(t *app.Times) { t.Lease = 10 * time.Second }},
	{"a renewal is due before the guard's mark is too old: 3 × guard_poll ≤ lease / 3",
		func(t app.Times) bool { return 3*t.GuardPoll <= t.Lease/3 }, func(t *app.Times) { t.GuardPoll = 3 * time.Second }},
	{"kill_max leaves time after dockerd's 3 s",
		func(t app.Times) bool { return t.KillMax > 3*time.Second }, func(t *app.Times) { t.KillMax = 3 * time.Second }},
	{"silence ≥ (lease + guard_poll + kill_max)·(1+ρ)/(1−ρ) + 10 s: no two nodes run one app",
		func(t app.Times) bool {
			worst := float64(t.Lease+t.GuardPoll+t.KillMax) * (1 + app.Drift) / (1 - app.Drift)
			return t.Silence >= time.Duration(worst)+10*time.Second
		}, func(t *app.Times) { t.Silence = 44 * time.Second }},
	{"ρ is 1 %", func(app.Times) bool { return app.Drift == 0.01 }, nil},
	{"Consul takes session TTLs from 10 s to 24 h",
		func(t app.Times) bool { return t.SessionTTL >= 10*time.Second && t.SessionTTL <= 24*time.Hour }, func(t *app.Times) { t.SessionTTL = 9 * time.Second }},
	{"a session outlives two lost beats: session_ttl ≥ 2 × beat + call_timeout",
		func(t app.Times) bool { return t.SessionTTL >= 2*t.Beat+t.CallTimeout }, func(t *app.Times) { t.Beat = 6 * time.Second }},
	{"gone ≥ 2 × session_ttl",
		func(t app.Times) bool { return t.Gone >= 2*t.SessionTTL }, func(t *app.Times) { t.SessionTTL = 31 * time.Second }},
	{"gone ≥ silence",
		func(t app.Times) bool { return t.Gone >= t.Silence }, func(t *app.Times) { t.Gone = 44 * time.Second }},
	{"orphan > gone",
		func(t app.Times) bool { return t.Orphan > t.Gone }, func(t *app.Times) { t.Orphan = t.Gone }},
	{"edge_wait < silence",
		func(t app.Times) bool { return t.EdgeWait < t.Silence }, func(t *app.Times) { t.EdgeWait = t.Silence }},
	{"poll = 10 × beat",
		func(t app.Times) bool { return t.Poll == 10*t.Beat }, func(t *app.Times) { t.Poll = 29 * time.Second }},
	{"poll < silence: a lost watch does not look like a dead node",
		func(t app.Times) bool { return t.Poll < t.Silence }, func(t *app.Times) { t.Poll = time.Minute }},
	{"stop: 10 s beyond the grace, 120 s at most",
		func(t app.Times) bool { return t.StopExtra == 10*time.Second && t.StopMax == 120*time.Second }, func(t *app.Times) { t.StopMax = time.Hour }},
	{"delta_goal 60 s, delta_max 30 min, room for 3 × a round at the goal",
		func(t app.Times) bool {
			return t.DeltaGoal == time.Minute && t.DeltaMax == 30*time.Minute && t.DeltaMax >= 3*t.DeltaGoal
		}, func(t *app.Times) { t.DeltaMax = 2 * time.Minute }},
	{"5 pre-copy rounds at most",
		func(t app.Times) bool { return t.Rounds == 5 }, func(t *app.Times) { t.Rounds = 0 }},
	{"while the app runs: git 10 min, pull 30 min, build 60 min, pre-copy 6 h",
		func(t app.Times) bool {
			return t.Git == 10*time.Minute && t.Pull == 30*time.Minute && t.Build == 60*time.Minute && t.Precopy == 6*time.Hour
		}, func(t *app.Times) { t.Git = 0 }},
	{"while it is down: restore 5 min, update 60 min, healthy 10 min",
		func(t app.Times) bool {
			return t.Restore == 5*time.Minute && t.Update == time.Hour && t.Healthy == 10*time.Minute
		}, func(t *app.Times) { t.Restore = 0 }},
	{"without a health check 10 s with no restart are healthy, well within its maximum",
		func(t app.Times) bool { return t.Settled == 10*time.Second && t.Settled < t.Healthy }, func(t *app.Times) { t.Settled = t.Healthy }},
	{"tombstones stay 30 days and ≥ 4 × Consul's ring of 256 events",
		func(t app.Times) bool { return t.Tombstones == 30*24*time.Hour && t.TombstonesKept >= 4*256 }, func(t *app.Times) { t.TombstonesKept = 1023 }},
	{"history: 50 per app",
		func(t app.Times) bool { return t.HistoryKept == 50 }, func(t *app.Times) { t.HistoryKept = 0 }},
}

func TestTimes_EveryRelationOfTheProtocolHolds(t *testing.T) {
	for _, r := range relations {
		times := app.DefaultTimes()
		if !r.holds(times) {
			t.Errorf("does not hold: %s", r.says)
		}
		if r.broken == nil {
			continue
		}
		if r.broken(&times); r.holds(times) {
			t.Errorf("cannot fail: %s", r.says)
		}
	}
}

// The last digits matter: silence is as short as the rule allows, to a second.
func TestTimes_SilenceIsNoLongerThanItMustBe(t *testing.T) {
	times := app.DefaultTimes()
	times.Silence -= time.Second
	for _, r := range relations {
		if r.says[:7] == "silence" && r.holds(times) {
			t.Errorf("still holds one second shorter: %s", r.says)
		}
	}
}
