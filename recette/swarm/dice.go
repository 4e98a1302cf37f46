package swarm

import (
	"time"

	"github.com/mlfmonde/cluster/sim/sched"
)

// dice is where everything comes from: one seed.
type dice struct{ *sched.Rand }

// between is a number from least to most.
func (d dice) between(least, most int) int { return least + d.Intn(most-least+1) }

// chance comes true in so many of a hundred cases.
func (d dice) chance(percent int) bool { return d.Intn(100) < percent }

// span is a time from least to about most, short ones as likely as long ones:
// the order of magnitude is drawn first.
func (d dice) span(least, most time.Duration) time.Duration {
	doublings := 0
	for x := least; 2*x <= most; x *= 2 {
		doublings++
	}
	base := least << d.Intn(doublings+1)
	return base + time.Duration(d.Intn(int(base/time.Millisecond)))*time.Millisecond
}

// when is a moment before end.
func (d dice) when(end time.Duration) time.Duration {
	return time.Duration(d.Intn(int(end/time.Millisecond))) * time.Millisecond
}

// one is any of all, the zero value of none.
func one[T any](d dice, all []T) (v T) {
	if len(all) > 0 {
		v = all[d.Intn(len(all))]
	}
	return v
}

// some are so many of all, in their order.
func some[T any](d dice, all []T, n int) (chosen []T) {
	for i, v := range all {
		if d.Intn(len(all)-i) < n-len(chosen) {
			chosen = append(chosen, v)
		}
	}
	return chosen
}

// few takes each of all with that chance.
func few[T any](d dice, all []T, percent int) (chosen []T) {
	for _, v := range all {
		if d.chance(percent) {
			chosen = append(chosen, v)
		}
	}
	return chosen
}
