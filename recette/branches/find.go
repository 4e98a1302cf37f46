package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// branch is where the code goes when something went wrong.
type branch struct {
	file     string // from the root of the module
	line     int    // of its condition
	function string
	head     string // the source of its condition
	nth      int    // of those with the same head in the function, from 1
	at       place  // its first statement
}

// place is a position in a file.
type place struct{ line, column int }

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// key names the branch in a way that a moved line does not change.
func (b branch) key() string {
	key := fmt.Sprintf("%s %s: %s", b.file, b.function, b.head)
	if b.nth > 1 {
		key += fmt.Sprintf(" #%d", b.nth)
	}
	return key
}

// find lists the error branches of the packages in folders of root.
func find(root string, folders []string) (all []branch, err error) {
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			some, err := inFile(path.Join(folder, filepath.Base(name)), text)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no error branch in %v below %s", folders, root)
	}
	return all, nil
}

// finder collects the branches of one file.
type finder struct {
	set      *token.FileSet
	lines    []string
	file     string
	function string
	seen     map[place]bool
	heads    map[string]int
	all      []branch
}

func inFile(file string, text []byte) ([]branch, error) {
	f := &finder{set: token.NewFileSet(), lines: strings.Split(string(text), "\n"), file: file, seen: map[place]bool{}}
	tree, err := parser.ParseFile(f.set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			f.function, f.heads = name(fn), map[string]int{}
			ast.Inspect(fn.Body, f.look)
		}
	}
	return f.all, nil
}

// name is that of a function, with the type that it belongs to.
func name(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	of := fn.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// look takes the branches that begin at n.
func (f *finder) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		if failing(n.Cond) || gives(n.Body.List) {
			f.take(n.Pos(), n.Body.List)
		}
		if rest, ok := n.Else.(*ast.BlockStmt); ok && passing(n.Cond) {
			f.take(rest.Pos(), rest.List)
		}
	case *ast.CaseClause:
		if slices.ContainsFunc(n.List, failing) {
			f.take(n.Pos(), n.Body)
		}
		f.returns(n.Pos(), n.Body)
	case *ast.BlockStmt:
		f.returns(n.Pos(), n.List)
	}
	return true
}

// returns takes a list of statements that ends by making an error.
func (f *finder) returns(at token.Pos, list []ast.Stmt) {
	if len(list) == 0 {
		return
	}
	last, ok := list[len(list)-1].(*ast.ReturnStmt)
	if !ok || len(last.Results) == 0 || !makes(last.Results[len(last.Results)-1]) {
		return
	}
	if len(list) > 1 { // what stands before it may have left already
		f.take(last.Pos(), list[len(list)-1:])
		return
	}
	f.take(at, list)
}

// take notes a branch, once.
func (f *finder) take(at token.Pos, list []ast.Stmt) {
	if len(list) == 0 {
		return
	}
	p := f.set.Position(list[0].Pos())
	first := place{p.Line, p.Column}
	if f.seen[first] {
		return
	}
	f.seen[first] = true
	line := f.set.Position(at).Line
	head := f.head(line)
	f.heads[head]++
	f.all = append(f.all, branch{file: f.file, line: line, function: f.function, head: head, nth: f.heads[head], at: first})
}

var bare = regexp.MustCompile(`^(if err != nil \{|case err != nil:|switch \{)$`)

// head is the source of a condition, with the statement before it where the
// condition alone says nothing.
func (f *finder) head(line int) string {
	text := strings.TrimSpace(f.lines[line-1])
	if bare.MatchString(text) && line > 1 {
		text = strings.TrimSpace(f.lines[line-2]) + "; " + text
	}
	return text
}
