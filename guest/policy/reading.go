// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// Kinds of rules by what their answer depends on.
const (
	readsAnything = iota
	readsIDs      // ids of container and process, nothing else
	readsNothing
)

// reading is what a rule's answer depends on.
type reading struct {
	kind            int
	container, exec bool // which of the ids
}

func (r reading) key(container, exec string) (k ids) {
	if r.container {
		k.container = container
	}
	if r.exec {
		k.exec = exec
	}
	return k
}

// reading follows a rule through all that it refers to.
func (p *Policy) reading(name string) reading {
	v := visitor{compiler: p.compiler, seen: map[*ast.Rule]bool{}, input: map[string]bool{}}
	v.ref(query(name)[0].Operand(0).Value.(ast.Ref))
	r := reading{kind: readsNothing}
	if v.state || v.input[whole] {
		return reading{}
	}
	for key := range v.input {
		switch key {
		case "container_id":
			r.container = true
		case "exec_id":
			r.exec = true
		default:
			return reading{}
		}
		r.kind = readsIDs
	}
	return r
}

// readsBytes says whether a rule may see the content that a request carries in a member "data".
func (p *Policy) readsBytes() bool {
	v := visitor{compiler: p.compiler, seen: map[*ast.Rule]bool{}, input: map[string]bool{}}
	for _, m := range p.compiler.Modules {
		for _, r := range m.Rules {
			v.rule(r)
		}
	}
	return v.input[whole] || v.input["data"]
}

// whole stands for a reference to more than one member of the input.
const whole = ""

// visitor collects what rules read.
type visitor struct {
	compiler *ast.Compiler
	seen     map[*ast.Rule]bool
	state    bool
	input    map[string]bool // members of the input
}

func (v *visitor) rule(r *ast.Rule) {
	if v.seen[r] {
		return
	}
	v.seen[r] = true
	visit := func(t *ast.Term) bool {
		switch x := t.Value.(type) {
		case ast.Ref:
			v.ref(x)
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				v.input[whole] = true
			} else if x.Equal(ast.DefaultRootDocument.Value) {
				v.state = true
			}
		}
		return false
	}
	for ; r != nil; r = r.Else {
		ast.WalkTerms(r, func(t *ast.Term) bool {
			if ref, ok := t.Value.(ast.Ref); ok {
				v.ref(ref)
				for _, part := range ref[1:] { // the head is seen as part of the reference
					ast.WalkTerms(part, visit)
				}
				return true
			}
			return visit(t)
		})
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if len(e.With) > 0 {
				v.state, v.input[whole] = true, true // what is replaced is not followed
			}
			return false
		})
	}
}

// ref notes what a reference leads to.
func (v *visitor) ref(ref ast.Ref) {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		key := whole
		if len(ref) > 1 {
			if s, ok := ref[1].Value.(ast.String); ok {
				key = string(s)
			}
		}
		v.input[key] = true
	case ref[0].Equal(ast.DefaultRootDocument):
		if len(ref) < 3 || !ref[1].Equal(ast.StringTerm(Package)) || !scalar(ref[2]) {
			v.state = true // beside the package, or all of it
			return
		}
		for _, r := range v.compiler.GetRulesDynamic(ref) {
			v.rule(r)
		}
	}
}

func scalar(t *ast.Term) bool {
	_, ok := t.Value.(ast.String)
	return ok
}
