package recette_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
)

func TestRecette(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "recette")
}

// full is the long recette: RECETTE_FULL=1.
func full() bool { return os.Getenv("RECETTE_FULL") != "" }

// seed is that of every cell, RECETTE_SEED or 1.
func seed() uint64 {
	n, err := strconv.ParseUint(os.Getenv("RECETTE_SEED"), 10, 64)
	if err != nil {
		return 1
	}
	return n
}

// shard reports whether the nth cell is in SHARD=i/n; without it all are.
func shard(n int) bool {
	part, of, ok := strings.Cut(os.Getenv("SHARD"), "/")
	i, bad := strconv.Atoi(part)
	all, worse := strconv.Atoi(of)
	if !ok || bad != nil || worse != nil || all < 1 {
		return true
	}
	return n%all == i%all
}

// labels of a cell, for -ginkgo.label-filter.
func labels(r recette.Row, c recette.Column) []string {
	m := r.Moves[0]
	from, to := place(m.Old), place(m.New)
	if m.Source.Master != "" {
		from, to = place(m.Source), place(m.Old)
	}
	return []string{"kind:" + string(m.Kind), "from:" + from, "to:" + to, "fault:" + c.Name, "world:sim"}
}

// place is a placement as a label can hold it: a-b, a, none.
func place(p app.Placement) string {
	switch {
	case p.IsZero():
		return "none"
	case p.Slave == "":
		return p.Master
	}
	return p.Master + "-" + p.Slave
}

// heavy reports whether a cell of the column takes more than a few runs.
func heavy(c recette.Column) bool {
	rows := recette.Rows()
	all := rows[slices.IndexFunc(rows, func(r recette.Row) bool { return r.Name == "a-b_to_c-d" })].Moves[0]
	return c.Sweep != "" || len(c.Troubles(all)) > 4
}

// taken are the cells of this run: those of the shard that the label filter
// takes, without what takes many runs in a short run.
func taken() func(recette.Row, recette.Column) bool {
	n := -1
	chosen := map[string]bool{}
	for _, p := range recette.Places(recette.WorldSim) {
		r, c := p.Row, p.Column
		n++
		wanted := Label(labels(r, c)...).MatchesLabelFilter(GinkgoLabelFilter())
		chosen[r.Name+"\n"+c.Name] = wanted && shard(n) && !(testing.Short() && heavy(c))
	}
	return func(r recette.Row, c recette.Column) bool { return chosen[r.Name+"\n"+c.Name] }
}

// played plays every cell of the run on all cores, once; each entry of the
// table then looks its own up.
var played = sync.OnceValue(func() map[string]recette.Cell {
	all := map[string]recette.Cell{}
	for _, c := range recette.PlayAll(recette.Options{Seed: seed()}, taken()).Cells {
		all[c.Row+"\n"+c.Column] = c
	}
	return all
})

const cellEntry = "cell"

// The page and the JSON are of what was played, in the order of the table, and
// of what was played elsewhere or before.
var _ = ReportAfterSuite("matrix", func(report Report) {
	if os.Getenv("RECETTE_WRITE") == "" {
		return
	}
	var result recette.Result
	for _, spec := range report.SpecReports {
		for _, e := range spec.ReportEntries {
			if cell, ok := e.Value.GetRawValue().(recette.Cell); ok && e.Name == cellEntry {
				result.Cells = append(result.Cells, cell)
			}
		}
	}
	commit, _ := recette.Played(os.Getenv("RECETTE_PLAYED"))
	result.Stamp(commit, report.EndTime.UTC().Format(time.RFC3339))
	docs := filepath.Join("..", "docs")
	Expect(recette.Write(docs, result, report.EndTime)).To(Succeed())
})
