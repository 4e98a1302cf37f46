package recette_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
	"github.com/mlfmonde/cluster/sim/sched"
)

// hashes are those of every play of a cell, in order.
func hashes(row, column string, o recette.Options) (all []uint64) {
	o.Saw = func(c *sim.Cluster) { all = append(all, c.Hash()) }
	for _, r := range recette.Rows() {
		for _, c := range recette.Columns() {
			if r.Name == row && c.Name == column {
				Expect(recette.Play(r, c, o).Verdict).To(Equal(recette.Pass))
			}
		}
	}
	Expect(all).NotTo(BeEmpty())
	return all
}

var _ = Describe("A seed fixes a run to the byte", func() {
	for _, cell := range [][2]string{
		{"a-b_to_c-d", "no fault"}, {"a-b_to_b-a", "send stops half-way"}, {"chain", "start fails"},
		{"migrate_a-b_to_c", "restore fails"}, {"destroy_a-b", "no fault"},
	} {
		It(cell[0]+", "+cell[1], func() {
			o := recette.Options{Seed: seed()}
			first := hashes(cell[0], cell[1], o)
			o.Trace = true
			Expect(hashes(cell[0], cell[1], o)).To(Equal(first), "lines that are kept change nothing; seed %d", o.Seed)
			o.Strategy = sched.Strategy{Kind: sched.Random, Seed: 3}
			random := hashes(cell[0], cell[1], o)
			Expect(hashes(cell[0], cell[1], o)).To(Equal(random))
			Expect(random).NotTo(Equal(first), "another order is another run")
		})
	}
	It("of a scenario too", func() {
		sc, err := script("story.txtar")
		Expect(err).NotTo(HaveOccurred())
		var all []uint64
		for range 2 {
			s, err := sc.Play(recette.Setting{Seed: seed()})
			Expect(err).NotTo(HaveOccurred())
			all = append(all, s.Tally().Hash)
			s.Close()
		}
		Expect(all[1]).To(Equal(all[0]))
	})
})
