// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/policy"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/open-policy-agent/opa/v1/ast"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldenInputs has the document of every request the agent serves, empty and with all fields set.
func TestGoldenInputs(t *testing.T) {
	for name, request := range requests() {
		t.Run(name, func(t *testing.T) {
			full := request()
			fill(reflect.ValueOf(full).Elem(), 1)
			var got bytes.Buffer
			for _, m := range []protocols.Message{request(), full} {
				if err := json.Indent(&got, []byte(policy.JSON(Input{m}.Value(true))), "", " "); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the document of %s is not that of %s:\n%s", name, file, got.Bytes())
			}
		})
	}
}

// requests are the messages of the agent's requests by their names.
func requests() map[string]func() protocols.Message {
	all := map[string]func() protocols.Message{}
	for _, m := range protocols.Methods() {
		if m.Service == protocols.AgentService {
			all[reflect.TypeOf(m.NewRequest()).Elem().Name()] = m.NewRequest
		}
	}
	return all
}

// fill sets every field of a message to something.
func fill(v reflect.Value, n int) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case strings.HasPrefix(f.Name, "XXX_"):
		case f.Tag.Get("protobuf_oneof") != "":
			for _, wrapper := range v.Addr().Interface().(interface{ XXX_OneofWrappers() []interface{} }).XXX_OneofWrappers() {
				if reflect.TypeOf(wrapper).Implements(f.Type) {
					w := reflect.New(reflect.TypeOf(wrapper).Elem())
					fillValue(w.Elem().Field(0), n+i)
					v.Field(i).Set(w)
				}
			}
		default:
			fillValue(v.Field(i), n+i)
		}
	}
}

func fillValue(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint32, reflect.Uint64, reflect.Uint8:
		v.SetUint(uint64(n))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0), n)
		fillValue(v.Index(1), n+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(key, n)
		fillValue(value, n+1)
		v.SetMapIndex(key, value)
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

// TestInputs has what unmodified policies rely on, as it was seen on the agent in Rust.
func TestInputs(t *testing.T) {
	for name, tc := range map[string]struct {
		request protocols.Message
		want    string
	}{
		"exec": {&protocols.ExecProcessRequest{ContainerId: "c", ExecId: "e", Process: &protocols.Process{Args: []string{"ls"}}},
			`{"container_id":"c","exec_id":"e","process":{"ApparmorProfile":"","Args":["ls"],"Capabilities":null,"ConsoleSize":null,"Cwd":"","Env":[],` +
				`"NoNewPrivileges":false,"OOMScoreAdj":0,"Rlimits":[],"SelinuxLabel":"","Terminal":false,"User":null},` +
				`"stderr_port":0,"stdin_port":0,"stdout_port":0,"string_user":null}`},
		"bytes": {&protocols.WriteStreamRequest{Data: []byte{0, 10, 255}},
			`{"container_id":"","data":[0,10,255],"exec_id":""}`},
		"optional values": {&protocols.MemAgentCompactConfig{XCompactForceTimes: &protocols.MemAgentCompactConfig_CompactForceTimes{CompactForceTimes: 18446744073709551615}},
			`{"compact_force_times":18446744073709551615,"compact_order":null,"compact_psi_percent_limit":null,"compact_sec_max":null,` +
				`"compact_threshold":null,"disabled":null,"period_psi_percent_limit":null,"period_secs":null}`},
		"names": {&protocols.MemHotplugByProbeRequest{MemHotplugProbeAddr: []uint64{1 << 63}},
			`{"memHotplugProbeAddr":[9223372036854775808]}`},
		"type": {&protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{Type: "veth", IPAddresses: []*protocols.IPAddress{{Family: protocols.IPFamily_v6}}}},
			`{"interface":{"IPAddresses":[{"address":"","family":1,"mask":""}],"device":"","devicePath":"","hwAddr":"","mtu":0,"name":"","raw_flags":0,"type_":"veth"}}`},
		"signal": {&protocols.SignalProcessRequest{ContainerId: "c", Signal: 9}, `{"container_id":"c","exec_id":"","signal":9}`},
		"a link": {&protocols.CopyFileRequest{Path: "/p", FileMode: 0o120777, Data: []byte("target"), Uid: -1, Gid: 7, Offset: 3, FileSize: 9, DirMode: 0o750},
			`{"dir_mode":488,"file_mode":41471,"file_size":9,"file_type":"Symlink","gid":7,"offset":3,"path":"/p","symlink_target":"target","uid":-1}`},
		"a file": {&protocols.CopyFileRequest{FileMode: 0o100644, Data: []byte("content")},
			`{"dir_mode":0,"file_mode":33188,"file_size":0,"file_type":"Regular","gid":0,"offset":0,"path":"","symlink_target":null,"uid":0}`},
		"a directory": {&protocols.CopyFileRequest{FileMode: 0o40755},
			`{"dir_mode":0,"file_mode":16877,"file_size":0,"file_type":"Directory","gid":0,"offset":0,"path":"","symlink_target":null,"uid":0}`},
		"a block device": {&protocols.CopyFileRequest{FileMode: 0o60644},
			`{"dir_mode":0,"file_mode":24996,"file_size":0,"file_type":"Unknown","gid":0,"offset":0,"path":"","symlink_target":null,"uid":0}`},
	} {
		if got := policy.JSON(Input{tc.request}.Value(true)); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestInputDetails(t *testing.T) {
	spec := Input{&protocols.CreateContainerRequest{OCI: &protocols.Spec{
		Mounts: []*protocols.Mount{{Type: "bind"}},
		Linux:  &protocols.Linux{Namespaces: []*protocols.LinuxNamespace{{Type: "pid"}}, Devices: []*protocols.LinuxDevice{{Type: "c"}}},
	}, Storages: []*protocols.Storage{{FsGroup: &protocols.FSGroup{GroupChangePolicy: protocols.FSGroupChangePolicy_OnRootMismatch}}, {}}}}.Value(true)
	for path, want := range map[string]string{
		"OCI.Mounts.0.type_": `"bind"`, "OCI.Linux.Namespaces.0.Type": `"pid"`, "OCI.Linux.Devices.0.Type": `"c"`,
		"OCI.Process": "null", "OCI.Annotations": "{}", "storages.0.fs_group.group_change_policy": "1", "storages.1.fs_group": "null",
		"sandbox_pidns": "false", "devices": "[]",
	} {
		ref := ast.Ref{}
		for _, part := range strings.Split(path, ".") {
			if part[0] >= '0' && part[0] <= '9' {
				ref = append(ref, ast.IntNumberTerm(int(part[0]-'0')))
				continue
			}
			ref = append(ref, ast.StringTerm(part))
		}
		got, err := spec.Find(ref)
		if err != nil || policy.JSON(got) != want {
			t.Errorf("%s is %v, %v; want %s", path, got, err, want)
		}
	}
	if got := policy.JSON(Input{&protocols.WriteStreamRequest{Data: []byte{1}}}.Value(false)); got != `{"container_id":"","data":[],"exec_id":""}` {
		t.Errorf("without its content: %s", got)
	}
	if err := (Input{&protocols.CopyFileRequest{FileMode: 0o120777, Data: []byte{0xff}}}).Check(); err == nil || err.Error() != "parsing CopyFileRequest for policy: invalid symlink content" {
		t.Errorf("a link that is no text: %v, want %q", err, "parsing CopyFileRequest for policy: invalid symlink content")
	}
	if err := (Input{&protocols.CopyFileRequest{FileMode: 0o100777, Data: []byte{0xff}}}).Check(); err != nil {
		t.Errorf("a file that is no text: %v", err)
	}
}
