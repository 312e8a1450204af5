// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// populate gives every field of v a value of its own.
func populate(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		populate(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				populate(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		populate(v.Index(0), n)
		populate(v.Index(1), n)
	case reflect.Map:
		key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		populate(key, n)
		populate(element, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, element)
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	}
}

// zeros names the fields of a message that are not set.
func zeros(v reflect.Value, path string) []string {
	var out []string
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return []string{path}
		}
		return zeros(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			out = append(out, zeros(v.Field(i), path+"."+f.Name)...)
		}
		return out
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, zeros(v.Index(i), path)...)
		}
	}
	if v.IsZero() {
		return []string{path}
	}
	return out
}

// TestEveryFieldIsConverted finds a field of the message that a whole specification leaves empty.
func TestEveryFieldIsConverted(t *testing.T) {
	in, n := new(specs.Spec), 0
	populate(reflect.ValueOf(in).Elem(), &n)
	missing := zeros(reflect.ValueOf(Spec(in)), "")
	want := []string{".Solaris", ".Windows"} // no Linux container has them
	if !slices.Equal(missing, want) {
		t.Errorf("not set: %v, want %v", missing, want)
	}
	if lost := Lost(in); len(lost) < 15 {
		t.Errorf("a whole specification loses only %v", lost)
	}
	if lost := Lost(&specs.Spec{Process: new(specs.Process), Linux: new(specs.Linux)}); lost != nil {
		t.Errorf("an empty one loses %v", lost)
	}
}

func TestValuesKeepTheirPlace(t *testing.T) {
	major, errno, gone := int64(8), uint(0), -5
	in := &specs.Spec{
		Version: "1.1.0",
		Root:    &specs.Root{Path: "/r", Readonly: true},
		Process: &specs.Process{
			Args: []string{"a", "b"}, User: specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}},
			ConsoleSize: &specs.Box{Height: 24, Width: 80}, OOMScoreAdj: &gone,
			Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 2, Soft: 1}},
		},
		Linux: &specs.Linux{
			UIDMappings: []specs.LinuxIDMapping{{ContainerID: 1, HostID: 2, Size: 3}},
			Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Type: "b", Major: &major}}},
			Seccomp:     &specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{{Names: []string{"x"}, ErrnoRet: &errno}, {}}},
		},
	}
	want := &protocols.Spec{
		Version: "1.1.0",
		Root:    &protocols.Root{Path: "/r", Readonly: true},
		Process: &protocols.Process{
			Args: []string{"a", "b"}, User: &protocols.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}},
			ConsoleSize: &protocols.Box{Height: 24, Width: 80}, OOMScoreAdj: -5,
			Rlimits: []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 2, Soft: 1}},
		},
		Linux: &protocols.Linux{
			UIDMappings: []*protocols.LinuxIDMapping{{ContainerID: 1, HostID: 2, Size_: 3}},
			// An absent number is any, not 0.
			Resources: &protocols.LinuxResources{Devices: []*protocols.LinuxDeviceCgroup{{Type: "b", Major: 8, Minor: -1}}},
			// An errno of 0 is one; an absent one is not.
			Seccomp: &protocols.LinuxSeccomp{Syscalls: []*protocols.LinuxSyscall{
				{Names: []string{"x"}, ErrnoRet: &protocols.LinuxSyscall_Errnoret{}}, {},
			}},
		},
	}
	if got := Spec(in); got.String() != want.String() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAsHost(t *testing.T) {
	in := &specs.Spec{
		Hooks: &specs.Hooks{},
		Linux: &specs.Linux{
			Seccomp: &specs.LinuxSeccomp{},
			Namespaces: []specs.LinuxNamespace{
				{Type: "pid"}, {Type: "network", Path: "/n"}, {Type: "ipc", Path: "/i"}, {Type: "cgroup"},
				{Type: "mount"}, {Type: "time"}, {Type: "uts"}, {Type: "user"},
			},
			Resources: &specs.LinuxResources{
				Memory: &specs.LinuxMemory{}, Pids: &specs.LinuxPids{}, BlockIO: &specs.LinuxBlockIO{},
				CPU: &specs.LinuxCPU{Cpus: "0", Mems: "0"}, Devices: []specs.LinuxDeviceCgroup{{}},
			},
		},
	}
	AsHost(in)
	want := &specs.Spec{Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: "ipc"}, {Type: "mount"}, {Type: "uts"}, {Type: "user"}},
		Resources:  &specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}},
	}}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("got %+v", in.Linux)
	}
	AsHost(&specs.Spec{}) // nothing to take out
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"ociVersion":"1.1.0","process":{"args":["x"],"cwd":"/"},"root":{"path":"rootfs"}}`)
	m, lost, err := Message(dir)
	if err != nil || lost != nil || m.Root.Path != filepath.Join(dir, "rootfs") || m.Process.Args[0] != "x" {
		t.Errorf("%v, %v, %v", m, lost, err)
	}
	for _, bad := range []string{`{`, `{}`, `[]`} {
		write(bad)
		if _, err := Load(dir); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := Load(filepath.Join(dir, "none")); err == nil {
		t.Error("a bundle that is not there is taken")
	}
}
