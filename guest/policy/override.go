// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// iterable is what rewrite puts around a collection.
var iterable = &ast.Builtin{
	Name: "internal.kata_iterable",
	Decl: types.NewFunction(types.Args(types.A), types.A),
}

var extraBuiltins = map[string]*ast.Builtin{iterable.Name: iterable}

// override replaces functions of OPA that answer otherwise than those of the engine that policies are
// written for. OPA keeps one table for the process; it is changed before anything is evaluated.
var override = sync.OnceFunc(func() {
	count := topdown.GetBuiltin(ast.Count.Name)
	for name, f := range map[string]topdown.BuiltinFunc{
		iterable.Name:     checkIterable,
		ast.Plus.Name:     arithmetic("plus", always(add)),
		ast.Minus.Name:    minus,
		ast.Multiply.Name: arithmetic("mul", always(multiply)),
		ast.Divide.Name:   arithmetic("div", quotient),
		ast.Rem.Name:      arithmetic("rem", remainder),
		ast.And.Name:      setOperation("and", ast.Set.Intersect),
		ast.Or.Name:       setOperation("or", ast.Set.Union),
		ast.ToNumber.Name: toNumber(topdown.GetBuiltin(ast.ToNumber.Name)),
		ast.Count.Name:    countUnits(count),
	} {
		topdown.RegisterBuiltinFunc(name, f)
	}
})

// toNumber takes a text for a number if JSON does, blanks around it aside.
func toNumber(other topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		s, ok := operands[0].Value.(ast.String)
		if !ok {
			return other(c, operands, iter)
		}
		text := strings.TrimSpace(string(s))
		if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') || !json.Valid([]byte(text)) {
			return nil
		}
		if v := numberOf(ast.Number(text)).value(); v != nil {
			return iter(ast.NewTerm(v))
		}
		return nil
	}
}

// countUnits counts the UTF-16 units of a text.
func countUnits(other topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		s, ok := operands[0].Value.(ast.String)
		if !ok {
			return other(c, operands, iter)
		}
		n := 0
		for _, r := range string(s) {
			n += max(utf16.RuneLen(r), 1)
		}
		return iter(ast.InternedTerm(n))
	}
}
