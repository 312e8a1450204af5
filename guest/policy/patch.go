// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// operation is one step of a JSON patch (RFC 6902).
type operation struct {
	name       string
	path, from []string
	value      ast.Value // of add, replace and test
}

// Reasons why a patch is refused.
var (
	errPath      = errors.New("path is invalid")
	errOperation = errors.New("no operation of a JSON patch")
	errTest      = errors.New("the values are not the same")
	errInside    = errors.New("cannot move a value into itself")
	errRules     = errors.New("the policy's own rules cannot be changed")
)

// operations reads a patch. A list without operations is not nil.
func operations(v ast.Value) ([]operation, error) {
	list, ok := plain(v).(*ast.Array)
	if !ok {
		return nil, errors.New("ops is no list")
	}
	ops := make([]operation, 0, list.Len())
	for i := range list.Len() {
		op, err := readOperation(list.Elem(i).Value)
		if err != nil {
			return nil, fmt.Errorf("operation '/%d': %w", i, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func readOperation(v ast.Value) (op operation, err error) {
	name, _ := child(v, "op").(ast.String)
	op.name = string(name)
	if op.path, err = pointer(child(v, "path")); err != nil {
		return op, err
	}
	switch op.name {
	case "add", "replace", "test":
		if op.value = child(v, "value"); op.value == nil {
			return op, fmt.Errorf("%s has no value: %w", op.name, errOperation)
		}
	case "move", "copy":
		op.from, err = pointer(child(v, "from"))
	case "remove":
	default:
		return op, fmt.Errorf("%q: %w", op.name, errOperation)
	}
	return op, err
}

// pointer splits a JSON pointer (RFC 6901).
func pointer(v ast.Value) ([]string, error) {
	s, ok := v.(ast.String)
	if !ok {
		return nil, fmt.Errorf("no path: %w", errOperation)
	}
	if s == "" {
		return []string{}, nil
	}
	if s[0] != '/' {
		return nil, fmt.Errorf("%q: %w", string(s), errPath)
	}
	parts := strings.Split(string(s[1:]), "/")
	for i, part := range parts {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return nil, fmt.Errorf("%q: %w", string(s), errPath)
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return parts, nil
}

// patched returns the state with all operations of a patch done. After an error none of them is.
func (s *state) patched(ops []operation) (*state, error) {
	doc := s.doc
	for i, op := range ops {
		after, err := op.apply(doc)
		if err == nil {
			err = keepsRules(after)
		}
		if err != nil {
			return nil, fmt.Errorf("operation '/%d' failed at path '/%s': %w", i, strings.Join(op.path, "/"), err)
		}
		doc = after
	}
	return &state{doc}, nil
}

// keepsRules refuses data in the place of the policy's package: rules would mix with it.
func keepsRules(doc ast.Value) error {
	if _, ok := doc.(ast.Object); !ok {
		return errors.New("the whole document is no object")
	}
	if child(doc, Package) != nil {
		return errRules
	}
	return nil
}

func (op operation) apply(doc ast.Value) (ast.Value, error) {
	switch op.name {
	case "add":
		return change(doc, op.path, op.value, insert)
	case "replace":
		return change(doc, op.path, op.value, exchange)
	case "remove":
		return change(doc, op.path, nil, drop)
	case "test":
		found, err := find(doc, op.path)
		if err == nil && found.Compare(op.value) != 0 {
			err = errTest
		}
		return doc, err
	}
	moved, err := find(doc, op.from)
	if err != nil || op.name == "copy" {
		return changeUnless(err, doc, op.path, moved)
	}
	if inside(op.path, op.from) {
		return nil, errInside
	}
	without, err := change(doc, op.from, nil, drop)
	return changeUnless(err, without, op.path, moved)
}

func changeUnless(err error, doc ast.Value, path []string, v ast.Value) (ast.Value, error) {
	if err != nil {
		return nil, err
	}
	return change(doc, path, v, insert)
}

// inside says whether path leads to something within from.
func inside(path, from []string) bool {
	if len(path) <= len(from) {
		return false
	}
	for i, part := range from {
		if path[i] != part {
			return false
		}
	}
	return true
}

func find(v ast.Value, path []string) (ast.Value, error) {
	for _, part := range path {
		if a, ok := v.(*ast.Array); ok {
			i, err := index(part, a.Len()-1)
			if err != nil {
				return nil, err
			}
			v = a.Elem(i).Value
			continue
		}
		if v = child(v, part); v == nil {
			return nil, errPath
		}
	}
	return v, nil
}
