// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rewrite changes a parsed module where OPA would decide otherwise than the engine that policies are
// written for. It works in place, before anything of the module has been compiled.
func rewrite(module *ast.Module) {
	ast.WalkBodies(module, func(body ast.Body) bool {
		for i, e := range body {
			body[i] = negation(e)
			iteration(body[i])
		}
		return false
	})
}

// negation makes `not E` into `[true | E] == []`. OPA takes references and calls that are arguments
// of E out of the `not`; one that is undefined would make the whole undefined, not true.
func negation(e *ast.Expr) *ast.Expr {
	if !e.Negated {
		return e
	}
	switch e.Terms.(type) {
	case *ast.Term, []*ast.Term:
	default:
		return e
	}
	inner := e.Copy()
	inner.Negated, inner.Index = false, 0
	found := ast.ArrayComprehensionTerm(at(ast.BooleanTerm(true), e.Location), ast.NewBody(inner))
	outer := ast.Equal.Expr(at(found, e.Location), at(ast.ArrayTerm(), e.Location))
	outer.Index, outer.Location = e.Index, e.Location
	outer.Terms.([]*ast.Term)[0].SetLocation(e.Location)
	return outer
}

func at(t *ast.Term, l *ast.Location) *ast.Term { return t.SetLocation(l) }

// iteration makes `some x in C` into `some x in iterable(C)`: what is no collection is an error.
func iteration(e *ast.Expr) {
	some, ok := e.Terms.(*ast.SomeDecl)
	if !ok || len(some.Symbols) != 1 {
		return
	}
	call, ok := some.Symbols[0].Value.(ast.Call)
	if !ok || len(call) < 3 {
		return
	}
	last := len(call) - 1
	if literal(call[last].Value) {
		return
	}
	call[last] = at(iterable.Call(call[last]), call[last].Location)
}

// literal says whether a term is written as a collection.
func literal(v ast.Value) bool {
	switch v.(type) {
	case *ast.Array, ast.Object, ast.Set, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return true
	}
	return false
}

// uncertain refuses what OPA decides otherwise and no rewrite mends: a pattern of an object on the
// left of an assignment, which the engine that policies are written for takes for "has these keys".
func uncertain(module *ast.Module) (err error) {
	ast.WalkExprs(module, func(e *ast.Expr) bool {
		if err == nil && e.IsAssignment() {
			if _, ok := e.Operand(0).Value.(ast.Object); ok {
				err = fmt.Errorf("%s: an object pattern on the left of :=", e.Location)
			}
		}
		return false
	})
	return err
}

// surplus refuses calls with one argument too many, by which OPA compares the function's value.
func surplus(module *ast.Module) (err error) {
	arity := map[string]int{}
	for _, b := range capabilities().Builtins {
		arity[b.Name] = b.Decl.Arity()
	}
	delete(arity, ast.WalkBuiltin.Name) // the one that is written so
	delete(arity, ast.Print.Name)
	for _, r := range module.Rules {
		if len(r.Head.Args) > 0 {
			arity[r.Head.Ref().String()] = len(r.Head.Args)
		}
	}
	ast.WalkExprs(module, func(e *ast.Expr) bool {
		if e.IsCall() && err == nil {
			name := e.Operator().String()
			if n, ok := arity[name]; ok && len(e.Operands()) > n {
				err = fmt.Errorf("%s: %s has %d arguments, want %d", e.Location, name, len(e.Operands()), n)
			}
		}
		return false
	})
	return err
}
