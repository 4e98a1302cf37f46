package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/incident"
)

// leave keeps a run that failed with failure as an incident below dir, and
// prints the line that plays it again. What goes wrong with that is said and
// changes nothing about the failure.
func (sh shell) leave(dir string, p incident.Play, failure error) {
	in, err := incident.Write(dir, p, failure, commit())
	if in.Line != "" {
		fmt.Fprintf(sh.out, "play it again: %s\nlook at it:    %s\n", in.Line, filepath.Join(in.Dir, incident.TimelineFile))
	}
	if err != nil {
		fmt.Fprintln(sh.err, "sim: "+err.Error())
	}
}

// leaveCells keeps the turns at which simulated cells of the result failed.
func (sh shell) leaveCells(dir string, result recette.Result, seed uint64) {
	for _, c := range result.Cells {
		var failed *recette.Failed
		if c.World != recette.WorldSim || !errors.As(c.Cause, &failed) {
			continue
		}
		p, err := incident.CellOf(c.Row, c.Column, failed.Turn, seed).Play()
		if err != nil {
			fmt.Fprintf(sh.err, "sim: keep %s with %s: %v\n", c.Row, c.Column, err)
			continue
		}
		sh.leave(dir, p, c.Cause)
	}
}

// again leaves an incident where that was asked for, and says how to play the
// scenario again.
func (r *runner) again(args []string, sc recette.Scenario, set recette.Setting, failure error) {
	if r.keep != "" {
		r.leave(r.keep, incident.OfScenario(sc, set), failure)
		return
	}
	words := []string{"bin/sim", "replay", strings.Join(args, " "), "--seed", strconv.FormatUint(r.seed, 10)}
	switch {
	case len(args) == 0:
		words[2] = "story"
	case args[0] == "-":
		fmt.Fprintln(r.out, "keep it to play it again: --incident DIR")
		return
	}
	if r.random {
		words = append(words, "--random")
	}
	if len(r.nodes) > 0 {
		words = append(words, "--nodes", strings.Join(r.nodes, ","))
	}
	fmt.Fprintf(r.out, "play it again: %s\n", strings.Join(words, " "))
}
