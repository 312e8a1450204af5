// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/secret"
)

// hidden takes the place of a secret.
const hidden = secret.Redacted

// maxDepth ends the walk of a value that refers to itself.
const maxDepth = 24

// Size stands for bytes that must not be logged.
func Size(n int) string { return fmt.Sprintf("<%d bytes>", n) }

// names returns the variables of an environment with their values hidden.
func names(environ []string) []string {
	out := make([]string, 0, len(environ))
	for _, e := range environ {
		out = append(out, secret.Variable(e))
	}
	return out
}

// Scrub renders a request or an OCI specification as JSON with no secret in
// it: values of environment variables, bytes (of files, of streams), policy
// documents and init data, and whatever has a name like "password" are hidden,
// also as name=value in a list of options or arguments. Zero values and
// unexported fields are left out. It reads all of v and is no work for a call
// that comes often.
func Scrub(v any) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(walk(reflect.ValueOf(v), 0)); err != nil {
		return fmt.Sprintf("<%T>", v)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// secretNames are parts of field names, map keys and variable names.
var secretNames = []string{"password", "passwd", "secret", "token", "credential", "auth", "policy", "privatekey", "private_key", "encryption", "initdata", "init_data"}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, s := range secretNames {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// walk copies v into maps, slices and scalars.
func walk(v reflect.Value, depth int) any {
	if depth > maxDepth || v.IsValid() && v.Type() == reflect.TypeFor[secret.Text]() {
		return hidden
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return walk(v.Elem(), depth+1)
	case reflect.Struct:
		return walkStruct(v, depth+1)
	case reflect.Map:
		return walkMap(v, depth+1)
	case reflect.Slice, reflect.Array:
		return walkList(v, depth+1)
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return fmt.Sprint(v.Float())
	}
	return nil
}

func walkStruct(v reflect.Value, depth int) any {
	out := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && !strings.HasPrefix(f.Name, "XXX_") && !v.Field(i).IsZero() {
			out[f.Name] = member(f.Name, v.Field(i), depth)
		}
	}
	return out
}

func walkMap(v reflect.Value, depth int) any {
	out := map[string]any{}
	for it := v.MapRange(); it.Next(); {
		name := fmt.Sprint(it.Key())
		out[name] = member(name, it.Value(), depth)
	}
	return out
}

func walkList(v reflect.Value, depth int) any {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return Size(v.Len())
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = option(walk(v.Index(i), depth))
	}
	return out
}

// option hides the value of name=value if the name is that of a secret.
func option(v any) any {
	if text, ok := v.(string); ok {
		if name, _, has := strings.Cut(text, "="); has && isSecret(name) {
			return name + "=" + hidden
		}
	}
	return v
}

// member walks the value of a named thing.
func member(name string, v reflect.Value, depth int) any {
	if isSecret(name) {
		return hidden
	}
	if strings.EqualFold(name, "env") {
		if environ, ok := stringList(v); ok {
			return names(environ)
		}
		return hidden
	}
	return walk(v, depth)
}

func stringList(v reflect.Value) ([]string, bool) {
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.String {
		return nil, false
	}
	out := make([]string, v.Len())
	for i := range out {
		out[i] = v.Index(i).String()
	}
	return out, true
}
