// Package cluster_test holds what is true of the module as a whole: which
// package may import which, what the pure ones may not do, and how long things
// may get. It reads the source and starts nothing.
package cluster_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// arrow says what the packages of one folder may import of the module. A name
// that ends in /... also means the folders below it.
type arrow struct {
	from string
	to   []string
}

// allowed is the picture of the tree: the first line whose from fits decides.
// cmd → recette → sim → handler → execute → {plan, inspect, edge} → app.
var allowed = []arrow{
	{"handler/app", nil},
	{"handler/request", []string{"handler/app"}},
	{"handler/plan", []string{"handler/app"}},
	{"handler/inspect", []string{"handler/app", "handler/edge/..."}},
	{"handler/edge/...", []string{"handler/app", "handler/edge/..."}},
	{"handler/port", []string{"handler/app"}},
	{"handler/port/porttest", []string{"handler/app", "handler/port"}},
	{"handler/ledger", []string{"handler/app", "handler/port", "handler/request"}},
	{"handler/witness", []string{"handler/app", "handler/port"}},
	{"handler/execute", []string{"handler/app", "handler/port", "handler/ledger", "handler/request", "handler/plan", "handler/inspect", "handler/edge"}},
	{"handler/client", []string{"handler/app", "handler/port", "handler/ledger", "handler/request"}},
	{"handler/adapter/process", []string{"handler/app", "handler/port"}},
	{"handler/adapter/...", []string{"handler/app", "handler/port", "handler/adapter/process", "handler/adapter/file", "handler/edge/..."}},
	{"handler", []string{"handler/app", "handler/port", "handler/ledger", "handler/plan", "handler/inspect", "handler/edge", "handler/execute", "handler/request"}},
	{"sim/sched", nil},
	{"sim/...", slices.Concat(core, []string{"sim/...", "fixtures"})},
	{"recette/nodes/...", slices.Concat(core, []string{"handler/adapter/...", "sim/...", "recette/...", "fixtures/..."})},
	{"recette/canary", slices.Concat(core, []string{"handler/adapter/process", "sim/...", "recette/...", "fixtures"})},
	{"recette/...", slices.Concat(core, []string{"sim/...", "recette/...", "fixtures"})},
	{"cmd/sim", slices.Concat(core, []string{"sim/...", "recette/...", "fixtures"})},
	{"cmd/handler", slices.Concat(core, []string{"handler/adapter/..."})},
	{"fixtures/...", []string{"fixtures/..."}},
}

// core is the handler without what touches the real world.
var core = []string{"handler", "handler/app", "handler/request", "handler/plan", "handler/inspect", "handler/edge", "handler/execute",
	"handler/ledger", "handler/client", "handler/port", "handler/witness"}

// tests may also reach the simulator, the contracts and the fixtures, but
// adapters only where one is tested or a real world is made.
var (
	inTests       = slices.Concat(core, []string{"handler/port/porttest", "sim/...", "recette/...", "fixtures/..."})
	testsAdapters = []string{"handler/adapter/...", "recette/nodes/...", "cmd/handler", "fixtures/..."}
)

func fits(pattern, folder string) bool {
	if under, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == under || strings.HasPrefix(folder, under+"/")
	}
	return pattern == folder
}

func anyFits(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, folder) })
}

// mayImport decides one arrow.
func mayImport(from, to string, test bool) bool {
	if test {
		switch {
		case from == to:
			return true
		case anyFits([]string{"handler/adapter/..."}, to):
			return anyFits(testsAdapters, from) && (!fits("handler/adapter/...", from) || to == "handler/adapter/process" || to == "handler/adapter/file")
		}
		return anyFits(inTests, to)
	}
	i := slices.IndexFunc(allowed, func(a arrow) bool { return fits(a.from, from) })
	return i >= 0 && anyFits(allowed[i].to, to)
}

func placed(folder string) bool {
	return slices.ContainsFunc(allowed, func(a arrow) bool { return fits(a.from, folder) })
}

// arrows lists every import that the picture does not have, and every package
// that it does not know.
func arrows(t *tree) (bad []string) {
	for _, folder := range t.names() {
		if len(t.code(folder)) > 0 && !placed(folder) {
			bad = append(bad, folder+": a package that the tree of the design does not have; give it a place in arrows_test.go and a sentence in CONTRIBUTING")
		}
		for _, s := range t.folders[folder] {
			own, _ := s.imports()
			for _, to := range own {
				if !mayImport(folder, to, s.test) {
					bad = append(bad, s.path+": "+folder+" may not import "+to)
				}
			}
		}
	}
	return bad
}

func report(t *testing.T, bad []string) {
	t.Helper()
	if len(bad) > 0 {
		t.Errorf("%d violations:\n%s", len(bad), strings.Join(bad, "\n"))
	}
}

func TestArrows(t *testing.T) {
	whole := read(t)
	if len(whole.code("handler/app")) == 0 {
		t.Fatal("handler/app is not there: the tree was not read")
	}
	report(t, arrows(whole))
}

func TestArrows_AreReported(t *testing.T) {
	whole := read(t)
	for _, c := range []struct{ file, imports, want string }{
		{"handler/app/x.go", "handler/port", "handler/app may not import handler/port"},
		{"handler/plan/x.go", "handler/request", "handler/plan may not import handler/request"},
		{"handler/plan/x.go", "handler/port", "handler/plan may not import handler/port"},
		{"handler/request/x.go", "handler/ledger", "handler/request may not import handler/ledger"},
		{"handler/inspect/x.go", "handler/plan", "handler/inspect may not import handler/plan"},
		{"handler/edge/x.go", "handler/port", "handler/edge may not import handler/port"},
		{"handler/port/x.go", "handler/execute", "handler/port may not import handler/execute"},
		{"handler/ledger/x.go", "handler/plan", "handler/ledger may not import handler/plan"},
		{"handler/execute/x.go", "handler", "handler/execute may not import handler"},
		{"handler/execute/x.go", "handler/client", "handler/execute may not import handler/client"},
		{"handler/x.go", "sim", "handler may not import sim"},
		{"handler/x.go", "handler/adapter/git", "handler may not import handler/adapter/git"},
		{"handler/x_linux.go", "handler/adapter/git", "handler may not import handler/adapter/git"},
		{"handler/x.go", "handler/port/porttest", "handler may not import handler/port/porttest"},
		{"handler/client/x.go", "handler/execute", "handler/client may not import handler/execute"},
		{"handler/adapter/git/x.go", "handler/adapter/docker", "handler/adapter/git may not import handler/adapter/docker"},
		{"handler/adapter/git/x.go", "handler/ledger", "handler/adapter/git may not import handler/ledger"},
		{"handler/adapter/process/x.go", "handler/adapter/git", "handler/adapter/process may not import handler/adapter/git"},
		{"handler/adapter/git/x_test.go", "handler/adapter/docker", "handler/adapter/git may not import handler/adapter/docker"},
		{"handler/execute/x_test.go", "handler/adapter/git", "handler/execute may not import handler/adapter/git"},
		{"sim/x.go", "handler/adapter/consul", "sim may not import handler/adapter/consul"},
		{"sim/x_test.go", "handler/adapter/consul", "sim may not import handler/adapter/consul"},
		{"sim/x.go", "recette", "sim may not import recette"},
		{"sim/sched/x.go", "handler/port", "sim/sched may not import handler/port"},
		{"recette/x.go", "handler/adapter/consul", "recette may not import handler/adapter/consul"},
		{"recette/explore/x.go", "handler/adapter/git", "recette/explore may not import handler/adapter/git"},
		{"recette/canary/x.go", "handler/adapter/git", "recette/canary may not import handler/adapter/git"},
		{"cmd/sim/x.go", "handler/adapter/git", "cmd/sim may not import handler/adapter/git"},
		{"cmd/handler/x.go", "sim", "cmd/handler may not import sim"},
		{"fixtures/buttervolume/x.go", "handler/adapter/buttervolume", "fixtures/buttervolume may not import handler/adapter/buttervolume"},
		{"handler/util/x.go", "handler/app", "handler/util: a package that the tree of the design does not have"},
		{"x.go", "handler", ". may not import handler"},
	} {
		text := "//go:build canary\n\npackage x\n\nimport _ \"" + module + "/" + c.imports + "\"\n"
		got := arrows(whole.snippet(t, c.file, text))
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%s importing %s is not reported", c.file, c.imports)
		}
	}
}

func TestArrows_OfTheDesignAreTaken(t *testing.T) {
	for _, c := range []struct {
		from, to string
		test     bool
	}{
		{"cmd/handler", "handler/adapter/git", false}, {"cmd/handler", "handler/client", false}, {"cmd/sim", "recette/explore", false},
		{"recette", "sim", false}, {"recette/nodes", "handler/adapter/consul", false}, {"sim", "handler", false}, {"handler", "handler/execute", false},
		{"handler/execute", "handler/plan", false}, {"handler/execute", "handler/ledger", false}, {"handler/adapter/git", "handler/adapter/process", false},
		{"handler/client", "handler/request", false}, {"handler/adapter/git", "handler/port/porttest", true}, {"handler/execute", "sim", true},
		{"fixtures/buttervolume/driver", "handler/adapter/buttervolume", true}, {"handler/adapter/git", "handler/adapter/git", true},
	} {
		if !mayImport(c.from, c.to, c.test) {
			t.Errorf("%s → %s is refused", c.from, c.to)
		}
	}
}
