// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/kata-containers/kata-agent/protocols"
)

// The .proto files say what the tables say, no less and no more.
func TestProtoFilesMatchTables(t *testing.T) {
	files, err := filepath.Glob("*.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("no .proto files: %v", err)
	}
	got, want := newSchema(), tables(t)
	for _, f := range files {
		if err := parseProto(got, f); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, "message", got.messages, want.messages)
	compare(t, "enum", got.enums, want.enums)
	compare(t, "service", got.services, want.services)
	compare(t, "file of", got.files, want.files)
}

// The Go structs say what the tables say.
func TestGoTypesMatchTables(t *testing.T) {
	types, want := goTypes(), tables(t)
	seen := map[string]bool{"Empty": true}
	for name, fields := range want.messages {
		short := baseName(name)
		seen[short] = true
		typ, ok := types[short]
		if !ok {
			t.Errorf("no Go type for %s", name)
			continue
		}
		got, err := goFields(typ)
		if err != nil {
			t.Error(err)
			continue
		}
		if want := withGoNames(want, fields); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
		}
	}
	for name := range types {
		if !seen[name] {
			t.Errorf("Go type %s is in no table", name)
		}
	}
}

func TestGoEnumsMatchTables(t *testing.T) {
	protocols.RegisterEnums()
	for name, values := range tables(t).enums {
		pkg, rest, _ := strings.Cut(name, ".")
		registered := proto.EnumValueMap(pkg + "." + strings.ReplaceAll(rest, ".", "_"))
		got := map[string]int{}
		for value, n := range registered {
			got[value] = int(n)
		}
		if !reflect.DeepEqual(got, values) {
			t.Errorf("%s: got %v, want %v", name, got, values)
		}
	}
	for got, want := range map[string]string{
		protocols.IPFamily_v6.String():                 "v6",
		protocols.VolumeUsage_INODES.String():          "INODES",
		protocols.HealthCheckResponse_SERVING.String(): "SERVING",
	} {
		if got != want {
			t.Errorf("enum constant is %s, want %s", got, want)
		}
	}
}

func TestMethodsMatchTables(t *testing.T) {
	got := map[string][]method{}
	for _, m := range protocols.Methods() {
		got[m.Service] = append(got[m.Service], method{
			Name:     m.Method,
			Request:  reflect.TypeOf(m.NewRequest()).Elem().Name(),
			Response: reflect.TypeOf(m.NewResponse()).Elem().Name(),
		})
		found, ok := protocols.LookUp(m.Service, m.Method)
		if !ok || found.Method != m.Method || found.Service != m.Service {
			t.Errorf("look-up of %s.%s found %v, %v", m.Service, m.Method, found, ok)
		}
	}
	want := tables(t).services
	for service, methods := range want {
		for i, m := range methods {
			methods[i] = method{m.Name, baseName(m.Request), baseName(m.Response)}
		}
		want[service] = methods
	}
	compare(t, "service", got, want)
	for _, name := range []string{
		protocols.AgentService, protocols.HealthService, protocols.SealedSecretService,
		protocols.SecureMountService, protocols.GetResourceService, protocols.ImagePullService,
	} {
		if want[name] == nil {
			t.Errorf("%s is in no table", name)
		}
	}
	if m, ok := protocols.LookUp(protocols.AgentService, "Check"); ok {
		t.Errorf("look-up across services found %v", m)
	}
}

// withGoNames gives message types the names Go has for them: no package.
func withGoNames(s *schema, fields []field) []field {
	short := func(typ string) string {
		if s.messages[typ] != nil {
			return baseName(typ)
		}
		return typ
	}
	var out []field
	for _, f := range fields {
		if key, value, ok := strings.Cut(f.Type, ";"); ok {
			f.Type = key + ";" + short(strings.TrimSuffix(value, ">")) + ">"
		} else {
			f.Type = short(f.Type)
		}
		out = append(out, f)
	}
	return out
}

func baseName(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

// compare reports every name whose definitions differ, and names on one side only.
func compare[V any](t *testing.T, kind string, got, want map[string]V) {
	t.Helper()
	names := map[string]bool{}
	for n := range got {
		names[n] = true
	}
	for n := range want {
		names[n] = true
	}
	var sorted []string
	for n := range names {
		sorted = append(sorted, n)
	}
	sort.Strings(sorted)
	for _, n := range sorted {
		if !reflect.DeepEqual(got[n], want[n]) {
			t.Errorf("%s %s:\ngot  %v\nwant %v", kind, n, got[n], want[n])
		}
	}
}
