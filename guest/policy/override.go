// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/print"
	"github.com/open-policy-agent/opa/v1/types"
)

// iterable is what rewrite puts around a collection.
var iterable = &ast.Builtin{
	Name: "internal.kata_iterable",
	Decl: types.NewFunction(types.Args(types.A), types.A),
}

var (
	extraBuiltins = map[string]*ast.Builtin{iterable.Name: iterable}
	ownBuiltins   = map[string]*topdown.Builtin{iterable.Name: {Decl: iterable, Func: checkIterable}}
)

// override replaces functions of OPA that answer otherwise than those of the engine that policies are
// written for. OPA keeps one table for the process; it is changed before anything is evaluated.
var override = sync.OnceFunc(func() {
	count := topdown.GetBuiltin(ast.Count.Name)
	for name, f := range map[string]topdown.BuiltinFunc{
		ast.Plus.Name:     arithmetic("plus", always(add)),
		ast.Minus.Name:    minus,
		ast.Multiply.Name: arithmetic("mul", always(multiply)),
		ast.Divide.Name:   arithmetic("div", quotient),
		ast.Rem.Name:      arithmetic("rem", remainder),
		ast.And.Name:      setOperation("and", ast.Set.Intersect),
		ast.Or.Name:       setOperation("or", ast.Set.Union),
		ast.ToNumber.Name: toNumber(topdown.GetBuiltin(ast.ToNumber.Name)),
		ast.Count.Name:    countUnits(count),
		ast.Sprintf.Name:  sprintf,
		ast.Upper.Name:    ofText(upper),
		ast.Lower.Name:    ofText(lower),
		ast.IndexOf.Name:  indexOf(topdown.GetBuiltin(ast.IndexOf.Name)),

		ast.JSONMarshal.Name:   marshal,
		ast.InternalPrint.Name: printAll,

		ast.RegexIsValid.Name:               validRegex,
		ast.RegexMatch.Name:                 regex(topdown.GetBuiltin(ast.RegexMatch.Name), 0, 1),
		ast.RegexSplit.Name:                 regex(topdown.GetBuiltin(ast.RegexSplit.Name), 0, 1),
		ast.RegexFind.Name:                  regex(topdown.GetBuiltin(ast.RegexFind.Name), 0, 1),
		ast.RegexReplace.Name:               regex(topdown.GetBuiltin(ast.RegexReplace.Name), 1, 0),
		ast.RegexFindAllStringSubmatch.Name: regex(topdown.GetBuiltin(ast.RegexFindAllStringSubmatch.Name), 0, 1),
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

// indexOf finds nothing at the beginning of a text, if the text is not empty.
func indexOf(other topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		text, ok := operands[0].Value.(ast.String)
		if part, both := operands[1].Value.(ast.String); !ok || !both || part != "" {
			return other(c, operands, iter)
		}
		if text == "" {
			return iter(ast.InternedTerm(-1))
		}
		return iter(ast.InternedTerm(0))
	}
}

// marshal is a value as JSON without blanks.
func marshal(_ topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	return iter(ast.StringTerm(compact(operands[0].Value)))
}

// printAll prints its operands: each of them a set with the values an expression has, none if it is
// undefined.
func printAll(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	list, ok := operands[0].Value.(*ast.Array)
	if !ok || c.PrintHook == nil {
		return iter(nil)
	}
	lines := []string{""}
	for i := range list.Len() {
		lines = product(lines, texts(list.Elem(i).Value), i > 0)
	}
	for _, line := range lines {
		if err := c.PrintHook.Print(print.Context{Context: c.Context, Location: c.Location}, line); err != nil {
			return err
		}
	}
	return iter(nil)
}

func texts(v ast.Value) (all []string) {
	set, ok := v.(ast.Set)
	if !ok {
		return []string{show(v)}
	}
	if set.Len() == 0 {
		return []string{"<undefined>"}
	}
	set.Foreach(func(t *ast.Term) { all = append(all, show(t.Value)) })
	return all
}

// product puts each of the ends to each of the lines, at most maxPrints of them.
func product(lines, ends []string, separated bool) (all []string) {
	for _, line := range lines {
		for _, end := range ends {
			if separated {
				end = " " + end
			}
			if len(all) < maxPrints {
				all = append(all, line+end)
			}
		}
	}
	return all
}
