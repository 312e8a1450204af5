// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The document of a message has all fields of the message under their names in the .proto file, as
// the generated structures of the agent in Rust have them: absent messages and optional values are
// null, bytes are lists of numbers, enumerations are numbers. "type" is a word of Rust and becomes
// "type_".

// plan is how the messages of a type are turned into objects.
type plan struct {
	fields []field
}

type field struct {
	key   *ast.Term
	index int
	// optional fields have one type of wrapper with the value as its only field. named ones are an
	// object with that field's name.
	optional, named bool
}

var plans sync.Map // reflect.Type of a struct: *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name := protoName(f.Tag.Get("protobuf")); name != "" {
			p.fields = append(p.fields, field{key: keyTerm(name), index: i})
		} else if name := f.Tag.Get("protobuf_oneof"); name != "" {
			_, optional := strings.CutPrefix(name, "_")
			name = strings.TrimPrefix(name, "_")
			p.fields = append(p.fields, field{key: keyTerm(name), index: i, optional: true, named: !optional})
		}
	}
	stored, _ := plans.LoadOrStore(t, p)
	return stored.(*plan)
}

func keyTerm(name string) *ast.Term {
	if name == "type" {
		name = "type_"
	}
	return ast.StringTerm(name)
}

// protoName reads the field's name from the tag that the generator has written.
func protoName(tag string) string {
	for part := range strings.SplitSeq(tag, ",") {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			return name
		}
	}
	return ""
}

// object is the document of a message. Without bytes, contents are left empty.
func object(message any, bytes bool) ast.Value {
	return objectOf(reflect.ValueOf(message).Elem(), bytes)
}

func objectOf(v reflect.Value, bytes bool) ast.Value {
	p := planOf(v.Type())
	pairs := make([][2]*ast.Term, 0, len(p.fields))
	for _, f := range p.fields {
		pairs = append(pairs, [2]*ast.Term{f.key, f.term(v.Field(f.index), bytes)})
	}
	return ast.NewObject(pairs...)
}

func (f field) term(v reflect.Value, bytes bool) *ast.Term {
	if !f.optional {
		return term(v, bytes)
	}
	if v.IsNil() {
		return ast.InternedNullTerm
	}
	wrapper := v.Elem().Elem()
	member := term(wrapper.Field(0), bytes)
	if f.named {
		return ast.ObjectTerm([2]*ast.Term{keyTerm(protoName(wrapper.Type().Field(0).Tag.Get("protobuf"))), member})
	}
	return member
}

func term(v reflect.Value, bytes bool) *ast.Term {
	switch v.Kind() {
	case reflect.String:
		return ast.StringTerm(v.String())
	case reflect.Bool:
		return ast.InternedTerm(v.Bool())
	case reflect.Int32, reflect.Int64, reflect.Int:
		return signed(v.Int())
	case reflect.Uint32, reflect.Uint64, reflect.Uint8, reflect.Uint:
		return unsigned(v.Uint())
	case reflect.Float32, reflect.Float64:
		return ast.FloatNumberTerm(v.Float())
	case reflect.Pointer:
		if v.IsNil() {
			return ast.InternedNullTerm
		}
		return ast.NewTerm(objectOf(v.Elem(), bytes))
	case reflect.Slice:
		return list(v, bytes)
	case reflect.Map:
		return mapping(v, bytes)
	}
	panic("a field of kind " + v.Kind().String() + " in a request")
}

func list(v reflect.Value, bytes bool) *ast.Term {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return numbers(v.Bytes(), bytes)
	}
	elements := make([]*ast.Term, v.Len())
	for i := range elements {
		elements[i] = term(v.Index(i), bytes)
	}
	return ast.ArrayTerm(elements...)
}

// numbers is a list with the numbers of bytes, of which there are 256.
func numbers(b []byte, bytes bool) *ast.Term {
	if !bytes {
		return ast.InternedEmptyArray
	}
	elements := make([]*ast.Term, len(b))
	for i, c := range b {
		elements[i] = ast.InternedTerm(int(c))
	}
	return ast.ArrayTerm(elements...)
}

func mapping(v reflect.Value, bytes bool) *ast.Term {
	pairs := make([][2]*ast.Term, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		pairs = append(pairs, [2]*ast.Term{term(iter.Key(), bytes), term(iter.Value(), bytes)})
	}
	return ast.ObjectTerm(pairs...)
}

func signed(n int64) *ast.Term { return ast.NumberTerm(json.Number(strconv.FormatInt(n, 10))) }

func unsigned(n uint64) *ast.Term {
	if n < 256 {
		return ast.InternedTerm(int(n))
	}
	return ast.NumberTerm(json.Number(strconv.FormatUint(n, 10)))
}
