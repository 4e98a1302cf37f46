package nodes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/recette"
	"github.com/mlfmonde/cluster/recette/nodes"
)

// The real cells: the small size, with RECETTE_FULL all of them, SHARD=i/n a
// part. RECETTE_STATE names a file with what was played, RECETTE_RESUME plays
// only what is not in it, RECETTE_RESULT gets the result as JSON, RECETTE_WRITE
// puts it into docs, RECETTE_EVIDENCE and RECETTE_RECORD are folders.
func TestNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("real nodes are not for -short")
	}
	RegisterFailHandler(Fail)
	suite, reporter := GinkgoConfiguration()
	suite.Timeout = 7 * 24 * time.Hour // that of go test counts
	RunSpecs(t, "real nodes", suite, reporter)
}

func required() bool {
	for name := range strings.SplitSeq(os.Getenv("RECETTE_REQUIRE"), ",") {
		if strings.TrimSpace(name) == "nodes" {
			return true
		}
	}
	return false
}

// options of the run, but for which cells the flags take.
func options() nodes.Options {
	commit, _ := recette.Played(os.Getenv("RECETTE_PLAYED"))
	return nodes.Options{
		Full: os.Getenv("RECETTE_FULL") != "", Shard: os.Getenv("SHARD"), State: os.Getenv("RECETTE_STATE"),
		Resume: os.Getenv("RECETTE_RESUME") != "", Evidence: os.Getenv("RECETTE_EVIDENCE"), Record: os.Getenv("RECETTE_RECORD"),
		Commit: commit, Log: os.Stdout, Take: taken,
	}
}

// labels of a cell, for -ginkgo.label-filter.
func labels(p recette.Place) []string {
	m := p.Row.Moves[0]
	from, to := m.Old, m.New
	if m.Kind == app.Migrate {
		from, to = m.Source, m.Old
	}
	return []string{"kind:" + string(m.Kind), "from:" + label(from), "to:" + label(to), "fault:" + p.Column.Name, "world:" + recette.WorldNodes}
}

// label is a placement as a label can hold it: a-b, a, none.
func label(p app.Placement) string {
	if p.IsZero() {
		return "none"
	}
	return strings.TrimSuffix(p.Master+"-"+p.Slave, "-")
}

const container = "The matrix on real nodes"

func text(p recette.Place) string { return p.Row.Title + ", " + p.Column.Name }

// taken reports whether the flags for specs take the cell.
func taken(p recette.Place) bool {
	suite, _ := GinkgoConfiguration()
	if !Label(labels(p)...).MatchesLabelFilter(suite.LabelFilter) {
		return false
	}
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			return regexp.MustCompile(pattern).MatchString(container + " " + text(p))
		})
	}
	return (len(suite.FocusStrings) == 0 || matches(suite.FocusStrings)) && !matches(suite.SkipStrings)
}

// outcome is what was played, by place.
type outcome struct {
	cells  map[string]recette.Cell
	result recette.Result
	err    error
}

// table is what was played: every cell that the flags take, once, within the
// first entry of the table that asks. Each entry then looks its own up.
var table struct {
	once sync.Once
	outcome
}

func played(ctx context.Context) outcome {
	table.once.Do(func() {
		table.cells = map[string]recette.Cell{}
		table.result, table.err = nodes.Run(ctx, options())
		for _, c := range table.result.Cells {
			table.cells[c.Key()] = c
		}
	})
	return table.outcome
}

const cellEntry = "cell"

var _ = Describe(container, func() {
	places, err := nodes.Select(options())
	if err != nil {
		It("selects cells", func() { Expect(err).NotTo(HaveOccurred()) })
		return
	}
	for _, p := range places {
		It(text(p), Label(labels(p)...), func(ctx SpecContext) {
			all := played(ctx)
			cell, ok := all.cells[recette.NewCell(recette.WorldNodes, p.Row, p.Column).Key()]
			Expect(ok).To(BeTrue(), "the cell was not played: %v", all.err)
			AddReportEntry(cellEntry, cell, ReportEntryVisibilityNever)
			if cell.Verdict == recette.Skipped && !required() {
				Skip(cell.Reason)
			}
			Expect(cell.Verdict).To(Equal(recette.Pass), "%s\nplay it again: %s", cell.Reason, cell.Replay)
		})
	}
})

var _ = ReportAfterSuite("matrix", func(report Report) {
	var result recette.Result
	for _, spec := range report.SpecReports {
		for _, e := range spec.ReportEntries {
			if cell, ok := e.Value.GetRawValue().(recette.Cell); ok && e.Name == cellEntry {
				result.Cells = append(result.Cells, cell)
			}
		}
	}
	if len(result.Cells) == 0 {
		return
	}
	result.Absent = table.result.Absent
	result.Count()
	fmt.Printf("\n%s", recette.Text(result))
	Expect(table.err).NotTo(HaveOccurred())
	if file := os.Getenv("RECETTE_RESULT"); file != "" {
		data, err := result.JSON()
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, data, 0o644)).To(Succeed())
	}
	if os.Getenv("RECETTE_WRITE") != "" {
		Expect(recette.Write(filepath.Join("..", "..", "docs"), result, report.EndTime)).To(Succeed())
	}
})
