package figures

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mlfmonde/cluster/fixtures/nodes"
)

const (
	// calmMax is how long a run waits for a machine on which others are busy.
	calmMax = 30 * time.Second
	// calmLook is how long one look at the machine takes.
	calmLook = time.Second
	// calmBusy is how busy it may be: the idle cluster itself needs a part.
	calmBusy = 0.35
)

// calm waits until the machine has little to do besides the idle cluster, and
// returns how busy it was at the last look, 0 to 1. One that does not become
// calm is measured all the same: the reader is told.
func calm(ctx context.Context) (busy float64) {
	for end := time.Now().Add(calmMax); ctx.Err() == nil; {
		before, was := processor()
		_ = nodes.Pause(ctx, calmLook)
		after, is := processor()
		if after == before {
			return 0 // a machine that does not tell
		}
		busy = 1 - (is-was)/(after-before)
		if busy <= calmBusy || time.Now().After(end) {
			break
		}
	}
	return busy
}

// processor is how much time all processors have had, and how much of it they
// had nothing to do, in the kernel's ticks.
func processor() (all, idle float64) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	for i, f := range strings.Fields(line) {
		var n float64
		if _, err := fmt.Sscan(f, &n); err != nil || i == 0 || i > 8 {
			continue // the name, and guests, who are counted already
		}
		all += n
		if i == 4 || i == 5 { // idle, and waiting for a disk
			idle += n
		}
	}
	return all, idle
}
