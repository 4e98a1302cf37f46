package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
)

// chooser is which cells are played, and with which seed.
type chooser struct {
	rows, columns []string
	seed          uint64
}

func (c *chooser) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.rows, "row", nil, "only these rows; * stands for anything; repeatable")
	cmd.Flags().StringArrayVar(&c.columns, "column", nil, "only these columns; * stands for anything; repeatable")
	cmd.Flags().Uint64Var(&c.seed, "seed", 1, "of everything random")
}

func newMatrix(sh shell) *cobra.Command {
	var (
		which      chooser
		asJSON     bool
		noSweep    bool
		page       pages
		everything bool
		keep       string
		real       realCells
	)
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "every transition with every fault",
		Long: `matrix plays the cells of the acceptance matrix: rows are transitions, columns are
things that go wrong. Every cell checks every node at rest, delivers every event
again, deploys afresh, and holds the invariants after every step. It succeeds
when no cell fails and none is vacuous.`,
		Example: "  sim matrix --no-sweep\n  sim matrix --merge docs/matrix.json --markdown docs/MATRIX.md\n  sim matrix --row chain --column 'crash of*' --json",
		Args:    given(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			take, err := recette.Find(which.rows, which.columns)
			if err != nil {
				return fmt.Errorf("%w: %w", errBad, err)
			}
			if err := real.check(cmd.Flags()); err != nil {
				return err
			}
			var result recette.Result
			var cut error // why not everything was played
			if real.world == recette.WorldNodes {
				result, cut = real.play(sh, which, progress(sh, everything))
			} else {
				result = recette.PlayAll(recette.Options{Seed: which.seed, Done: progress(sh, everything)}, func(r recette.Row, c recette.Column) bool {
					return take(r, c) && !(noSweep && c.Sweep != "")
				})
				result.Stamp(commit(), time.Now().UTC().Format(time.RFC3339))
				if keep != "" {
					shell{out: sh.err, err: sh.err}.leaveCells(keep, result, which.seed)
				}
			}
			merged, err := page.merged(result)
			if err == nil {
				err = tell(sh, merged, asJSON, page.markdown)
			}
			return errors.Join(cut, err, verdict(result))
		},
	}
	real.flags(cmd.Flags())
	which.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "the result as JSON on standard output")
	cmd.Flags().StringVar(&page.markdown, "markdown", "", "also write the matrix as a table to this file")
	cmd.Flags().StringArrayVar(&page.merge, "merge", nil, "show what is played now together with the cells of this JSON file, such as those of real nodes; repeatable")
	cmd.Flags().StringVar(&keep, "incident", "", "leave a folder in this one for each simulated cell that fails")
	cmd.Flags().BoolVar(&noSweep, "no-sweep", false, "leave out the columns that crash a node at every call (minutes)")
	cmd.Flags().BoolVarP(&everything, "verbose", "v", false, "name every cell as it ends, not only those that do not pass")
	return cmd
}

// pages are where results come from and go to besides the terminal.
type pages struct {
	merge    []string
	markdown string
}

// merged is result with the cells of earlier runs and of other worlds.
func (p pages) merged(result recette.Result) (recette.Result, error) {
	if len(p.merge) == 0 {
		return result, nil
	}
	var all []recette.Result
	for _, name := range p.merge {
		data, err := os.ReadFile(name)
		if err != nil {
			return result, err
		}
		r, err := recette.Load(data)
		if err != nil {
			return result, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return recette.Merge(append(all, result)...), nil
}

// commit is that of this repository that the program was built from, "" when
// it does not know.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	id, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			id = s.Value[:min(7, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if id == "" {
		return ""
	}
	return id + dirty
}

// progress says on standard error how far it is.
func progress(sh shell, everything bool) func(recette.Cell) {
	done, plays := 0, 0
	f, ok := sh.err.(*os.File)
	sits := ok && terminal(f)
	return func(c recette.Cell) {
		done++
		plays += c.Plays
		if everything || c.Verdict != recette.Pass {
			fmt.Fprintf(sh.err, "%-8s %-24s %-28s %5d plays  %s\n", c.Verdict, c.Row, c.Column, c.Plays, c.Reason)
		}
		if sits {
			fmt.Fprintf(sh.err, "\r%d cells, %d plays\x1b[K", done, plays)
		}
	}
}

func tell(sh shell, result recette.Result, asJSON bool, markdown string) error {
	fmt.Fprintln(sh.err)
	if markdown != "" {
		if err := os.WriteFile(markdown, recette.Markdown(result, time.Now()), 0o644); err != nil {
			return err
		}
	}
	if asJSON {
		data, err := result.JSON()
		if err != nil {
			return err
		}
		_, err = sh.out.Write(data)
		return err
	}
	fmt.Fprint(sh.out, recette.Text(result))
	return nil
}

// verdict is the worst thing of the result, by the order of the exit codes.
func verdict(result recette.Result) error {
	if result.Totals.Fail == 0 && result.Totals.Vacuous == 0 {
		return nil
	}
	var worst *recette.Cell
	for i, c := range result.Cells {
		if c.Cause != nil && (worst == nil || codeOf(recette.KindOf(c.Cause)) < codeOf(recette.KindOf(worst.Cause))) {
			worst = &result.Cells[i]
		}
	}
	if worst == nil {
		return fmt.Errorf("%d cells fail, %d are vacuous", result.Totals.Fail, result.Totals.Vacuous)
	}
	return fmt.Errorf("%w: %d cells fail, %d are vacuous; %s with %s: %w\nplay it again: %s", errPlayed, result.Totals.Fail, result.Totals.Vacuous,
		worst.Row, worst.Column, worst.Cause, worst.Replay)
}
