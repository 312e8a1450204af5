// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
)

// goTypes returns the struct types of all messages that services can reach, by Go name.
func goTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || types[t.Name()] != nil {
			return
		}
		types[t.Name()] = t
		for i := range t.NumField() {
			visit(t.Field(i).Type)
		}
	}
	for _, m := range protocols.Methods() {
		visit(reflect.TypeOf(m.NewRequest()))
		visit(reflect.TypeOf(m.NewResponse()))
	}
	return types
}

// goFields reads a message's fields from its struct tags and Go types. Message types come without
// their package, which Go does not know.
func goFields(t reflect.Type) ([]field, error) {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if group, ok := sf.Tag.Lookup("protobuf_oneof"); ok {
			f, err := oneofField(t, group)
			if err != nil {
				return nil, err
			}
			fields = append(fields, f)
			continue
		}
		f, err := goField(sf)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), sf.Name, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// oneofField returns the one member of a oneof. Wrapper types tell their group by its interface only,
// so the member is known by its name.
func oneofField(t reflect.Type, group string) (field, error) {
	w, ok := reflect.New(t).Interface().(interface{ XXX_OneofWrappers() []interface{} })
	if !ok {
		return field{}, fmt.Errorf("%s has no oneof wrappers", t.Name())
	}
	for _, wrapper := range w.XXX_OneofWrappers() {
		f, err := goField(reflect.TypeOf(wrapper).Elem().Field(0))
		if err != nil {
			return field{}, err
		}
		if group == "_"+f.Name {
			f.Label = "optional"
			return f, nil
		}
		if strings.EqualFold(group, f.Name) {
			f.Label = "oneof " + group
			return f, nil
		}
	}
	return field{}, fmt.Errorf("%s: no member of oneof %s", t.Name(), group)
}

func goField(sf reflect.StructField) (field, error) {
	tag := strings.Split(sf.Tag.Get("protobuf"), ",")
	if len(tag) < 4 {
		return field{}, fmt.Errorf("protobuf tag %q", sf.Tag.Get("protobuf"))
	}
	n, err := strconv.Atoi(tag[1])
	if err != nil {
		return field{}, err
	}
	f := field{Number: n}
	for _, part := range tag {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			f.Name = name
		}
	}
	t := sf.Type
	switch {
	case t.Kind() == reflect.Map:
		f.Label = "map"
		key, err := goType(t.Key(), strings.Split(sf.Tag.Get("protobuf_key"), ","))
		if err != nil {
			return f, err
		}
		value, err := goType(t.Elem(), strings.Split(sf.Tag.Get("protobuf_val"), ","))
		f.Type = "map<" + key + ";" + value + ">"
		return f, err
	case tag[2] == "rep" && t.Kind() == reflect.Slice:
		f.Label, t = "repeated", t.Elem()
	case tag[2] != "opt":
		return f, fmt.Errorf("label %s on %v", tag[2], t)
	}
	f.Type, err = goType(t, tag)
	return f, err
}

// goType names the protobuf type of a Go type, if the wire type in its tag is the one that goes with
// it: zigzag and fixed-width integers are other types on the wire.
func goType(t reflect.Type, tag []string) (string, error) {
	for _, part := range tag {
		if name, ok := strings.CutPrefix(part, "enum="); ok {
			return strings.ReplaceAll(name, "_", "."), nil
		}
	}
	name, wire := t.Kind().String(), "varint"
	switch t.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
	case reflect.String:
		wire = "bytes"
	case reflect.Slice:
		name, wire = "bytes", "bytes"
		if t.Elem().Kind() != reflect.Uint8 {
			return "", fmt.Errorf("slice of %v", t.Elem())
		}
	case reflect.Pointer:
		name, wire = t.Elem().Name(), "bytes"
	default:
		return "", fmt.Errorf("type %v", t)
	}
	if tag[0] != wire {
		return "", fmt.Errorf("%v as %s on the wire", t, tag[0])
	}
	return name, nil
}
