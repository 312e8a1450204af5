// SPDX-License-Identifier: Apache-2.0

package convert_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func ptr[T any](v T) *T { return &v }

// same compares by the JSON of the runtime specification, whose differences are readable, and then
// in memory, since JSON does not show nil from empty.
func same(t *testing.T, got, want any) {
	t.Helper()
	g, errG := json.MarshalIndent(got, "", " ")
	w, errW := json.MarshalIndent(want, "", " ")
	if errG != nil || errW != nil {
		t.Fatal(errG, errW)
	}
	if string(g) != string(w) {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	var e *convert.Error
	if !errors.As(err, &e) || e.Error() != want {
		t.Errorf("error %v (%T), want a refusal: %s", err, err, want)
	}
}

// A specification with everything in it comes out with everything in it.
func TestSpecWhole(t *testing.T) {
	hook := func(name string, seconds int64) []*protocols.Hook {
		return []*protocols.Hook{{Path: "/hooks/" + name, Args: []string{name, "x"}, Env: []string{"A=b"}, Timeout: seconds}}
	}
	want := func(name string, seconds *int) []specs.Hook {
		return []specs.Hook{{Path: "/hooks/" + name, Args: []string{name, "x"}, Env: []string{"A=b"}, Timeout: seconds}}
	}
	got, err := convert.Spec(&protocols.Spec{
		Version:  "1.1.0",
		Process:  &protocols.Process{Args: []string{"sh"}},
		Root:     &protocols.Root{Path: "/rootfs", Readonly: true},
		Hostname: "pod",
		Mounts:   []*protocols.Mount{{Destination: "/data", Source: "/src", Type: "bind", Options: []string{"rbind", "ro"}}},
		Hooks: &protocols.Hooks{
			Prestart: hook("prestart", 0), Poststart: hook("poststart", 5), Poststop: hook("poststop", 0),
			CreateRuntime: hook("createRuntime", 0), CreateContainer: hook("createContainer", 0), StartContainer: hook("startContainer", 1),
		},
		Annotations: map[string]string{"k": "v"},
		Linux: &protocols.Linux{
			UIDMappings:       []*protocols.LinuxIDMapping{{HostID: 1, ContainerID: 2, Size_: 3}},
			GIDMappings:       []*protocols.LinuxIDMapping{{HostID: 4, ContainerID: 5, Size_: 6}},
			Sysctl:            map[string]string{"net.ipv4.ip_forward": "1"},
			Resources:         &protocols.LinuxResources{Pids: &protocols.LinuxPids{Limit: 5}},
			CgroupsPath:       "a.slice:b:c",
			Namespaces:        []*protocols.LinuxNamespace{{Type: "mount"}, {Type: "pid", Path: "/proc/1/ns/pid"}},
			Devices:           []*protocols.LinuxDevice{{Path: "/dev/x", Type: "c", Major: 1, Minor: 0, FileMode: 0o20620, GID: 5}},
			Seccomp:           &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO"},
			RootfsPropagation: "rslave",
			MaskedPaths:       []string{"/proc/kcore"},
			ReadonlyPaths:     []string{"/proc/sys"},
			MountLabel:        "system_u:object_r:container_file_t:s0",
			IntelRdt:          &protocols.LinuxIntelRdt{L3CacheSchema: "L3:0=ff"},
		},
		Solaris: &protocols.Solaris{Dummy: "x"}, Windows: &protocols.Windows{Dummy: "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, &specs.Spec{
		Version:  "1.1.0",
		Process:  &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Root:     &specs.Root{Path: "/rootfs", Readonly: true},
		Hostname: "pod",
		Mounts:   []specs.Mount{{Destination: "/data", Source: "/src", Type: "bind", Options: []string{"rbind", "ro"}}},
		Hooks: &specs.Hooks{
			Prestart: want("prestart", nil), Poststart: want("poststart", ptr(5)), Poststop: want("poststop", nil),
			CreateRuntime: want("createRuntime", nil), CreateContainer: want("createContainer", nil), StartContainer: want("startContainer", ptr(1)),
		},
		Annotations: map[string]string{"k": "v"},
		Linux: &specs.Linux{
			UIDMappings:       []specs.LinuxIDMapping{{HostID: 1, ContainerID: 2, Size: 3}},
			GIDMappings:       []specs.LinuxIDMapping{{HostID: 4, ContainerID: 5, Size: 6}},
			Sysctl:            map[string]string{"net.ipv4.ip_forward": "1"},
			Resources:         &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](5)}},
			CgroupsPath:       "a.slice:b:c",
			Namespaces:        []specs.LinuxNamespace{{Type: "mount"}, {Type: "pid", Path: "/proc/1/ns/pid"}},
			Devices:           []specs.LinuxDevice{{Path: "/dev/x", Type: "c", Major: 1, FileMode: ptr(os.FileMode(0o620)), UID: ptr[uint32](0), GID: ptr[uint32](5)}},
			Seccomp:           &specs.LinuxSeccomp{DefaultAction: specs.ActErrno},
			RootfsPropagation: "rslave",
			MaskedPaths:       []string{"/proc/kcore"},
			ReadonlyPaths:     []string{"/proc/sys"},
			MountLabel:        "system_u:object_r:container_file_t:s0",
		},
	})
}

// No field of the wire form is passed over in silence: each one, set alone, changes the result.
func TestSpecDropsNothing(t *testing.T) {
	dropped := map[string]bool{ // as the package comment says
		"Spec.Solaris": true, "Spec.Windows": true, "User.Username": true, "Linux.IntelRdt": true,
	}
	seen := map[reflect.Type]bool{}
	var visit func(typ reflect.Type, place func(reflect.Value) *protocols.Spec)
	visit = func(typ reflect.Type, place func(reflect.Value) *protocols.Spec) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := typ.Name() + "." + f.Name
			if dropped[name] {
				continue
			}
			with := func(v reflect.Value) *protocols.Spec {
				m := required(typ)
				m.Elem().Field(i).Set(v)
				return place(m)
			}
			elem, wrap := f.Type, with
			if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Pointer {
				elem = f.Type.Elem()
				wrap = func(v reflect.Value) *protocols.Spec {
					return with(reflect.Append(reflect.MakeSlice(f.Type, 0, 1), v))
				}
			}
			var value reflect.Value
			if elem.Kind() == reflect.Pointer {
				visit(elem.Elem(), wrap)
				if elem == f.Type {
					continue // its members were tried
				}
				value = reflect.Append(reflect.MakeSlice(f.Type, 0, 1), required(elem.Elem()))
			} else {
				value = sample(f.Type, name)
			}
			without, err1 := convert.Spec(place(required(typ)))
			got, err2 := convert.Spec(with(value))
			if err1 != nil || err2 != nil {
				t.Errorf("%s: %v, %v", name, err1, err2)
			} else if reflect.DeepEqual(got, without) {
				t.Errorf("%s is dropped", name)
			}
		}
	}
	visit(reflect.TypeFor[protocols.Spec](), func(m reflect.Value) *protocols.Spec {
		s := m.Interface().(*protocols.Spec)
		if s.Process == nil {
			s.Process = required(reflect.TypeFor[protocols.Process]()).Interface().(*protocols.Process)
		}
		return s
	})
	if len(seen) < 25 {
		t.Errorf("only %d messages seen", len(seen))
	}
}

// required makes a message with what conversion insists on and nothing else.
func required(typ reflect.Type) reflect.Value {
	m := reflect.New(typ)
	switch v := m.Interface().(type) {
	case *protocols.Process:
		v.Args = []string{"x"}
	case *protocols.Hook:
		v.Path = "/x"
	case *protocols.LinuxNamespace:
		v.Type = "pid"
	case *protocols.POSIXRlimit:
		v.Type = "RLIMIT_CPU"
	case *protocols.LinuxSeccomp:
		v.DefaultAction = "SCMP_ACT_ALLOW"
	case *protocols.LinuxSyscall:
		v.Action = "SCMP_ACT_ALLOW"
	case *protocols.LinuxSeccompArg:
		v.Op = "SCMP_CMP_EQ"
	case *protocols.LinuxDevice:
		v.Type = "c"
	case *protocols.LinuxDeviceCgroup:
		v.Type = "c"
	}
	return m
}

// sample makes a value that the field's conversion accepts and that differs from required's.
func sample(typ reflect.Type, field string) reflect.Value {
	text := map[string]string{
		"LinuxNamespace.Type": "ipc", "LinuxDevice.Type": "b", "LinuxDeviceCgroup.Type": "b", "LinuxDeviceCgroup.Access": "r",
		"POSIXRlimit.Type": "RLIMIT_CORE", "Linux.RootfsPropagation": "rslave",
		"LinuxSeccomp.DefaultAction": "SCMP_ACT_LOG", "LinuxSyscall.Action": "SCMP_ACT_LOG", "LinuxSeccompArg.Op": "SCMP_CMP_NE",
		"LinuxSeccomp.Architectures": "SCMP_ARCH_X86", "LinuxSeccomp.Flags": "SECCOMP_FILTER_FLAG_LOG",
	}[field]
	if text == "" {
		text = "CAP_CHOWN=" // a name for args and an entry for env
	}
	if strings.HasPrefix(field, "LinuxCapabilities.") {
		text = "CAP_CHOWN"
	}
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int32:
		v.SetInt(7)
	case reflect.Uint64, reflect.Uint32:
		v.SetUint(7)
	case reflect.Slice:
		v = reflect.Append(v, sample(typ.Elem(), field))
	case reflect.Map:
		v.Set(reflect.MakeMap(typ))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("v"))
	case reflect.Interface: // LinuxSyscall.ErrnoRet
		v.Set(reflect.ValueOf(&protocols.LinuxSyscall_Errnoret{Errnoret: 7}))
	}
	return v
}

func TestSpecRefuses(t *testing.T) {
	process := &protocols.Process{Args: []string{"sh"}}
	cases := map[string]struct {
		in   *protocols.Spec
		want string
	}{
		"nothing":    {nil, "no OCI specification"},
		"no process": {&protocols.Spec{}, "OCI specification has no process"},
		"no args":    {&protocols.Spec{Process: &protocols.Process{}}, "process has no args"},
		"namespace": {
			&protocols.Spec{Process: process, Linux: &protocols.Linux{Namespaces: []*protocols.LinuxNamespace{{Type: "dreams"}}}},
			`invalid namespace type "dreams"`,
		},
		"device": {
			&protocols.Spec{Process: process, Linux: &protocols.Linux{Devices: []*protocols.LinuxDevice{{Path: "/dev/x", Type: "a"}}}},
			`device /dev/x has unknown type "a"`,
		},
		"device without type": {
			&protocols.Spec{Process: process, Linux: &protocols.Linux{Devices: []*protocols.LinuxDevice{{Path: "/dev/x"}}}},
			`device /dev/x has unknown type ""`,
		},
		"hook time": {
			&protocols.Spec{Process: process, Hooks: &protocols.Hooks{Poststop: []*protocols.Hook{{Path: "/h", Timeout: -1}}}},
			"hook /h has a negative time limit, -1",
		},
		"hook path": {
			&protocols.Spec{Process: process, Hooks: &protocols.Hooks{Prestart: []*protocols.Hook{{}}}},
			"hook has no path",
		},
		"resources": {
			&protocols.Spec{Process: process, Linux: &protocols.Linux{Resources: &protocols.LinuxResources{
				BlockIO: &protocols.LinuxBlockIO{Weight: 65537},
			}}},
			"block I/O weight 65537 is too large",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := convert.Spec(c.in)
			refused(t, err, c.want)
		})
	}
}

// Without a Linux section a container is isolated all the same.
func TestSpecWithoutLinux(t *testing.T) {
	got, err := convert.Spec(&protocols.Spec{Process: &protocols.Process{Args: []string{"sh"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []specs.LinuxNamespace{{Type: "pid"}, {Type: "ipc"}, {Type: "uts"}, {Type: "mount"}}
	same(t, got.Linux.Namespaces, want)
	if len(got.Linux.MaskedPaths) == 0 || len(got.Linux.ReadonlyPaths) == 0 {
		t.Error("paths of the kernel are open")
	}
	if got.Hooks != nil || got.Root != nil {
		t.Errorf("hooks %v and root %v out of nothing", got.Hooks, got.Root)
	}
	again, err := convert.Spec(&protocols.Spec{Process: &protocols.Process{Args: []string{"sh"}}})
	if err != nil {
		t.Fatal(err)
	}
	again.Linux.Namespaces[0].Path = "/x"
	if got.Linux.Namespaces[0].Path != "" {
		t.Error("two specifications share their default section")
	}
}

func TestSeccomp(t *testing.T) {
	got, err := convert.Spec(&protocols.Spec{
		Process: &protocols.Process{Args: []string{"sh"}},
		Linux: &protocols.Linux{Seccomp: &protocols.LinuxSeccomp{
			DefaultAction: "SCMP_ACT_ERRNO",
			Architectures: []string{"SCMP_ARCH_X86_64", "SCMP_ARCH_X32"},
			Flags:         []string{"SECCOMP_FILTER_FLAG_LOG"},
			Syscalls: []*protocols.LinuxSyscall{
				{Names: []string{"read", "write"}, Action: "SCMP_ACT_ALLOW"},
				{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &protocols.LinuxSyscall_Errnoret{Errnoret: 38}},
				{Names: []string{"sync"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &protocols.LinuxSyscall_Errnoret{}},
				{Names: []string{"clone"}, Action: "SCMP_ACT_ALLOW", Args: []*protocols.LinuxSeccompArg{
					{Index: 1, Value: 2114060288, ValueTwo: 3, Op: "SCMP_CMP_MASKED_EQ"},
				}},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got.Linux.Seccomp, &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX32},
		Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
		Syscalls: []specs.LinuxSyscall{
			{Names: []string{"read", "write"}, Action: specs.ActAllow},
			{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: ptr[uint](38)},
			{Names: []string{"sync"}, Action: specs.ActErrno, ErrnoRet: ptr[uint](0)},
			{Names: []string{"clone"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
				{Index: 1, Value: 2114060288, ValueTwo: 3, Op: specs.OpMaskedEqual},
			}},
		},
	})
}
