package cluster_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mlfmonde/cluster"

// source is one Go file of the module, whatever its build tags.
type source struct {
	path  string // from the module's root, with slashes
	tree  *ast.File
	lines int
	test  bool
}

// imports lists what the file imports: of the module from its root ("." is the
// root itself), everything else as written.
func (s source) imports() (own, others []string) {
	for _, spec := range s.tree.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		if rest, ok := strings.CutPrefix(p, module); ok && (rest == "" || rest[0] == '/') {
			own = append(own, path.Clean("."+rest))
			continue
		}
		others = append(others, p)
	}
	return own, others
}

// tree is the source of the whole module by folder.
type tree struct {
	set     *token.FileSet
	folders map[string][]source
	std     types.Importer
	checked map[string]*types.Package
	info    *types.Info
}

func newTree() *tree {
	set := token.NewFileSet()
	return &tree{set: set, folders: map[string][]source{}, std: importer.ForCompiler(set, "source", nil),
		checked: map[string]*types.Package{}, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
}

// read parses the module that the test stands in. Folders with a go.mod of
// their own are other modules.
func read(t *testing.T) *tree {
	t.Helper()
	whole := newTree()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, foreign := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (foreign == nil || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return whole.add(filepath.ToSlash(name), string(data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func (t *tree) add(name, text string) error {
	parsed, err := parser.ParseFile(t.set, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	folder := path.Dir(name)
	t.folders[folder] = append(t.folders[folder], source{path: name, tree: parsed,
		lines: strings.Count(text, "\n"), test: strings.HasSuffix(name, "_test.go")})
	return nil
}

// snippet is a tree with one file in the place of a whole folder, for showing
// that a check can fail. The other folders are those of t, with
// the types that t knows.
func (t *tree) snippet(tt *testing.T, name, text string) *tree {
	tt.Helper()
	one := newTree()
	one.set, one.std = t.set, t.std
	maps.Copy(one.folders, t.folders)
	maps.Copy(one.checked, t.checked)
	delete(one.folders, path.Dir(name))
	delete(one.checked, path.Dir(name))
	if err := one.add(name, text); err != nil {
		tt.Fatal(err)
	}
	return one
}

// names lists the folders with Go files, sorted.
func (t *tree) names() []string { return slices.Sorted(maps.Keys(t.folders)) }

// code lists the files of folder that are no tests.
func (t *tree) code(folder string) (files []source) {
	for _, s := range t.folders[folder] {
		if !s.test {
			files = append(files, s)
		}
	}
	return files
}

func (t *tree) at(n ast.Node) string {
	p := t.set.Position(n.Pos())
	return p.Filename + ":" + itoa(p.Line)
}

// Import finds packages of the module in the tree and others in their source.
// One that cannot be found is empty: the checks take unknown types for bad.
func (t *tree) Import(name string) (*types.Package, error) {
	if rest, ok := strings.CutPrefix(name, module+"/"); ok {
		return t.check(rest), nil
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		if pkg, err := t.std.Import(name); err == nil {
			return pkg, nil
		}
	}
	return types.NewPackage(name, path.Base(name)), nil
}

// check gives the types of a folder's code. Files of exclusive build tags may
// declare a name twice, so errors are no reason to stop.
func (t *tree) check(folder string) *types.Package {
	if pkg := t.checked[folder]; pkg != nil {
		return pkg
	}
	var files []*ast.File
	for _, s := range t.code(folder) {
		files = append(files, s.tree)
	}
	config := types.Config{Importer: t, Error: func(error) {}}
	pkg, _ := config.Check(module+"/"+folder, t.set, files, t.info) // the errors were heard one by one
	t.checked[folder] = pkg
	return pkg
}
