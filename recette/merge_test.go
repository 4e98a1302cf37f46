package recette_test

import (
	"maps"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/recette"
)

// cellOf is a played cell.
func cellOf(world, row, column, commit, date string) recette.Cell {
	return recette.Cell{World: world, Row: row, Column: column, Verdict: recette.Pass, Plays: 1, Proof: "it struck", Commit: commit, Date: date}
}

var _ = Describe("Results of several runs", func() {
	const may, june = "2026-05-01T00:00:00Z", "2026-06-10T12:00:00Z"
	now := time.Date(2026, time.June, 11, 0, 0, 0, 0, time.UTC)
	real := recette.Result{Cells: []recette.Cell{
		cellOf(recette.WorldNodes, "a_to_a", "no fault", "aaaaaaa", may),
		cellOf(recette.WorldNodes, "a-b_to_b-a", "partition", "bbbbbbb", june),
		cellOf(recette.WorldNodes, "a-b_to_b-a", "a column of old", "aaaaaaa", june),
	}}
	simulated := recette.Result{Cells: []recette.Cell{
		cellOf(recette.WorldSim, "a_to_a", "no fault", "bbbbbbb", june),
		cellOf(recette.WorldSim, "none_to_a", "no fault", "bbbbbbb", june),
	}}

	It("are put together in the order of the table", func() {
		all := recette.Merge(real, simulated)
		var keys []string
		for _, c := range all.Cells {
			keys = append(keys, c.World+" "+c.Row+" "+c.Column)
		}
		Expect(keys).To(Equal([]string{"sim none_to_a no fault", "sim a_to_a no fault", "nodes a_to_a no fault", "nodes a-b_to_b-a partition"}))
		Expect(all.Totals.Pass).To(Equal(4))
	})
	It("count by when they were played, not by which comes last", func() {
		again := cellOf(recette.WorldNodes, "a_to_a", "no fault", "ccccccc", june)
		for _, order := range [][]recette.Result{{real, {Cells: []recette.Cell{again}}}, {{Cells: []recette.Cell{again}}, real}} {
			Expect(recette.Merge(order...).Cells[0].Commit).To(Equal("ccccccc"))
		}
	})
	It("stay when the world cannot be played now, and the page says why", func() {
		skipped := cellOf(recette.WorldNodes, "a_to_a", "no fault", "ddddddd", june)
		skipped.Skip("no Docker")
		all := recette.Merge(real, recette.Result{Cells: []recette.Cell{skipped}, Absent: map[string]string{recette.WorldNodes: "no Docker"}})
		Expect(all.Cells[0].Verdict).To(Equal(recette.Pass))
		Expect(string(recette.Markdown(all, now))).To(ContainSubstring("Skipped when this page was written: no Docker."))
		Expect(recette.Merge(all, real).Absent).To(BeEmpty(), "it was played since")
		page := string(recette.Markdown(recette.Result{Absent: map[string]string{recette.WorldNodes: "no BTRFS"}}, now))
		Expect(page).To(ContainSubstring("## nodes: 0 pass"))
		Expect(page).To(ContainSubstring("no BTRFS"))
	})
	It("are shown with commit, day and age", func() {
		page := string(recette.Markdown(recette.Merge(real, simulated), now))
		Expect(page).To(ContainSubstring("the newest at commit bbbbbbb on 2026-06-10"))
		Expect(page).To(ContainSubstring("| a/– → a/– | ✓ aaaaaaa 2026-05-01 *stale* |"))
		Expect(page).To(ContainSubstring("| – → a/– | ✓ |"))
		Expect(page).To(ContainSubstring("partition (a-b_to_b-a): it struck"))
		Expect(page).To(ContainSubstring(" · |"), "meant and not played yet")
	})
	DescribeTable("are stale", func(commit, date string, want bool) {
		newest := cellOf(recette.WorldNodes, "chain", "no fault", "bbbbbbb", june)
		Expect(cellOf(recette.WorldNodes, "a_to_a", "no fault", commit, date).Stale(newest, now)).To(Equal(want))
	},
		Entry("after 30 days, of whatever commit", "bbbbbbb", "2026-05-11T00:00:00Z", true),
		Entry("not before", "bbbbbbb", "2026-05-13T00:00:00Z", false),
		Entry("of another commit a week before the newest", "aaaaaaa", "2026-06-02T00:00:00Z", true),
		Entry("not of another commit in the same week", "aaaaaaa", "2026-06-05T00:00:00Z", false),
		Entry("when nobody knows from when they are", "aaaaaaa", "", true),
	)
	It("go to a folder and come back", func() {
		dir := GinkgoT().TempDir()
		Expect(recette.Write(dir, real, now)).To(Succeed())
		Expect(recette.Write(dir, simulated, now)).To(Succeed())
		data, err := os.ReadFile(filepath.Join(dir, "matrix.json"))
		Expect(err).NotTo(HaveOccurred())
		all, err := recette.Load(data)
		Expect(err).NotTo(HaveOccurred())
		Expect(all.Cells).To(HaveLen(4))
		Expect(filepath.Join(dir, "MATRIX.md")).To(BeAnExistingFile())
		Expect(os.WriteFile(filepath.Join(dir, "matrix.json"), []byte("{"), 0o600)).To(Succeed())
		Expect(recette.Write(dir, simulated, now)).To(MatchError(ContainSubstring("read a matrix")))
	})
	It("say which commit and day a script names", func() {
		commit, date := recette.Played("at commit 2b010fc on 2026-11-22")
		Expect([]string{commit, date}).To(Equal([]string{"2b010fc", "2026-11-22"}))
		commit, date = recette.Played("yesterday")
		Expect([]string{commit, date}).To(Equal([]string{"", ""}))
	})
})

var _ = Describe("docs/matrix.json", func() {
	data, err := os.ReadFile(filepath.Join("..", "docs", "matrix.json"))
	It("has the rows and columns that the table has", func() {
		Expect(err).NotTo(HaveOccurred())
		all, err := recette.Load(data)
		Expect(err).NotTo(HaveOccurred())
		played := map[string]bool{}
		for _, c := range all.Cells {
			played[c.Key()] = true
		}
		var missing []string
		known := map[string]bool{}
		for _, world := range []string{recette.WorldSim, recette.WorldNodes} {
			for _, p := range recette.Places(world) {
				key := recette.NewCell(world, p.Row, p.Column).Key()
				known[key] = true
				if world == recette.WorldSim && !played[key] {
					missing = append(missing, key)
				}
			}
		}
		maps.DeleteFunc(played, func(key string, _ bool) bool { return known[key] })
		Expect(missing).To(BeEmpty(), "make it again: RECETTE_WRITE=1")
		Expect(played).To(BeEmpty(), "cells that the table has not")
	})
})
