package cluster_test

import (
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
)

// The packages that compute and never do, and those that do only through
// ports: in the simulator the same seed has to give the same bytes.
var (
	pure    = []string{"handler/app", "handler/request", "handler/plan", "handler/inspect", "handler/edge", "handler/edge/caddyfile", "handler/edge/haproxy"}
	through = []string{"handler", "handler/execute", "handler/ledger"}
)

// clocks are the functions that read the machine's clock or start a timer.
var clocks = map[string][]string{
	"time":    {"Now", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc", "Since", "Until"},
	"context": {"WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause"},
}

var (
	chance   = []string{"math/rand/...", "crypto/rand"}
	world    = []string{"os/...", "net/...", "log/...", "syscall", "golang.org/x/sys/..."}
	harmless = []string{"net/url", "net/netip"}
)

// bans lists what pure packages, and those that go through the ports, do not,
// in one folder.
func bans(t *tree, folder string) (bad []string) {
	if slices.Contains(pure, folder) {
		for _, s := range t.code(folder) {
			bad = append(bad, imported(s, slices.Concat(chance, world))...)
			bad = append(bad, statements(t, s, false)...)
		}
	}
	if slices.Contains(through, folder) {
		t.check(folder)
		for _, s := range t.code(folder) {
			bad = append(bad, imported(s, chance)...)
			bad = append(bad, statements(t, s, true)...)
		}
	}
	return bad
}

func imported(s source, banned []string) (bad []string) {
	_, others := s.imports()
	for _, p := range others {
		if anyFits(banned, p) && !slices.Contains(harmless, p) {
			bad = append(bad, s.path+": imports "+p)
		}
	}
	return bad
}

// statements walks one file. With strict also select, and range over a map
// around a call that reaches the world.
func statements(t *tree, s source, strict bool) (bad []string) {
	names := localNames(s)
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad = append(bad, t.at(n)+": a go statement; use the port Tasks")
		case *ast.SelectStmt:
			if strict {
				bad = append(bad, t.at(n)+": a select statement; its choice is not reproducible")
			}
		case *ast.SelectorExpr:
			if p := names.of(n.X); slices.Contains(clocks[p], n.Sel.Name) {
				bad = append(bad, t.at(n)+": "+p+"."+n.Sel.Name+"; use the port Clock")
			}
		case *ast.RangeStmt:
			if why := t.shuffled(n.X); strict && why != "" && t.reaches(n.Body) {
				bad = append(bad, t.at(n)+": a range over "+why+" around a port call; sort the keys first")
			}
		case *ast.ImportSpec:
			if n.Name != nil && n.Name.Name == "." {
				bad = append(bad, t.at(n)+": a dot import hides what is used")
			}
		}
		return true
	})
	return bad
}

// packages is the local name of each import of a file.
type packages map[string]string

func localNames(s source) packages {
	names := packages{}
	for _, spec := range s.tree.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		name := p[strings.LastIndex(p, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// of is the package that x names, "" for anything else; a local variable of
// that name has an object.
func (p packages) of(x ast.Expr) string {
	if id, ok := x.(*ast.Ident); ok && id.Obj == nil {
		return p[id.Name]
	}
	return ""
}

// shuffled says why ranging over x has no order, "" when it has one.
func (t *tree) shuffled(x ast.Expr) string {
	if call, ok := x.(*ast.CallExpr); ok {
		if f := t.callee(call); f != nil && f.Pkg() != nil && f.Pkg().Path() == "maps" {
			return "maps." + f.Name()
		}
	}
	typ := t.info.TypeOf(x)
	if typ == nil || typ == types.Typ[types.Invalid] {
		return "what has an unknown type"
	}
	if core, ok := typ.Underlying().(*types.Map); ok {
		return core.String()
	}
	if param, ok := typ.(*types.TypeParam); ok {
		return "the type parameter " + param.String()
	}
	return ""
}

func (t *tree) callee(call *ast.CallExpr) types.Object {
	fun := ast.Unparen(call.Fun)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	switch f := fun.(type) {
	case *ast.Ident:
		return t.info.Uses[f]
	case *ast.SelectorExpr:
		return t.info.Uses[f.Sel]
	}
	return nil
}

// reaches reports whether body calls something that can touch the world: a
// method of a port, or anything that takes a context, which is how a function
// that ends in a port gets there. What cannot be told counts.
func (t *tree) reaches(body ast.Node) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && t.touches(call) {
			found = true
		}
		return !found
	})
	return found
}

func (t *tree) touches(call *ast.CallExpr) bool {
	typ := t.info.TypeOf(call.Fun)
	if typ == nil || typ == types.Typ[types.Invalid] {
		return true
	}
	signature, ok := typ.Underlying().(*types.Signature)
	if !ok {
		return false // a conversion or a builtin
	}
	f := t.callee(call)
	if f != nil && f.Pkg() != nil && f.Pkg().Path() == module+"/handler/port" {
		return true
	}
	if f != nil && f.Pkg() != nil && f.Pkg().Path() == "context" {
		return false
	}
	for v := range signature.Params().Variables() {
		if v.Type().String() == "context.Context" {
			return true
		}
	}
	return false
}

func TestBans(t *testing.T) {
	whole, bad := read(t), []string(nil)
	for _, folder := range slices.Concat(pure, through) {
		bad = append(bad, bans(whole, folder)...)
	}
	report(t, bad)
}

func TestBans_AreReported(t *testing.T) {
	whole := read(t)
	whole.check("handler/port")
	for _, c := range []struct{ says, file, imports, body, want string }{
		{"the clock in a pure package", "handler/plan/x.go", `"time"`, `_ = time.Now()`, "time.Now"},
		{"the clock as a value", "handler/app/x.go", `"time"`, `f := time.Now; _ = f`, "time.Now"},
		{"the clock by another name", "handler/edge/x.go", `when "time"`, `_ = when.Since(when.Time{})`, "time.Since"},
		{"sleep", "handler/request/x.go", `"time"`, `time.Sleep(1)`, "time.Sleep"},
		{"a timer", "handler/inspect/x.go", `"time"`, `time.NewTimer(1)`, "time.NewTimer"},
		{"a ticker", "handler/plan/x.go", `"time"`, `<-time.Tick(1)`, "time.Tick"},
		{"a dot import", "handler/plan/x.go", `. "time"`, `_ = Now()`, "dot import"},
		{"chance", "handler/plan/x.go", `"math/rand"`, `_ = rand.Int()`, "imports math/rand"},
		{"chance, second edition", "handler/app/x.go", `"math/rand/v2"`, `_ = rand.Int()`, "imports math/rand/v2"},
		{"files", "handler/inspect/x.go", `"os"`, `_ = os.Args`, "imports os"},
		{"processes", "handler/inspect/x.go", `"os/exec"`, `exec.Command("x")`, "imports os/exec"},
		{"the network", "handler/edge/x.go", `"net"`, `_ = net.IP{}`, "imports net"},
		{"HTTP", "handler/request/x.go", `"net/http"`, `_ = http.MethodGet`, "imports net/http"},
		{"logging", "handler/plan/x.go", `"log/slog"`, `slog.Info("x")`, "imports log/slog"},
		{"go in a pure package", "handler/plan/x.go", ``, `go func() {}()`, "a go statement"},
		{"the clock in the handler", "handler/x.go", `"time"`, `_ = time.Now()`, "time.Now"},
		{"a deadline by the machine's clock", "handler/execute/x.go", `"context"`, `_, stop := context.WithTimeout(context.Background(), 1); stop()`, "context.WithTimeout"},
		{"chance in execute", "handler/execute/x.go", `"math/rand/v2"`, `_ = rand.Int()`, "imports math/rand/v2"},
		{"chance in the ledger", "handler/ledger/x.go", `"crypto/rand"`, `_ = rand.Reader`, "imports crypto/rand"},
		{"go in execute", "handler/execute/x.go", ``, `go func() {}()`, "a go statement"},
		{"go in the handler, built with a tag", "handler/x_canary.go", ``, `go func() {}()`, "a go statement"},
		{"select in the handler", "handler/x.go", ``, `select {}`, "a select statement"},
		{"select in the ledger", "handler/ledger/x.go", ``, `select {}`, "a select statement"},
		{"range over a map around a port call", "handler/execute/x.go", ports, `for k := range map[string]int{} { w.KV.Get(ctx, k) }`, "range over map[string]int"},
		{"in a function literal", "handler/x.go", ports, `for k := range map[string]int{} { func() { w.KV.Get(ctx, k) }() }`, "range over map[string]int"},
		{"through another function", "handler/x.go", ports, `type m map[string]int; do := func(ctx context.Context) {}; for range (m{}) { do(ctx) }`, "range over map[string]int"},
		{"a port without context", "handler/execute/x.go", ports, `for range map[string]int{} { w.Clock.Now() }`, "range over map[string]int"},
		{"the keys of a map", "handler/ledger/x.go", "\"maps\"\n" + ports, `for k := range maps.Keys(map[string]int{}) { w.KV.Get(ctx, k) }`, "range over maps.Keys"},
		{"what cannot be told", "handler/x.go", ports, `for k := range unknown { w.KV.Get(ctx, k) }`, "unknown type"},
	} {
		got := bans(whole.snippet(t, c.file, function(c.imports, c.body)), path.Dir(c.file))
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, c.file) && strings.Contains(s, c.want) }) {
			t.Errorf("%s (%s) is not reported: %q", c.says, c.file, got)
		}
	}
}

const ports = `"context"
	"` + module + `/handler/port"`

func function(imports, body string) string {
	params := ""
	if strings.Contains(imports, "handler/port") {
		params = "ctx context.Context, w port.World"
	}
	return "package x\n\nimport (\n\t" + imports + "\n)\n\nfunc x(" + params + ") {\n\t" + body + "\n}\n"
}

func TestBans_LeaveTheRestAlone(t *testing.T) {
	whole := read(t)
	whole.check("handler/port")
	for _, c := range []struct{ says, file, imports, body string }{
		{"durations and texts of time", "handler/plan/x.go", `"time"`, `_ = time.Second; _, _ = time.Parse("", "")`},
		{"URLs and addresses", "handler/inspect/x.go", `"net/netip"; "net/url"`, `_ = netip.Addr{}; _ = url.URL{}`},
		{"a variable called time", "handler/plan/x.go", ``, `time := struct{ Now int }{}; _ = time.Now`},
		{"range over a map with arithmetic in it", "handler/execute/x.go", ports, `n := 0; for _, v := range map[string]int{} { n += len(string(rune(v))) }`},
		{"range over sorted keys", "handler/execute/x.go", "\"maps\"; \"slices\"\n" + ports, `for _, k := range slices.Sorted(maps.Keys(map[string]int{})) { w.KV.Get(ctx, k) }`},
		{"range over a slice of a port", "handler/x.go", ports, `list, _ := w.Volumes.List(ctx); for _, v := range list { w.Volumes.Remove(ctx, v) }`},
		{"a context of its own", "handler/execute/x.go", ports, `for range map[string]int{} { _ = context.WithoutCancel(ctx) }`},
	} {
		one := whole.snippet(t, c.file, function(c.imports, c.body))
		for _, bad := range bans(one, path.Dir(c.file)) {
			t.Errorf("%s: %s", c.says, bad)
		}
	}
}
