package porttest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlfmonde/cluster/handler/port/porttest"
)

// named are the methods that some clauses are about.
func named[E any](clauses []porttest.Clause[E]) []string {
	var methods []string
	for _, c := range clauses {
		methods = append(methods, c.Method)
	}
	return methods
}

// suites are all suites of clauses: function → methods.
func suites() map[string][]string {
	return map[string][]string{
		"SourceClauses":     named(porttest.SourceClauses()),
		"CheckoutsClauses":  named(porttest.CheckoutsClauses()),
		"ImagesClauses":     named(porttest.ImagesClauses()),
		"StackClauses":      named(porttest.StackClauses()),
		"ContainersClauses": named(porttest.ContainersClauses()),
		"ScriptsClauses":    named(porttest.ScriptsClauses()),
		"ConsulClauses":     named(porttest.ConsulClauses()),
		"DataClauses":       named(porttest.DataClauses()),
		"DataHangClauses":   named(porttest.DataHangClauses()),
		"DataDownClauses":   named(porttest.DataDownClauses()),
		"GuardClauses":      named(porttest.GuardClauses()),
		"WardenClauses":     named(porttest.WardenClauses()),
		"JournalClauses":    named(porttest.JournalClauses()),
		"ClockClauses":      named(porttest.ClockClauses()),
		"EdgeClauses":       named(porttest.EdgeClauses()),
	}
}

func TestMethods_EachHasAClause(t *testing.T) {
	methods := porttest.Methods()
	if len(methods) < 50 || !slices.Contains(methods, "KV.Apply") {
		t.Fatalf("only %d methods: %v", len(methods), methods)
	}
	covered := map[string]bool{}
	for suite, names := range suites() {
		for _, name := range names {
			if !slices.Contains(methods, name) {
				t.Errorf("%s has a clause of %s, which is no method of a port", suite, name)
			}
			covered[name] = true
		}
	}
	for _, m := range methods {
		if !covered[m] {
			t.Errorf("%s has no clause", m)
		}
	}
}

// TestMethods_EverySuiteCounts finds a suite that nobody added to the list above.
func TestMethods_EverySuiteCounts(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	known := suites()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !fn.Name.IsExported() || !strings.HasSuffix(fn.Name.Name, "Clauses") {
				continue
			}
			if known[fn.Name.Name] == nil {
				t.Errorf("%s of %s is not in the list", fn.Name.Name, f.Name())
			}
		}
	}
}

func TestClauses_SayWhatTheyPromiseOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range porttest.ConsulClauses() {
		name := c.Method + "/" + c.Says
		if c.Check == nil || c.Says == "" || seen[name] {
			t.Errorf("clause %q is empty or there twice", name)
		}
		seen[name] = true
	}
}
