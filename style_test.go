package cluster_test

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The limits of the guide. A test function holds its table, so it may be longer.
const (
	fileLines     = 300
	testLines     = 500
	functionLines = 60
	tableLines    = 120
	methods       = 5
)

// exceptions are the things over a limit, each with its reason: "file: name",
// or "file" for a long file. One that is no longer needed is reported.
var exceptions = map[string]string{
	"handler/port/porttest/porttest.go: T": "the part of *testing.T that ginkgo's has too, not a port",
	"sim/sched/owner.go: Owner":            "the runtime of the tasks: it makes the contexts that they get",
	"sim/sched/task.go: Task":              "the runtime of the tasks: the context of the wait under way",
}

var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// style lists what is over a limit or against the guide.
func style(t *tree, except map[string]string) (bad []string) {
	used := map[string]bool{}
	over := func(where, why string) {
		if except[where] == "" {
			bad = append(bad, where+" "+why)
		}
		used[where] = true
	}
	for _, folder := range t.names() {
		if files := t.code(folder); len(files) > 0 && !slices.ContainsFunc(files, func(s source) bool { return s.tree.Doc != nil }) {
			bad = append(bad, folder+": no package comment")
		}
		for _, s := range t.folders[folder] {
			limit := fileLines
			if s.test {
				limit = testLines
			}
			if s.lines > limit {
				over(s.path, "has "+itoa(s.lines)+" lines, at most "+itoa(limit))
			}
			bad = append(bad, comments(t, s)...)
			declarations(t, s, over)
		}
	}
	for where := range except {
		if !used[where] {
			bad = append(bad, where+" needs no exception any more")
		}
	}
	slices.Sort(bad)
	return bad
}

func comments(t *tree, s source) (bad []string) {
	for _, group := range s.tree.Comments {
		for _, c := range group.List {
			if word := unfinished.FindString(c.Text); word != "" {
				bad = append(bad, t.at(c)+": "+word)
			}
		}
	}
	return bad
}

func declarations(t *tree, s source, over func(where, why string)) {
	limit := functionLines
	if s.test {
		limit = tableLines
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			lines := t.set.Position(n.End()).Line - t.set.Position(n.Pos()).Line + 1
			if lines > limit {
				over(s.path+": "+n.Name.Name, "has "+itoa(lines)+" lines, at most "+itoa(limit))
			}
			if n.Name.Name == "init" && n.Recv == nil {
				over(s.path+": init", "runs before main; make what it makes where it is needed")
			}
		case *ast.TypeSpec:
			described(s, n, over)
		}
		return true
	})
}

// described looks at one type: no interface of many methods, no struct that
// keeps a context.
func described(s source, n *ast.TypeSpec, over func(where, why string)) {
	where := s.path + ": " + n.Name.Name
	switch body := n.Type.(type) {
	case *ast.InterfaceType:
		count := 0
		for _, m := range body.Methods.List {
			count += len(m.Names)
		}
		if count > methods {
			over(where, "has "+itoa(count)+" methods, at most "+itoa(methods))
		}
	case *ast.StructType:
		for _, f := range body.Fields.List {
			if sel, ok := f.Type.(*ast.SelectorExpr); ok && localNames(s).of(sel.X) == "context" && sel.Sel.Name == "Context" && !s.test {
				over(where, "keeps a context; pass it first to each call")
			}
		}
	}
}

func TestStyle(t *testing.T) { report(t, style(read(t), exceptions)) }

func TestStyle_IsReported(t *testing.T) {
	whole := read(t)
	const head = "// Package plan is.\npackage plan\n"
	long := func(n int) string { return "func f() {\n" + strings.Repeat("\tprintln()\n", n) + "}\n" }
	for _, c := range []struct{ says, file, text, want string }{
		{"a long file", "handler/plan/x.go", head + strings.Repeat("\n", 299), "x.go has 301 lines"},
		{"a long test file", "handler/plan/x_test.go", head + strings.Repeat("\n", 499), "x_test.go has 501 lines"},
		{"a long function", "handler/plan/x.go", head + long(59), "f has 61 lines"},
		{"a long test", "handler/plan/x_test.go", head + long(119), "f has 121 lines"},
		{"init", "handler/plan/x.go", head + "func init() {}\n", "init runs before main"},
		{"no package comment", "handler/plan/x.go", "package plan\n", "handler/plan: no package comment"},
		{"a comment that is not the package's", "handler/plan/x.go", "// about nothing\n\npackage plan\n", "handler/plan: no package comment"},
		{"something left to do", "handler/plan/x.go", head + "\n// TO" + "DO: later\n", ": TO" + "DO"},
		{"something left to fix", "handler/plan/x.go", head + "\nvar x = 1 // FIX" + "ME\n", ": FIX" + "ME"},
		{"a wide interface", "handler/plan/x.go", head + "type I interface { A(); B(); C(); D(); E(); F() }\n", "I has 6 methods"},
		{"a context kept", "handler/plan/x.go", head + "import \"context\"\ntype S struct { ctx context.Context }\n", "S keeps a context"},
	} {
		got := style(whole.snippet(t, c.file, c.text), exceptions)
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%s is not reported: %q", c.says, got)
		}
	}
	if got := style(whole, map[string]string{"gone.go: f": "it was long"}); !slices.Contains(got, "gone.go: f needs no exception any more") {
		t.Error("an exception for nothing is not reported")
	}
}

func TestStyle_TakesWhatIsAtTheLimit(t *testing.T) {
	text := "// Package plan is.\npackage plan\n\ntype I interface { A(); B(); C(); D(); E() }\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", 58) + "}\n"
	text += strings.Repeat("\n", fileLines-strings.Count(text, "\n"))
	for _, bad := range style(read(t).snippet(t, "handler/plan/x.go", text), exceptions) {
		if strings.HasPrefix(bad, "handler/plan") {
			t.Error(bad)
		}
	}
}
