package recette_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler/inspect"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/sim"
)

// struckRows are those on which every call of every node fails in turn, in a
// run of ordinary length.
var struckRows = [...]string{"none_to_a-b", "a-b_to_a-b", "a-b_to_b-a", "a-b_to_c-d", "destroy_a-b", "migrate_a-b_to_a-b", "migrate_a-b_to_c-d"}

var _ = Describe("Every call", Label("single"), func() {
	if testing.Short() {
		return
	}
	memo := &inspect.Memo{}
	for _, r := range recette.Rows() {
		if !full() && !slices.Contains(struckRows[:], r.Name) || len(r.Moves) > 1 {
			continue
		}
		for _, node := range []string{"a", "b", "c", "d"} {
			for _, phase := range []sim.Phase{sim.ErrorBefore, sim.Lost} {
				It(fmt.Sprintf("may fail: %s, %s, %s", r.Name, node, phase), func() {
					o := recette.Options{Seed: seed(), Memo: memo}
					sites, err := recette.Learn(r, 0, o, node)
					Expect(err).NotTo(HaveOccurred())
					var bad []string
					for _, s := range sites {
						for nth := 1; nth <= s.Calls; nth++ {
							f := recette.Trouble{What: recette.CallStrikes, Node: node, At: recette.Call{Name: s.Call, Nth: nth}, Phase: phase}
							// One that does not strike was a call of time, not of the move.
							if err := recette.Strike(r, 0, o, f); err != nil && recette.KindOf(err) != recette.Unstruck {
								bad = append(bad, fmt.Sprintf("%s: %v", f, err))
							}
						}
					}
					Expect(bad).To(BeEmpty(), "seed %d\n%s", o.Seed, strings.Join(bad, "\n"))
				})
			}
		}
	}
})
