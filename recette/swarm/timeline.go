package swarm

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"
)

// moment is a command and when it is given.
type moment struct {
	at   time.Duration
	line string
}

// timeline is what is given while faults are on, in the order of its drawing.
type timeline []moment

// at adds a command.
func (t *timeline) at(when time.Duration, format string, args ...any) {
	*t = append(*t, moment{when, fmt.Sprintf(format, args...)})
}

// write writes the commands in the order of time, up to the end, with pauses
// between them. What comes later is left to the healing.
func (t timeline) write(b *bytes.Buffer, end time.Duration) {
	all := slices.Clone(t)
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var now time.Duration
	pass := func(to time.Duration) {
		if to > now {
			fmt.Fprintf(b, "run %v\n", to-now)
			now = to
		}
	}
	for _, m := range all {
		if m.at >= end {
			break
		}
		pass(m.at)
		fmt.Fprintln(b, m.line)
	}
	pass(end)
}
