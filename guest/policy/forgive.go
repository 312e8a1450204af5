// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// forgive changes what OPA refuses and the engine that policies are written for takes without
// harm: a second default of a rule, which counts for nothing, and a variable that is declared and not
// used.
func forgive(module *ast.Module) {
	seen := map[string]bool{}
	kept := module.Rules[:0]
	for _, r := range module.Rules {
		if name := r.Head.Ref().String(); r.Default {
			if seen[name] {
				continue
			}
			seen[name] = true
		}
		kept = append(kept, r)
	}
	module.Rules = kept
	ast.WalkBodies(module, func(body ast.Body) bool {
		for i, e := range body {
			if some, ok := e.Terms.(*ast.SomeDecl); ok {
				declareUsed(body, i, some)
			}
		}
		return false
	})
}

// declareUsed leaves the variables of a declaration that its body uses.
func declareUsed(body ast.Body, at int, some *ast.SomeDecl) {
	used := map[ast.Var]bool{}
	for i, e := range body {
		if i != at {
			ast.WalkVars(e, func(v ast.Var) bool { used[v] = true; return false })
		}
	}
	var left []*ast.Term
	for _, symbol := range some.Symbols {
		if v, ok := symbol.Value.(ast.Var); !ok || used[v] {
			left = append(left, symbol)
		}
	}
	if some.Symbols = left; len(left) > 0 {
		return
	}
	e := ast.NewExpr(ast.BooleanTerm(true).SetLocation(body[at].Location))
	e.Index, e.Location = body[at].Index, body[at].Location
	body[at] = e
}
