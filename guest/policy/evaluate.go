// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/print"
)

// Answers that are no decision. Their words are those of the Kata agent in Rust.
var (
	errUndefined = errors.New("policy check: unexpected eval_query result len QueryResults { result: [] }")
	errType      = errors.New("policy check: unexpected eval_query result type")
	errMember    = errors.New("policy check: unexpected member of the result")
)

// outcome is the value of a rule.
type outcome struct {
	defined bool
	allowed bool
	ops     []operation // nil for none
	prints  []string
}

var resultVar = ast.VarTerm("result")

// query asks for the value of a rule.
func query(name string) ast.Body {
	ref := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(Package), ast.StringTerm(name)}
	return ast.NewBody(ast.Equality.Expr(ast.NewTerm(ref), resultVar))
}

// evaluate computes a rule for an input.
func (p *Policy) evaluate(ctx context.Context, r *rule, s *state, input ast.Value) (outcome, error) {
	var prints printed
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	var value *ast.Term
	err := topdown.NewQuery(r.query).
		WithCompiler(p.compiler).
		WithStore(store{}).
		WithTransaction(s).
		WithInput(ast.NewTerm(input)).
		WithPrintHook(&prints).
		WithBuiltins(ownBuiltins).
		WithCancel(cancel).
		Iter(ctx, func(found topdown.QueryResult) error {
			value = found[resultVar.Value.(ast.Var)]
			return nil
		})
	o := outcome{prints: prints.texts}
	if err == nil && value != nil {
		err = o.read(value.Value)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return o, err
}

// read takes a decision from a rule's value.
func (o *outcome) read(v ast.Value) (err error) {
	o.defined = true
	switch v := v.(type) {
	case ast.Boolean:
		o.allowed = bool(v)
		return nil
	case ast.Object:
		allowed := child(v, "allowed")
		b, ok := allowed.(ast.Boolean)
		if !ok {
			return fmt.Errorf("%w: allowed is no boolean", errMember)
		}
		if ops := child(v, "ops"); ops != nil && ops.Compare(ast.NullValue) != 0 {
			if o.ops, err = operations(ops); err != nil {
				return fmt.Errorf("%w: %w", errMember, err)
			}
		}
		o.allowed = bool(b)
		return nil
	}
	return fmt.Errorf("%w %s", errType, ast.ValueName(v))
}

// printed collects what rules print.
type printed struct {
	texts []string
	size  int // bytes
}

// Bounds of what is kept of an evaluation's prints, and of one of them in bytes: they all go into the
// text of a denial, and an answer of 4 MiB would end the connection.
const (
	maxPrints     = 1000
	maxPrintBytes = 4 << 10
	maxAllPrints  = 256 << 10
)

// Print keeps one text with its place.
func (p *printed) Print(c print.Context, text string) error {
	if len(p.texts) >= maxPrints || p.size > maxAllPrints {
		return nil
	}
	if len(text) > maxPrintBytes {
		text = strings.ToValidUTF8(text[:maxPrintBytes], "") + "..."
	}
	p.size += len(text)
	p.texts = append(p.texts, fmt.Sprintf("%s:%d: %s", c.Location.File, c.Location.Row, text))
	return nil
}
