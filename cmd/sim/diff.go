package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/incident"
	"github.com/mlfmonde/cluster/sim"
)

// differ compares two runs.
type differ struct {
	shell
	seed   uint64
	strict bool
}

// errParts says that two traces are not the same.
var errParts = errors.New("the traces part")

func newDiff(sh shell) *cobra.Command {
	d := differ{shell: sh}
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "the first step at which two runs part",
		Long: `diff compares two traces, prints where they part with a few steps before, and
succeeds when they are the same. A and B are files called trace.jsonl, incidents,
or scenarios, which are played. Numbers of steps do not count.`,
		Example: "  sim diff incidents/story-0a1b2c3d incidents/story-0a1b2c3d-2\n  sim diff incidents/story-0a1b2c3d/trace.jsonl failing.txtar",
		Args:    given(cobra.ExactArgs(2)),
		RunE:    func(_ *cobra.Command, args []string) error { return d.diff(args[0], args[1]) },
	}
	cmd.Flags().Uint64Var(&d.seed, "seed", 1, "of scenarios that name none")
	cmd.Flags().BoolVar(&d.strict, "strict", false, "of scenarios: an operation must be true at the moment it is closed")
	return cmd
}

func (d *differ) diff(a, b string) error {
	left, err := d.trace(a)
	if err != nil {
		return err
	}
	right, err := d.trace(b)
	if err != nil {
		return err
	}
	p := incident.Diff(left, right)
	if p.Same {
		fmt.Fprintf(d.out, "the same: %d entries\n", len(left))
		return nil
	}
	for _, e := range p.Before {
		fmt.Fprintln(d.out, "  "+incident.Show(e))
	}
	d.side("-", a, p.A)
	d.side("+", b, p.B)
	step := func(side []sim.Entry) string {
		if len(side) == 0 {
			return "the end"
		}
		return fmt.Sprintf("step %d, %.3f s", side[0].Step, side[0].At.Seconds())
	}
	return fmt.Errorf("%w after %d entries: %s is at %s, %s at %s", errParts, p.At, a, step(p.A), b, step(p.B))
}

func (d *differ) side(sign, name string, side []sim.Entry) {
	if len(side) == 0 {
		fmt.Fprintf(d.out, "%s %s ends here\n", sign, name)
	}
	for _, e := range side {
		fmt.Fprintln(d.out, sign+" "+incident.Show(e))
	}
}

// trace is that of a file, of an incident, or of a scenario that is played.
func (d *differ) trace(name string) ([]sim.Entry, error) {
	file := name
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		file = filepath.Join(name, incident.LinesFile)
	}
	if strings.HasSuffix(file, ".jsonl") {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		all, err := incident.ReadLines(file, f)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBad, err)
		}
		return all, nil
	}
	data, err := (&runner{shell: d.shell}).read(name)
	if err != nil {
		return nil, err
	}
	p, err := incident.Read(name, data, recette.Setting{Seed: d.seed, Strict: d.strict})
	if err != nil {
		return nil, err
	}
	r := incident.Record(p, incident.Options{})
	if unclear(r.Err) {
		return nil, r.Err
	}
	return r.Entries, nil
}
