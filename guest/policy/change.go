// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Kinds of changes at the end of a path.
const (
	insert   = iota // RFC 6902 "add"
	exchange        // "replace"
	drop            // "remove"
)

var errRoot = errors.New("the whole document cannot be removed")

// change returns v with another value at a path. Values are shared, never changed.
func change(v ast.Value, path []string, to ast.Value, kind int) (ast.Value, error) {
	if len(path) == 0 {
		if kind == drop {
			return nil, errRoot
		}
		return to, nil
	}
	switch v := v.(type) {
	case ast.Object:
		return changeObject(v, path, to, kind)
	case *ast.Array:
		return changeArray(v, path, to, kind)
	}
	return nil, errPath
}

func changeObject(o ast.Object, path []string, to ast.Value, kind int) (ast.Value, error) {
	key := ast.StringTerm(path[0])
	member := o.Get(key)
	if len(path) > 1 || kind != insert {
		if member == nil {
			return nil, errPath
		}
	}
	var after ast.Value
	if len(path) > 1 || kind != drop {
		var have ast.Value
		if member != nil {
			have = member.Value
		}
		var err error
		if after, err = change(have, path[1:], to, kind); err != nil {
			return nil, err
		}
	}
	pairs := make([][2]*ast.Term, 0, o.Len()+1)
	o.Foreach(func(k, v *ast.Term) {
		if !k.Equal(key) {
			pairs = append(pairs, [2]*ast.Term{k, v})
		}
	})
	if after != nil {
		pairs = append(pairs, [2]*ast.Term{key, ast.NewTerm(after)})
	}
	return ast.NewObject(pairs...), nil
}

func changeArray(a *ast.Array, path []string, to ast.Value, kind int) (ast.Value, error) {
	elements := make([]*ast.Term, 0, a.Len()+1)
	a.Foreach(func(t *ast.Term) { elements = append(elements, t) })
	if len(path) == 1 && kind == insert {
		i, err := a.Len(), error(nil)
		if path[0] != "-" {
			i, err = index(path[0], a.Len())
		}
		if err != nil {
			return nil, err
		}
		return ast.NewArray(slices.Insert(elements, i, ast.NewTerm(to))...), nil
	}
	i, err := index(path[0], a.Len()-1)
	if err != nil {
		return nil, err
	}
	if len(path) == 1 && kind == drop {
		return ast.NewArray(slices.Delete(elements, i, i+1)...), nil
	}
	after, err := change(elements[i].Value, path[1:], to, kind)
	if err != nil {
		return nil, err
	}
	elements[i] = ast.NewTerm(after)
	return ast.NewArray(elements...), nil
}

// index reads the place of an element: digits without leading zeros, at most last.
func index(text string, last int) (int, error) {
	i, err := strconv.ParseUint(text, 10, 31)
	if err != nil || strconv.FormatUint(i, 10) != text || int(i) > last {
		return 0, errPath
	}
	return int(i), nil
}

// plain is a value as JSON has it: sets are lists, numbers are written in the shortest way.
func plain(v ast.Value) ast.Value {
	switch v := v.(type) {
	case ast.Number:
		if n := numberOf(v); n.whole == nil || len(v) > 19 {
			if n.whole != nil && !n.whole.IsUint64() && !n.whole.IsInt64() {
				n = number{float: n.asFloat()} // what JSON readers make of it
			}
			if w := n.value(); w != nil {
				return w
			}
		}
	case *ast.Array:
		return plainList(v.Len(), v.Foreach)
	case ast.Set:
		return plainList(v.Len(), v.Foreach)
	case ast.Object:
		pairs := make([][2]*ast.Term, 0, v.Len())
		v.Foreach(func(k, t *ast.Term) {
			pairs = append(pairs, [2]*ast.Term{k, ast.NewTerm(plain(t.Value))})
		})
		return ast.NewObject(pairs...)
	}
	return v
}

func plainList(n int, each func(func(*ast.Term))) ast.Value {
	elements := make([]*ast.Term, 0, n)
	each(func(t *ast.Term) { elements = append(elements, ast.NewTerm(plain(t.Value))) })
	return ast.NewArray(elements...)
}
