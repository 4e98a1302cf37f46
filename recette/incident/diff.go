package incident

import (
	"github.com/mlfmonde/cluster/sim"
)

// Parting is where two traces part.
type Parting struct {
	At     int // number of the first entry that is not the same, from 0
	Same   bool
	Before []sim.Entry // the last ones that are the same
	A, B   []sim.Entry // what follows on either side, the first of which is not the same; empty: that trace ends
}

// Around is how many entries a [Parting] shows at most on each side of it.
const Around = 5

// Diff finds the first difference between two traces. Numbers of steps do not
// count, as they do not for the hash: code that waits once more is not yet code
// that does something else.
func Diff(a, b []sim.Entry) Parting {
	i := 0
	for i < len(a) && i < len(b) && alike(a[i], b[i]) {
		i++
	}
	return Parting{
		At: i, Same: i == len(a) && i == len(b), Before: a[max(0, i-Around):i],
		A: a[i:min(len(a), i+Around)], B: b[i:min(len(b), i+Around)],
	}
}

func alike(a, b sim.Entry) bool {
	a.Step, b.Step = 0, 0
	return a == b
}
