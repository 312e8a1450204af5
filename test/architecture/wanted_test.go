// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFailuresSayWhatErrorWasWanted: a test that expects an error and gets none would print "<nil>"
// and leave its reader to guess. One that prints the error it got says which it wanted.
func TestFailuresSayWhatErrorWasWanted(t *testing.T) {
	fset := token.NewFileSet()
	files(t, func(name string) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := parser.ParseFile(fset, filepath.Join(root, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if i, ok := n.(*ast.IfStmt); ok {
				got := expected(i.Cond)
				for _, call := range failures(i.Body) {
					if got != "" && printsOnly(call, got) {
						t.Errorf("%s: the failure prints the error and not what was wanted", fset.Position(call.Pos()))
					}
				}
			}
			return true
		})
	})
}

// expected is the error that a condition compares with the one that is wanted, "" if it compares none:
// !errors.Is(err, want), alone or with others of which one is enough.
func expected(cond ast.Expr) string {
	switch c := cond.(type) {
	case *ast.BinaryExpr:
		if c.Op == token.LOR {
			return expected(c.X) + expected(c.Y)
		}
	case *ast.UnaryExpr:
		call, ok := c.X.(*ast.CallExpr)
		if ok && c.Op == token.NOT && written(call.Fun) == "errors.Is" {
			return written(call.Args[0])
		}
	}
	return ""
}

// failures are the calls in a block that fail the test.
func failures(block *ast.BlockStmt) []*ast.CallExpr {
	var calls []*ast.CallExpr
	for _, s := range block.List {
		e, ok := s.(*ast.ExprStmt)
		if !ok {
			continue
		}
		call, ok := e.X.(*ast.CallExpr)
		if !ok {
			continue
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"Error", "Errorf", "Fatal", "Fatalf"}, sel.Sel.Name) {
			calls = append(calls, call)
		}
	}
	return calls
}

// printsOnly tells whether a call prints the error without a word of what was wanted.
func printsOnly(call *ast.CallExpr, err string) bool {
	format, ok := call.Args[0].(*ast.BasicLit)
	if ok && (strings.Contains(format.Value, "want") || strings.Contains(format.Value, " not ")) {
		return false
	}
	return slices.ContainsFunc(call.Args, func(a ast.Expr) bool { return written(a) == err })
}

// written is an expression of names and selectors as it is written, "" for any other.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return written(e.Fun) + "()"
	}
	return ""
}
