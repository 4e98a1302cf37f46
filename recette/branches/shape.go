package main

import (
	"go/ast"
	"go/token"
	"regexp"
)

// errorName fits variables that hold an error.
var errorName = regexp.MustCompile(`^(err|failed|bad|broken|held)$|[a-z]Err$`)

// failing reports that cond is true when something went wrong: an error is
// there, or is of a kind.
func failing(cond ast.Expr) (found bool) {
	ast.Inspect(cond, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				return false
			}
		case *ast.BinaryExpr:
			found = found || n.Op == token.NEQ && isNil(n.Y) && holds(n.X)
		case *ast.CallExpr:
			found = found || calls(n, "errors", "Is") || calls(n, "errors", "As")
		}
		return !found
	})
	return found
}

// passing reports that cond is true when nothing went wrong.
func passing(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	return ok && b.Op == token.EQL && isNil(b.Y) && holds(b.X)
}

func isNil(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "nil"
}

// holds reports that x is an error, by its name.
func holds(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return errorName.MatchString(x.Name)
	case *ast.CallExpr:
		sel, ok := x.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Err"
	}
	return false
}

func calls(c *ast.CallExpr, of, what string) bool {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != what {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == of
}

// gives reports that list is nothing but the return of an error that is there,
// after "if there is no value".
func gives(list []ast.Stmt) bool {
	if len(list) != 1 {
		return false
	}
	r, ok := list[0].(*ast.ReturnStmt)
	return ok && len(r.Results) > 0 && holds(r.Results[len(r.Results)-1])
}

// sentinel fits errors that are made once, and the type of refusals.
var sentinel = regexp.MustCompile(`^(err|Err)[A-Z]`)

// makes reports that x is an error that is not nil: made here, or a sentinel.
func makes(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return sentinel.MatchString(x.Name)
	case *ast.CallExpr:
		if id, ok := x.Fun.(*ast.Ident); ok {
			return id.Name == "refusal" || id.Name == "refused"
		}
		return calls(x, "fmt", "Errorf") || calls(x, "errors", "New") || calls(x, "errors", "Join") || calls(x, "context", "Cause")
	}
	return false
}
