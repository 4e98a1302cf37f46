package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/handler/app"
)

// duration is one field of app.Times under its name in the file.
type duration struct {
	name string
	at   *time.Duration
}

type number struct {
	name string
	at   *int
}

func durations(t *app.Times) []duration {
	return []duration{
		{"beat", &t.Beat}, {"call_timeout", &t.CallTimeout}, {"lease", &t.Lease}, {"guard_poll", &t.GuardPoll},
		{"kill_max", &t.KillMax}, {"silence", &t.Silence}, {"session_ttl", &t.SessionTTL}, {"gone", &t.Gone},
		{"orphan", &t.Orphan}, {"edge_wait", &t.EdgeWait}, {"poll", &t.Poll}, {"stop_extra", &t.StopExtra},
		{"stop_max", &t.StopMax}, {"delta_goal", &t.DeltaGoal}, {"delta_max", &t.DeltaMax}, {"git_max", &t.Git},
		{"pull_max", &t.Pull}, {"build_max", &t.Build}, {"precopy_max", &t.Precopy}, {"restore_max", &t.Restore},
		{"update_max", &t.Update}, {"healthy_max", &t.Healthy}, {"settled", &t.Settled}, {"tombstones", &t.Tombstones},
	}
}

func numbers(t *app.Times) []number {
	return []number{{"rounds", &t.Rounds}, {"tombstones_kept", &t.TombstonesKept}, {"history_kept", &t.HistoryKept}}
}

// load reads the durations of the protocol: the defaults, but for what the
// file says. Every relation between them is checked before anything starts.
func (s *settings) load() (app.Times, error) {
	t := app.DefaultTimes()
	if s.times == "" {
		return t, nil
	}
	data, err := os.ReadFile(s.times)
	if err == nil {
		err = readTimes(data, &t)
	}
	if err == nil {
		err = checkTimes(t)
	}
	if err != nil {
		return t, exit(exitBad, "--times %s: %w", s.times, err)
	}
	return t, nil
}

func readTimes(data []byte, t *app.Times) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil {
		return fmt.Errorf(`is not a JSON object such as {"silence": "60s"}: %w`, err)
	}
	var known []string
	for _, d := range durations(t) {
		known = append(known, d.name)
		var text string
		if raw, ok := given[d.name]; ok {
			err := json.Unmarshal(raw, &text)
			if err == nil {
				*d.at, err = time.ParseDuration(text)
			}
			if err != nil || *d.at <= 0 {
				return fmt.Errorf(`%s: %s is not a duration such as "45s" or "10m"`, d.name, bytes.TrimSpace(raw))
			}
		}
		delete(given, d.name)
	}
	for _, n := range numbers(t) {
		known = append(known, n.name)
		if raw, ok := given[n.name]; ok {
			if err := json.Unmarshal(raw, n.at); err != nil || *n.at <= 0 {
				return fmt.Errorf("%s: %s is not a number above 0", n.name, bytes.TrimSpace(raw))
			}
		}
		delete(given, n.name)
	}
	for name := range given {
		slices.Sort(known)
		return fmt.Errorf("%q is not a known duration; known here: %s", name, strings.Join(known, ", "))
	}
	return nil
}

// relation is an inequality of the protocol that keeps two nodes apart, or a
// limit of Consul's.
type relation struct {
	holds bool
	says  string
}

func relations(t app.Times) []relation {
	worst := float64(t.Lease+t.GuardPoll+t.KillMax)*(1+app.Drift)/(1-app.Drift) + float64(10*time.Second)
	return []relation{
		{t.Lease >= 3*(t.Beat+t.CallTimeout), "lease must be ≥ 3 × (beat + call_timeout): two lost renewals may not stop a healthy start"},
		{t.CallTimeout < t.Lease/3, "call_timeout must be < lease / 3"},
		{t.Lease > 10*time.Second, "lease must be > 10s, a leader election of Consul's"},
		{3*t.GuardPoll <= t.Lease/3, "guard_poll must be ≤ lease / 9: a renewal is due before the guard's mark is too old"},
		{t.KillMax > 3*time.Second, "kill_max must be > 3s, which dockerd has"},
		{float64(t.Silence) >= worst, fmt.Sprintf("silence must be ≥ (lease + guard_poll + kill_max) with drift + 10s = %s: it keeps two nodes from running one app",
			time.Duration(worst).Round(100*time.Millisecond))},
		{t.SessionTTL >= 10*time.Second && t.SessionTTL <= 24*time.Hour, "session_ttl must be from 10s to 24h: Consul takes no other"},
		{t.SessionTTL >= 2*t.Beat+t.CallTimeout, "session_ttl must be ≥ 2 × beat + call_timeout: a session outlives two lost beats"},
		{t.Gone >= 2*t.SessionTTL, "gone must be ≥ 2 × session_ttl"},
		{t.Gone >= t.Silence, "gone must be ≥ silence"},
		{t.Orphan > t.Gone, "orphan must be > gone"},
		{t.EdgeWait < t.Silence, "edge_wait must be < silence"},
		{t.Poll < t.Silence, "poll must be < silence"},
		{t.DeltaMax >= 3*t.DeltaGoal, "delta_max must be ≥ 3 × delta_goal"},
		{t.Settled < t.Healthy, "settled must be < healthy_max"},
		{t.TombstonesKept >= 1024, "tombstones_kept must be ≥ 1024, 4 × Consul's ring of events"},
	}
}

// checkTimes names every relation that does not hold.
func checkTimes(t app.Times) error {
	var all []error
	for _, r := range relations(t) {
		if !r.holds {
			all = append(all, errors.New(r.says))
		}
	}
	return errors.Join(all...)
}
