package app

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// snapshotDate is how the driver dates its snapshots. Fractions may follow.
const snapshotDate = "2006-01-02T15:04:05"

// Taken is when the snapshot was taken, by the clock of the node that took it;
// false: its name carries no date.
func (s Snapshot) Taken() (time.Time, bool) {
	_, rest, _ := strings.Cut(s.Name, "@")
	date, _, _ := strings.Cut(rest, "@")
	at, err := time.Parse(snapshotDate, date)
	return at, err == nil
}

// Spared reports that the driver's purge with pattern leaves the snapshot called
// first and all whole ones of the same volume that are dated after it, whenever
// it runs until margin after now. of are all snapshots of the volume. Their names
// tell the local time of whoever took them, which may be ahead of now: that first
// was known at listed, RFC 3339, corrects it; "" corrects nothing.
//
// The purge leaves what is younger than the pattern's smallest component. Of
// what is older it keeps the oldest in each frame of that length: a snapshot
// stays as long as no older one is nearer to it. From the second component on
// frames are longer, and half of that is left for clocks that tell a node's
// local time.
func Spared(pattern string, of []Snapshot, first, listed string, now time.Time, margin time.Duration) bool {
	young, alone := horizons(pattern)
	known, err := time.Parse(time.RFC3339, listed)
	if taken, dated := (Snapshot{Name: first}).Taken(); dated && err == nil && taken.After(known) {
		now = now.Add(taken.Sub(known))
	}
	for _, s := range of {
		at, dated := s.Taken()
		if s.Name < first || s.Host != "" || !s.ReadOnly || !dated {
			continue
		}
		age := now.Sub(at) + margin
		crowded := slices.ContainsFunc(of, func(o Snapshot) bool {
			before, dated := o.Taken()
			return dated && before.Before(at) && at.Sub(before) < young
		})
		if age >= young && (crowded || age >= alone) {
			return false
		}
	}
	return true
}

// horizons are the ages below which a purge with pattern leaves every snapshot,
// and those that stand alone. A pattern that is none leaves nothing.
func horizons(pattern string) (young, alone time.Duration) {
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}
	var parts []time.Duration
	for p := range strings.SplitSeq(pattern, ":") {
		if p == "" || unit[p[len(p)-1]] == 0 {
			return 0, 0
		}
		n, err := strconv.Atoi(p[:len(p)-1])
		if err != nil || n < 0 {
			return 0, 0
		}
		parts = append(parts, time.Duration(n)*unit[p[len(p)-1]])
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	if len(parts) == 1 {
		return parts[0], parts[0]
	}
	return parts[0], parts[1] / 2
}
