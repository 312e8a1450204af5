// SPDX-License-Identifier: Apache-2.0

package protojson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/proto"
	"github.com/kata-containers/kata-agent/protocols"
)

// HasField tells whether m has a field of this name, as in its .proto file or in camel case.
func HasField(m protocols.Message, name string) bool {
	_, ok := field(reflect.TypeOf(m).Elem(), name)
	return ok
}

// A kind is what the value of a field has to be.
type kind struct {
	reflect.Type
	enum string // the name of its enum, "" for none
}

// field finds what a message's field has to be.
func field(message reflect.Type, name string) (kind, bool) {
	properties := proto.GetProperties(message)
	for i, p := range properties.Prop {
		if p.OrigName == name || p.JSONName == name {
			return kind{message.Field(i).Type, p.Enum}, true
		}
	}
	for _, one := range properties.OneofTypes {
		if one.Prop.OrigName == name || one.Prop.JSONName == name {
			return kind{one.Type.Elem().Field(0).Type, one.Prop.Enum}, true
		}
	}
	return kind{}, false
}

// mismatch looks for the first value of a JSON document that does not fit the type of its field, and
// says which one it is. It returns nil where it finds none: then the decoder's own words have to do.
func mismatch(document []byte, m protocols.Message) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	return check(value, kind{Type: reflect.TypeOf(m)}, "")
}

// check compares a value with a type; path is where the value stands, "" for the whole document.
func check(value any, t kind, path string) error {
	switch {
	case value == nil:
		return nil
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		return checkMessage(value, t.Elem(), path)
	case t.Kind() == reflect.Map:
		return checkMap(value, t, path)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return checkList(value, t, path)
	}
	return checkScalar(value, t, path)
}

func checkMessage(value any, t reflect.Type, path string) error {
	members, ok := value.(map[string]any)
	if !ok {
		return wanted("an object", value, path)
	}
	for _, name := range sortedKeys(members) {
		inner := join(path, name)
		ft, ok := field(t, name)
		if !ok {
			return fmt.Errorf("%s: there is no such field%s", inner, near(t, name))
		}
		if err := check(members[name], ft, inner); err != nil {
			return err
		}
	}
	return nil
}

func checkMap(value any, t kind, path string) error {
	members, ok := value.(map[string]any)
	if !ok {
		return wanted("an object", value, path)
	}
	for _, name := range sortedKeys(members) {
		if err := check(members[name], kind{t.Elem(), t.enum}, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func checkList(value any, t kind, path string) error {
	list, ok := value.([]any)
	if !ok {
		return wanted("a list", value, path)
	}
	for i, v := range list {
		if err := check(v, kind{t.Elem(), t.enum}, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func checkScalar(value any, t kind, path string) error {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch t.Kind() {
	case reflect.String:
		if !isText {
			return wanted("a text", value, path)
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return wanted("true or false", value, path)
		}
	case reflect.Slice:
		if !isText {
			return wanted("bytes in base64", value, path)
		}
	case reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		if names := proto.EnumValueMap(t.enum); len(names) > 0 && isText {
			if _, ok := names[text]; !ok {
				return wanted("one of "+strings.Join(sortedKeys(names), ", "), value, path)
			}
			return nil
		}
		if isText {
			number, isNumber = json.Number(text), true // 64 bits may be a text
		}
		if !isNumber || !fits(number, t.Type) {
			return wanted(numberKind(t.Type), value, path)
		}
	}
	return nil
}

func fits(n json.Number, t reflect.Type) bool {
	var err error
	switch t.Kind() {
	case reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(n.String(), 10, t.Bits())
	case reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(n.String(), 10, t.Bits())
	default:
		_, err = n.Float64()
	}
	return err == nil
}

func numberKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a number of %d bits, not negative,", t.Bits())
	case reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a number of %d bits", t.Bits())
	}
	return "a number"
}

// wanted is the error about a value that does not fit.
func wanted(what string, got any, path string) error {
	text, _ := json.Marshal(got) // was decoded from JSON: cannot fail
	if path == "" {
		return fmt.Errorf("%s is wanted, got %.80s", what, text)
	}
	return fmt.Errorf("%s: %s is wanted, got %.80s", path, what, text)
}

// near suggests the field that was likely meant: the same letters in another case.
func near(t reflect.Type, name string) string {
	for _, p := range proto.GetProperties(t).Prop {
		if strings.EqualFold(strings.ReplaceAll(p.OrigName, "_", ""), strings.ReplaceAll(name, "_", "")) {
			return fmt.Sprintf("; did you mean %q?", p.OrigName)
		}
	}
	return ""
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
