// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/BurntSushi/toml"
)

// keyEndpoints is the table with the list of allowed requests.
const keyEndpoints = "endpoints"

func (l *loader) applyFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tree := map[string]any{}
	if _, err := toml.Decode(string(data), &tree); err != nil {
		return err
	}
	if err := l.applyEndpoints(tree); err != nil {
		return err
	}
	delete(tree, keyEndpoints)
	byKey := make(map[string]option, len(l.options))
	for _, o := range l.options {
		for _, k := range o.keys {
			byKey[k] = o
		}
	}
	for _, key := range sortedKeys(tree) {
		o, known := byKey[key]
		if !known {
			l.warn(sourceFile, key, shortTOML(tree[key]), "unknown key")
			continue
		}
		l.applyKey(key, o, tree[key])
	}
	return nil
}

func (l *loader) applyKey(key string, o option, v any) {
	text, ok := textTOML(o, v)
	if !ok {
		l.warn(sourceFile, key, shortTOML(v), "wrong type, want "+o.value.kind())
		return
	}
	// An empty string in a file is how one writes "nothing".
	if text == "" {
		return
	}
	l.apply(sourceFile, key, o, text)
}

// textTOML turns a TOML value into the text the option's grammar takes.
func textTOML(o option, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case map[string]any:
		if _, ok := o.value.(duration); ok {
			return durationTable(v)
		}
	}
	return "", false
}

// durationTable reads { secs = 10, nanos = 0 }, the form in which the Rust
// agent's files hold a duration.
func durationTable(t map[string]any) (string, bool) {
	secs, ok := t["secs"].(int64)
	if !ok || secs < 0 || secs > math.MaxInt64/int64(time.Second)-1 {
		return "", false
	}
	nanos := int64(0)
	if v, present := t["nanos"]; present {
		if nanos, ok = v.(int64); !ok || nanos < 0 || nanos >= int64(time.Second) {
			return "", false
		}
	}
	return (time.Duration(secs)*time.Second + time.Duration(nanos)).String(), true
}

// applyEndpoints reads the list of allowed requests. A list that cannot be
// understood is an error, not a warning: guessing would grant too much.
func (l *loader) applyEndpoints(tree map[string]any) error {
	v, present := tree[keyEndpoints]
	if !present {
		return nil
	}
	table, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("[%s] is not a table", keyEndpoints)
	}
	list, ok := table["allowed"].([]any)
	if !ok {
		return fmt.Errorf("[%s] has no list named allowed", keyEndpoints)
	}
	names := make([]string, 0, len(list))
	for _, e := range list {
		name, ok := e.(string)
		if !ok {
			return fmt.Errorf("[%s] allowed holds %v, which is not a string", keyEndpoints, e)
		}
		names = append(names, name)
	}
	l.config.Endpoints = Endpoints{Restricted: true, Allowed: names}
	return nil
}

// shortTOML shows a value in a warning; tables and arrays by their kind only.
func shortTOML(v any) string {
	switch v := v.(type) {
	case string, bool, int64, float64, time.Time:
		return fmt.Sprint(v)
	case map[string]any, []map[string]any:
		return "<table>"
	case []any:
		return "<array>"
	}
	return fmt.Sprintf("<%T>", v)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
