package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// player plays one turn of a cell again.
type player struct {
	shell
	row, column string
	turn        recette.Turn
	fault       string
	seed        uint64
	quiet       bool
	noise       bool
}

func newReplay(sh shell) *cobra.Command {
	p := player{shell: sh}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "one cell again, with its trace",
		Long: `replay plays one turn of a cell of the matrix twice, prints what happened, and
fails when the two runs differ. Its flags are those of the line that a failed
cell ends with.`,
		Example: "  sim replay --row a-b_to_c-d --column 'send fails'\n  sim replay --row a-b_to_b-a --column 'crash of new master' --fault 'b Stack.Up 1 crash-after'",
		Args:    given(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return p.play() },
	}
	cmd.Flags().StringVar(&p.row, "row", "", "row of the matrix")
	cmd.Flags().StringVar(&p.column, "column", "no fault", "column of the matrix")
	cmd.Flags().IntVar(&p.turn.Move, "move", 1, "which move of the row")
	cmd.Flags().IntVar(&p.turn.Variant, "variant", 1, "which variant of the column")
	cmd.Flags().StringVar(&p.fault, "fault", "", `which fault, for columns that strike every call: "node call nth phase"`)
	cmd.Flags().Uint64Var(&p.seed, "seed", 1, "of everything random")
	cmd.Flags().BoolVarP(&p.quiet, "quiet", "q", false, "no trace")
	cmd.Flags().BoolVar(&p.noise, "all", false, "also the calls that go on when nothing happens")
	return cmd
}

func (p *player) play() error {
	row, column, err := p.cell()
	if err != nil {
		return fmt.Errorf("%w: %w", errBad, err)
	}
	if p.fault != "" {
		if p.turn.Trouble, err = recette.ParseFault(p.fault); err != nil {
			return fmt.Errorf("%w: %w", errBad, err)
		}
	}
	o := recette.Options{Seed: p.seed, Trace: true}
	var hashes []uint64
	var first error
	var proof string
	for range 2 {
		said, err := recette.Replay(row, column, p.turn, o, func(c *sim.Cluster) {
			if len(hashes) == 0 && !p.quiet {
				p.trace(c)
			}
			hashes = append(hashes, c.Hash())
		})
		if o.Trace {
			first, proof, o.Trace = err, said, false // the hash does not depend on it
		}
	}
	switch {
	case len(hashes) == 2 && hashes[0] != hashes[1]:
		return fmt.Errorf("%w: %w: hashes %016x and %016x", errPlayed, recette.ErrNondeterminism, hashes[0], hashes[1])
	case len(hashes) != 2:
		return fmt.Errorf("%w: it did not begin: %w", errPlayed, first)
	}
	fmt.Fprintf(p.out, "%s, %s, %s: two runs, hash %016x\n", row.Name, column.Name, p.turn, hashes[0])
	if first != nil {
		return fmt.Errorf("%w: %w", errPlayed, first)
	}
	if proof != "" {
		fmt.Fprintf(p.out, "struck: %s\n", proof)
	}
	fmt.Fprintln(p.out, "pass")
	return nil
}

func (p *player) cell() (recette.Row, recette.Column, error) {
	_, err := recette.Find([]string{p.row}, []string{p.column})
	if err != nil {
		return recette.Row{}, recette.Column{}, err
	}
	rows, columns := recette.Rows(), recette.Columns()
	r := slices.IndexFunc(rows, func(r recette.Row) bool { return r.Name == p.row })
	c := slices.IndexFunc(columns, func(c recette.Column) bool { return c.Name == p.column })
	if r < 0 || c < 0 {
		return recette.Row{}, recette.Column{}, fmt.Errorf("name one row and one column")
	}
	return rows[r], columns[c], nil
}

func (p *player) trace(c *sim.Cluster) {
	background := []string{"Warden.Touch", "Guard.List", "Presence.Join", "KV.Wait", "Events.Recent"} // of every beat
	for _, e := range c.Trace() {
		if p.noise || e.Err != "" || !slices.Contains(background, e.Call) {
			fmt.Fprintln(p.out, e)
		}
	}
}
