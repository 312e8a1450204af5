// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// errOperand ends an evaluation: an operator was given a value it has no meaning for. OPA would make
// that undefined, and a `not` around it true.
var errOperand = errors.New("wrong type of operand")

// halt ends an evaluation with an error.
func halt(c topdown.BuiltinContext, err error) error {
	return topdown.Halt{Err: fmt.Errorf("%s: %w", c.Location, err)}
}

// arithmetic makes a function of two numbers. It returns nil for "undefined".
func arithmetic(name string, compute func(a, b number) (ast.Value, error)) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		a, ok := operands[0].Value.(ast.Number)
		b, both := operands[1].Value.(ast.Number)
		if !ok || !both {
			return halt(c, fmt.Errorf("%s of %s and %s: %w", name, typeName(operands[0]), typeName(operands[1]), errOperand))
		}
		if x, ok := a.Int64(); ok { // most of them: no big numbers
			if y, ok := b.Int64(); ok {
				if z, ok := small(name, x, y); ok {
					return iter(ast.InternedTerm(z))
				}
			}
		}
		v, err := compute(numberOf(a), numberOf(b))
		switch {
		case err != nil:
			return halt(c, err)
		case v == nil:
			return nil
		}
		return iter(ast.NewTerm(v))
	}
}

// small computes with numbers that cannot overflow.
func small(name string, x, y int64) (z int64, ok bool) {
	const limit = 1 << 31
	if x < -limit || x > limit || y < -limit || y > limit {
		return 0, false
	}
	switch name {
	case "plus":
		return x + y, true
	case "minus":
		return x - y, true
	case "mul":
		return x * y, true
	}
	return 0, false
}

func typeName(t *ast.Term) string { return ast.ValueName(t.Value) }

// always wraps a function that is never undefined.
func always(compute func(a, b number) number) func(a, b number) (ast.Value, error) {
	return func(a, b number) (ast.Value, error) { return compute(a, b).value(), nil }
}

// quotient is undefined for a division by zero.
func quotient(a, b number) (ast.Value, error) {
	if b.zero() {
		return nil, nil
	}
	return divide(a, b).value(), nil
}

// remainder is undefined for a division by zero and has no meaning for fractions.
func remainder(a, b number) (ast.Value, error) {
	switch {
	case b.zero():
		return nil, nil
	case !a.isInteger() || !b.isInteger():
		return nil, fmt.Errorf("rem of a number with a fraction: %w", errOperand)
	}
	return number{whole: new(big.Int).Rem(a.integer(), b.integer())}.value(), nil
}

// setOperation makes a function of two sets.
func setOperation(name string, compute func(a, b ast.Set) ast.Set) topdown.BuiltinFunc {
	return func(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		a, ok := operands[0].Value.(ast.Set)
		b, both := operands[1].Value.(ast.Set)
		if !ok || !both {
			return halt(c, fmt.Errorf("%s of %s and %s: %w", name, typeName(operands[0]), typeName(operands[1]), errOperand))
		}
		return iter(ast.NewTerm(compute(a, b)))
	}
}

// minus is the difference of numbers or of sets.
func minus(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	_, set := operands[0].Value.(ast.Set)
	_, both := operands[1].Value.(ast.Set)
	if set && both {
		return setOperation("minus", ast.Set.Diff)(c, operands, iter)
	}
	return arithmetic("minus", always(subtract))(c, operands, iter)
}

// checkIterable hands a collection on: what `some x in` is given.
func checkIterable(c topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
	switch operands[0].Value.(type) {
	case *ast.Array, ast.Object, ast.Set:
		return iter(operands[0])
	}
	return halt(c, fmt.Errorf("`some .. in` of %s: %w", typeName(operands[0]), errOperand))
}
