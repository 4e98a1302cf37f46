package recette_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim/sched"
)

var _ = Describe("The matrix", func() {
	take := taken()
	var entries []any
	for _, p := range recette.Places(recette.WorldSim) {
		if r, c := p.Row, p.Column; take(r, c) {
			entries = append(entries, Entry(r.Title+", "+c.Name, Label(labels(r, c)...), r.Name, c.Name))
		}
	}
	if len(entries) == 0 {
		return // a filter or a shard takes none
	}
	DescribeTable("on the simulator", append([]any{func(row, column string) {
		cell, ok := played()[row+"\n"+column]
		Expect(ok).To(BeTrue(), "the cell was not played")
		AddReportEntry(cellEntry, cell, ReportEntryVisibilityNever)
		Expect(cell.Proof).NotTo(BeEmpty(), "nothing shows that the trouble struck")
		Expect(cell.Verdict).To(Equal(recette.Pass), "%s\nplay it again: %s", cell.Reason, cell.Replay)
	}}, entries...)...)
})

var _ = Describe("The table", func() {
	It("has the 35 transitions and the chain", func() {
		kinds := map[string]int{}
		for _, r := range recette.Rows() {
			kinds[string(r.Moves[0].Kind)]++
		}
		Expect(kinds).To(Equal(map[string]int{"deploy": 18, "destroy": 3, "migrate": 15})) // the chain is a deploy
	})
	It("has at least ten columns, each with cells", func() {
		Expect(len(recette.Columns())).To(BeNumerically(">=", 25))
		for _, c := range recette.Columns() {
			n := 0
			for _, r := range recette.Rows() {
				if recette.Applies(r, c) {
					n++
				}
			}
			Expect(n).To(BeNumerically(">", 0), c.Name)
		}
	})
})

// Orders in which tasks take turns: what holds in one holds in all.
var _ = Describe("The matrix in other orders", func() {
	seeds := uint64(1)
	switch {
	case testing.Short():
		seeds = 0
	case full():
		seeds = 20
	}
	for s := range seeds {
		for _, kind := range []sched.Kind{sched.Random, sched.PCT, sched.Turns} {
			It(fmt.Sprintf("passes without sweeps: %s, seed %d", kind, s+seed()), func() {
				o := recette.Options{Seed: s + seed(), Strategy: sched.Strategy{Kind: kind, Seed: s + seed(), Depth: 3, Steps: 3000}}
				n := -1
				result := recette.PlayAll(o, func(r recette.Row, c recette.Column) bool {
					n++
					return c.Sweep == "" && shard(n)
				})
				Expect(result.Totals.Fail+result.Totals.Vacuous).To(BeZero(), recette.Text(result))
				Expect(result.Totals.Pass).To(BeNumerically(">", 0))
			})
		}
	}
})
