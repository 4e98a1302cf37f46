package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mlfmonde/cluster/recette"
)

func newBench(sh shell) *cobra.Command {
	var (
		asJSON    bool
		processor bool
		length    time.Duration
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "how fast it simulates, on one core",
		Long: `bench measures whole deploys on three nodes, each from its request to its close,
with the invariants after every step, and how fast virtual time passes on a
cluster where nothing happens. It uses one core.`,
		Args: given(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			clock := wall
			if processor {
				clock = used
			}
			speed, err := recette.Measure(length, func() func() time.Duration {
				began := clock()
				return func() time.Duration { return clock() - began }
			})
			if err != nil {
				return fmt.Errorf("%w: %w", errPlayed, err)
			}
			if asJSON {
				return json.NewEncoder(sh.out).Encode(speed)
			}
			fmt.Fprint(sh.out, speed)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&processor, "cpu", false, "by processor time, for a machine that does other things meanwhile")
	cmd.Flags().DurationVar(&length, "for", 3*time.Second, "how long to measure each")
	return cmd
}

// wall is the time that passes; used is what this process has used of a
// processor.
func wall() time.Duration { return time.Duration(time.Now().UnixNano()) }

func used() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return wall()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
