// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/protocols"
)

// What is declared and then forgotten looks as if it worked: an option that is read from the command
// line and by nobody after, a field of an answer that is always zero.

// inspectSources calls visit for each node of the shipped code of the packages that keep says.
func inspectSources(t *testing.T, keep func(pkg) bool, visit func(ast.Node)) {
	t.Helper()
	for _, p := range packages(t) {
		if !keep(p) {
			continue
		}
		for _, file := range p.sources() {
			tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool { visit(n); return true })
		}
	}
}

// readInside are options that others read by a method of the configuration.
var readInside = map[string]string{
	"Config.File": "Dump", "Config.UnifiedCgroupHierarchy": "UnifiedCgroups", "Config.CgroupNoV1": "UnifiedCgroups",
}

// TestEveryOptionIsRead: each field of the configuration is used by a package that is given it, and not
// only by the one that fills it. Elsewhere the same name is another thing.
func TestEveryOptionIsRead(t *testing.T) {
	used := map[string]bool{}
	given := func(p pkg) bool {
		return slices.Contains(p.Imports, module+"/guest/config") && !within(p.path(), "guest/config") && !within(p.path(), "test")
	}
	inspectSources(t, given, func(n ast.Node) {
		if s, ok := n.(*ast.SelectorExpr); ok {
			used[s.Sel.Name] = true
		}
	})
	for _, name := range unused(used, reflect.TypeFor[config.Config]()) {
		if method := readInside[name]; method != "" && used[method] {
			continue
		}
		t.Errorf("nobody reads the option %s: use it where the agent is wired together, or take it out", name)
	}
}

// unused are the fields of a struct, and of those of its package in it, that are not in the set.
func unused(used map[string]bool, structure reflect.Type) []string {
	var names []string
	for field := range structFields(structure) {
		if !used[field.Name] {
			names = append(names, structure.Name()+"."+field.Name)
		}
		if t := field.Type; t.Kind() == reflect.Struct && t.PkgPath() == structure.PkgPath() {
			names = append(names, unused(used, t)...)
		}
	}
	return names
}

func structFields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !yield(f) {
				return
			}
		}
	}
}

// neverFilled are fields of answers that stay empty, and why.
var neverFilled = map[string]string{
	"Interface.DevicePath": "where a NIC is to be plugged: only asked for, and unknown of a link that is there",
}

// TestEveryAnswerIsFilled: each field of each answer is set somewhere in the handlers, by its name.
func TestEveryAnswerIsFilled(t *testing.T) {
	set := map[string]bool{}
	inspectSources(t, func(p pkg) bool { return within(p.path(), "rpc") }, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				set[key.Name] = true
			}
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				if s, ok := to.(*ast.SelectorExpr); ok {
					set[s.Sel.Name] = true
				}
			}
		}
	})
	missing := map[string]bool{}
	for _, method := range protocols.Methods() {
		if method.Service == protocols.AgentService || method.Service == protocols.HealthService {
			emptyFields(reflect.TypeOf(method.NewResponse()).Elem(), set, missing)
		}
	}
	for name := range missing {
		if neverFilled[name] == "" {
			t.Errorf("no handler fills %s: fill it, or say in neverFilled why it stays empty", name)
		}
	}
	for name := range neverFilled {
		if !missing[name] {
			t.Errorf("%s is filled, or gone, but neverFilled has it", name)
		}
	}
}

// emptyFields adds the fields of a message, and of those in it, that are not set.
func emptyFields(message reflect.Type, set, missing map[string]bool) {
	for field := range structFields(message) {
		if strings.HasPrefix(field.Name, "XXX_") {
			continue
		}
		if !set[field.Name] {
			missing[message.Name()+"."+field.Name] = true
		}
		t := field.Type
		for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, t.Kind()) {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct && !missing[message.Name()+"."+field.Name] {
			emptyFields(t, set, missing)
		}
	}
}

// The checks find what they are for.
func TestOmissionsAreFound(t *testing.T) {
	type inner struct{ Read, Forgotten bool }
	type options struct {
		Inner inner
		Name  string
	}
	if got := unused(map[string]bool{"Inner": true, "Read": true}, reflect.TypeFor[options]()); !slices.Equal(got, []string{"inner.Forgotten", "options.Name"}) {
		t.Errorf("unused options: %v, want inner.Forgotten and options.Name", got)
	}
	missing := map[string]bool{}
	emptyFields(reflect.TypeFor[protocols.StatsContainerResponse](), map[string]bool{"CgroupStats": true}, missing)
	if !missing["StatsContainerResponse.NetworkStats"] || !missing["CgroupStats.PidsStats"] || missing["StatsContainerResponse.CgroupStats"] {
		t.Errorf("empty fields: %v, want NetworkStats and those below CgroupStats", missing)
	}
}
