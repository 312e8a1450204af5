// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
)

// notPaths are the fields with text or bytes that no path is made of, by their messages.
var notPaths = map[string]string{
	"ARPNeighbor": "Device Lladdr", "CopyFileRequest": "", "CreateSandboxRequest": "Dns Hostname SandboxId", "CreateContainerRequest": "ExecId",
	"Device": "Id Options Type", "GetDiagnosticDataRequest": "LogType", "Hook": "Args Env", "IPAddress": "Address Mask",
	"Interface": "Device HwAddr Name Type", "KernelModule": "Parameters", "Linux": "MountLabel RootfsPropagation", "LinuxCPU": "Cpus Mems",
	"LinuxCapabilities": "Ambient Bounding Effective Inheritable Permitted", "LinuxDevice": "Type", "LinuxDeviceCgroup": "Access Type",
	"LinuxIntelRdt": "L3CacheSchema", "LinuxInterfacePriority": "Name", "LinuxNamespace": "Type",
	"LinuxSeccomp": "Architectures DefaultAction Flags", "LinuxSeccompArg": "Op", "LinuxSyscall": "Action Names", "Mount": "Options Type",
	"POSIXRlimit": "Type", "Process": "ApparmorProfile Env SelinuxLabel", "ReseedRandomDevRequest": "Data",
	"Route": "Dest Device Gateway Source", "SetIPTablesRequest": "Data", "SetPolicyRequest": "Policy", "SharedMount": "DstCtr Name SrcCtr",
	"Solaris": "Dummy", "Spec": "Hostname Version", "Storage": "Driver Fstype", "StringUser": "AdditionalGids Gid Uid", "User": "Username",
	"Windows": "Dummy", "WriteStreamRequest": "Data",
}

// anywhere are names that mean the same in every message but the one that makes the thing: something
// is looked up by them.
var anywhere = []string{"ContainerId", "ExecId"}

// textFields are the fields of the agent's requests that hold text or bytes, as "Message.Field".
func textFields() map[string]bool {
	fields, seen := map[string]bool{}, map[string]bool{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t.Name()] {
			return
		}
		seen[t.Name()] = true
		for f := range fieldsOf(t) {
			if kind := f.Type.String(); strings.Contains(kind, "string") || kind == "[]uint8" {
				fields[t.Name()+"."+f.Name] = true
			}
			visit(f.Type)
		}
	}
	for _, m := range protocols.Methods() {
		if m.Service == protocols.AgentService {
			visit(reflect.TypeOf(m.NewRequest()))
		}
	}
	return fields
}

func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); !strings.HasPrefix(f.Name, "XXX_") && !yield(f) {
				return
			}
		}
	}
}

var pathRow = regexp.MustCompile("(?m)^\\| ([A-Z][A-Za-z0-9]+\\.[A-Z][A-Za-z0-9]+) \\|.*`Test")

// TestEveryPathOfTheWireIsHere compares the fields of the protocol with the list of paths in
// docs/security.md, each of which names its tests.
func TestEveryPathOfTheWireIsHere(t *testing.T) {
	listed := map[string]bool{}
	for _, m := range pathRow.FindAllStringSubmatch(read(t, "docs/security.md"), -1) {
		listed[m[1]] = true
	}
	fields := textFields()
	for name := range fields {
		message, field, _ := strings.Cut(name, ".")
		plain := strings.Contains(" "+notPaths[message]+" ", " "+field+" ") || strings.Contains(strings.Join(anywhere, " "), field) && !listed[name]
		if plain == listed[name] {
			t.Errorf("%s: listed as a path: %t, as none: %t; want one of both", name, listed[name], plain)
		}
	}
	for name := range listed {
		if !fields[name] {
			t.Errorf("docs/security.md lists %s, which the protocol does not have", name)
		}
	}
	for message, names := range notPaths {
		for field := range strings.FieldsSeq(names) {
			if !fields[message+"."+field] {
				t.Errorf("%s.%s is not in the protocol", message, field)
			}
		}
	}
}
