package app

import "time"

// Times are the protocol's durations. The relations between them keep two
// nodes from running one app; a test asserts each.
type Times struct {
	Beat        time.Duration // a participant's sign of life, and N's renewal
	CallTimeout time.Duration // one Consul call; longer is "unknown"
	Lease       time.Duration // of a starting N, from the sending of its last applied renewal
	GuardPoll   time.Duration // how often the guard looks at the leases
	KillMax     time.Duration // guard: dockerd first, then by pids
	Silence     time.Duration // the only number that keeps two nodes apart
	SessionTTL  time.Duration // presence only
	Gone        time.Duration // absent for so long: failover, closing for the absent
	Orphan      time.Duration // bystanders abort
	EdgeWait    time.Duration // a dead edge delays, never blocks
	Poll        time.Duration // level-triggered pass

	StopExtra time.Duration // beyond the compose file's grace
	StopMax   time.Duration
	DeltaGoal time.Duration // a pre-copy round below it is enough
	DeltaMax  time.Duration // final delta
	Rounds    int           // pre-copy rounds at most

	Git, Pull, Build, Precopy   time.Duration
	Restore, Update, Healthy    time.Duration
	Settled                     time.Duration // without health check: running so long with no restart is healthy
	Tombstones                  time.Duration
	TombstonesKept, HistoryKept int
}

// Drift is how much two machines' clocks may differ in rate (1 %).
const Drift = 0.01

// DefaultTimes are those of protocol §3.
func DefaultTimes() Times {
	return Times{
		Beat: 3 * time.Second, CallTimeout: 5 * time.Second, Lease: 25 * time.Second, GuardPoll: time.Second,
		KillMax: 8 * time.Second, Silence: 45 * time.Second, SessionTTL: 15 * time.Second, Gone: time.Minute,
		Orphan: 10 * time.Minute, EdgeWait: 15 * time.Second, Poll: 30 * time.Second,
		StopExtra: 10 * time.Second, StopMax: 2 * time.Minute, DeltaGoal: time.Minute, DeltaMax: 30 * time.Minute, Rounds: 5,
		Git: 10 * time.Minute, Pull: 30 * time.Minute, Build: time.Hour, Precopy: 6 * time.Hour,
		Restore: 5 * time.Minute, Update: time.Hour, Healthy: 10 * time.Minute, Settled: 10 * time.Second,
		Tombstones: 30 * 24 * time.Hour, TombstonesKept: 1024, HistoryKept: 50,
	}
}
