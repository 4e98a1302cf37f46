package recette_test

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// met counts the cells of each row and each column.
func met(places []recette.Place) (rows, columns map[string]int) {
	rows, columns = map[string]int{}, map[string]int{}
	for _, p := range places {
		rows[p.Row.Name]++
		columns[p.Column.Name]++
	}
	return rows, columns
}

var _ = Describe("The small size of real nodes", func() {
	full := recette.Places(recette.WorldNodes)
	few := recette.Small(full)
	rows, columns := met(few)

	It("is a part of the full one, at most 60 cells", func() {
		Expect(len(few)).To(BeNumerically("<=", 60))
		Expect(len(few)).To(BeNumerically(">=", 50))
		keys := func(all []recette.Place) (k []string) {
			for _, p := range all {
				k = append(k, p.Row.Name+", "+p.Column.Name)
			}
			return k
		}
		Expect(keys(full)).To(ContainElements(keys(few)))
		Expect(recette.Small(few)).To(HaveLen(len(few)), "it selects itself")
	})
	It("has every row that real nodes play twice, and every column", func() {
		all, heads := met(full)
		for name := range all {
			Expect(rows[name]).To(BeNumerically(">=", 2), name)
		}
		for name := range heads {
			Expect(columns[name]).To(BeNumerically(">=", 2), name)
		}
		for _, c := range recette.Columns() {
			Expect(heads[c.Name] > 0).To(Equal(c.Worlds == nil), c.Name)
		}
	})
	It("has the 17 deploys, 3 destroys, 6 migrates and the chain", func() {
		kinds := map[app.Kind]int{}
		same, crossed, shared := false, false, false
		for _, r := range recette.Rows() {
			if rows[r.Name] == 0 {
				continue
			}
			m := r.Moves[0]
			kinds[m.Kind]++
			if m.Kind == app.Migrate {
				same = same || m.Source.Master == m.Old.Master
				crossed = crossed || m.Source.Master == m.Old.Slave && m.Source.Slave == m.Old.Master
				shared = shared || m.Source.Master != m.Old.Master && m.Source.Slave == m.Old.Slave && m.Old.Slave != ""
			}
		}
		Expect(kinds).To(Equal(map[app.Kind]int{app.Deploy: 18, app.Destroy: 3, app.Migrate: 6}))
		Expect([]bool{same, crossed, shared}).To(HaveEach(true), "a migrate on one node, a crossed one, one with a shared slave")
	})
	It("names a turn that exists for every place", func() {
		for _, p := range full {
			Expect(p.Turns()).To(ContainElement(p.One()), p.Row.Name+", "+p.Column.Name)
		}
	})
})

var _ = Describe("The full size of real nodes", func() {
	full := recette.Places(recette.WorldNodes)
	It("meets every column that a classic row can have", func() {
		n := 0
		for _, r := range recette.Rows() {
			if !r.Classic() {
				continue
			}
			n++
			for _, c := range recette.Columns() {
				if c.Worlds == nil && recette.Applies(r, c) {
					Expect(slices.ContainsFunc(full, func(p recette.Place) bool { return p.Row.Name == r.Name && p.Column.Name == c.Name })).To(BeTrue(), r.Name+", "+c.Name)
				}
			}
		}
		Expect(n).To(Equal(5))
	})
	It("falls into shards, each place in one", func() {
		var all []recette.Place
		for _, shard := range []string{"0/3", "1/3", "2/3"} {
			part, err := recette.Shard(full, shard)
			Expect(err).NotTo(HaveOccurred())
			Expect(part).NotTo(BeEmpty())
			all = append(all, part...)
		}
		Expect(all).To(HaveLen(len(full)))
		rows, columns := met(all)
		wantRows, wantColumns := met(full)
		Expect([]any{rows, columns}).To(Equal([]any{wantRows, wantColumns}))
		last, err := recette.Shard(full, "3/3")
		Expect(err).NotTo(HaveOccurred())
		first, _ := recette.Shard(full, "0/3")
		Expect(last).To(HaveLen(len(first)))
		for _, bad := range []string{"1", "a/2", "1/0", "-1/2"} {
			_, err := recette.Shard(full, bad)
			Expect(err).To(MatchError(ContainSubstring("must be i/n")), bad)
		}
	})
})

var _ = Describe("A trouble", func() {
	It("says in a line what, whose and where", func() {
		send := recette.Call{Name: "Snapshots.Send", Nth: 2}
		for want, t := range map[string]recette.Trouble{
			"nothing":                                {},
			"error at a Stack.Up #1":                 {What: recette.CallStrikes, Node: "a", At: recette.Call{Name: "Stack.Up"}, Phase: sim.ErrorBefore},
			"cut at 90 % at a Snapshots.Send #2":     {What: recette.SendCut, Node: "a", At: send, Share: 90},
			"disk of b at a Snapshots.Send #2":       {What: recette.DiskFull, Node: "b", At: recette.Call{Node: "a", Name: "Snapshots.Send", Nth: 2}},
			"clock of b 1h0m0s":                      {What: recette.ClockSkewed, Node: "b", For: 3600e9},
			"a release that is never healthy":        {What: recette.BadRelease, Node: "b", Release: recette.Sick},
			"election at b Snapshots.Send #2":        {What: recette.LeaderLost, At: recette.Call{Node: "b", Name: "Snapshots.Send", Nth: 2}},
			"reboot of c 10s at c Snapshots.Send #2": {What: recette.Reboot, Node: "c", At: send, For: 10e9},
		} {
			Expect(t.String()).To(Equal(want))
		}
	})
	It("of every column knows whom it touches, and is comparable", func() {
		wide := map[bool]int{}
		for _, p := range recette.Places(recette.WorldSim) {
			for _, m := range p.Row.Moves {
				seen := map[recette.Trouble]bool{}
				for _, t := range p.Column.Troubles(m) {
					Expect(seen[t]).To(BeFalse(), "%s, %s: %s twice", p.Row.Name, p.Column.Name, t)
					seen[t] = true
					wide[t.NodeWide()]++
					f := t.Fault()
					Expect(f.Nth).To(BeNumerically(">", 0))
					Expect(f.Call != "" && f.Node == "").To(BeFalse(), "a call of nobody: %s", t)
				}
			}
		}
		Expect(wide[true]).To(BeNumerically(">", 100))
		Expect(wide[false]).To(BeNumerically(">", 100))
	})
	It("that does not strike makes its cell vacuous", func() {
		r := rowOf("a-b_to_a")
		for _, t := range []recette.Trouble{
			{What: recette.DiskFull, Node: "a", At: recette.Call{Name: "Volumes.Restore"}},
			{What: recette.Paused, Node: "c", At: recette.Call{Name: "Stack.Up"}},
			{What: recette.SendCut, Node: "b", At: recette.Call{Name: "Snapshots.Send"}, Share: 50},
		} {
			c := recette.Column{Name: "never", Troubles: func(recette.Move) []recette.Trouble { return []recette.Trouble{t} }}
			cell := recette.Play(r, c, recette.Options{Seed: seed()})
			Expect(cell.Verdict).To(Equal(recette.Vacuous), "%s: %s", t, cell.Reason)
			Expect(cell.Proof).To(BeEmpty())
		}
	})
	It("that no world knows is refused", func() {
		for _, t := range []recette.Trouble{{What: "moon"}, {What: recette.DiskFull, Node: "a"}} {
			err := recette.Strike(rowOf("a_to_a"), 0, recette.Options{Seed: seed()}, t)
			Expect(err).To(HaveOccurred())
			Expect(strings.Contains(err.Error(), "arm ")).To(BeTrue(), err.Error())
		}
	})
})
