package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes"
)

// realCells are the flags of the world of real nodes.
type realCells struct {
	world  string
	option nodes.Options
}

func (c *realCells) flags(f *pflag.FlagSet) {
	f.StringVar(&c.world, "world", recette.WorldSim, "sim, or nodes: four containers with the real daemons")
	f.BoolVar(&c.option.Full, "full", false, "nodes: every variant of every cell (hours), not the small selection")
	f.StringVar(&c.option.Shard, "shard", "", "nodes: only part i/n of the cells")
	f.StringVar(&c.option.State, "state", "", "nodes: file with a line for each cell that was played")
	f.BoolVar(&c.option.Resume, "resume", false, "nodes: what passed at this commit by the file of --state is not played again")
	f.IntVar(&c.option.Side, "side", 0, "nodes: plays side by side on a cluster (default 6)")
	f.IntVar(&c.option.Clusters, "clusters", 0, "nodes: clusters at once (default two, where there is enough to play)")
	f.StringVar(&c.option.Evidence, "evidence", "", "nodes: folder for logs, KV and subvolumes of what fails (default a temporary one)")
	f.BoolVar(&c.option.Edge, "edge", false, "nodes: users enter at HAProxy and Caddy of every node, which the handlers configure")
	f.StringVar(&c.option.Record, "record", "", "nodes: folder for recordings of every call of the handlers")
}

// play plays the cells that the flags choose on real nodes. An interrupted run
// takes its cluster away and says what was played so far.
func (c *realCells) play(sh shell, which chooser, done func(recette.Cell)) (recette.Result, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o := c.option
	o.Rows, o.Columns, o.Commit, o.Log, o.Done = which.rows, which.columns, commit(), sh.err, done
	result, err := nodes.Run(ctx, o)
	result.Stamp(commit(), time.Now().UTC().Format(time.RFC3339))
	why := result.Absent[recette.WorldNodes]
	if why != "" && slices.Contains(strings.Split(os.Getenv("RECETTE_REQUIRE"), ","), recette.WorldNodes) {
		err = errors.Join(err, fmt.Errorf("%w: %s; RECETTE_REQUIRE says that it must", errAbsent, why))
	}
	return result, err
}

// check refuses what does not fit together, before anything is played.
func (c *realCells) check(f *pflag.FlagSet) error {
	if c.world != recette.WorldSim && c.world != recette.WorldNodes {
		return fmt.Errorf("%w: --world %s: use %s or %s", errBad, c.world, recette.WorldSim, recette.WorldNodes)
	}
	real := map[string]bool{"full": true, "shard": true, "state": true, "resume": true, "side": true, "clusters": true, "evidence": true, "record": true, "edge": true}
	simulated := map[string]bool{"seed": true, "no-sweep": true, "incident": true}
	var wrong string
	f.Visit(func(flag *pflag.Flag) {
		if c.world == recette.WorldSim && real[flag.Name] || c.world == recette.WorldNodes && simulated[flag.Name] {
			wrong = flag.Name
		}
	})
	if wrong != "" {
		return fmt.Errorf("%w: --%s means nothing for --world %s", errBad, wrong, c.world)
	}
	if c.option.Resume && c.option.State == "" {
		return fmt.Errorf("%w: --resume: of which file? name it with --state", errBad)
	}
	return nil
}
