// SPDX-License-Identifier: Apache-2.0

package protojson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
)

func TestUnmarshal(t *testing.T) {
	cases := map[string]struct {
		in   string
		into protocols.Message
		want protocols.Message
	}{
		"proto names": {
			`{"container_id":"c1","sandbox_pidns":true}`, new(protocols.CreateContainerRequest),
			&protocols.CreateContainerRequest{ContainerId: "c1", SandboxPidns: true},
		},
		"camel case": {
			`{"containerId":"c1","sandboxPidns":true}`, new(protocols.CreateContainerRequest),
			&protocols.CreateContainerRequest{ContainerId: "c1", SandboxPidns: true},
		},
		"empty": {`{}`, new(protocols.DestroySandboxRequest), &protocols.DestroySandboxRequest{}},
		"google empty": {
			`{}`, new(protocols.Empty), &protocols.Empty{},
		},
		"nested, map, repeated": {
			`{"OCI":{"Process":{"Args":["a","b"],"User":{"UID":7}},"Annotations":{"k":"v"}},
			  "storages":[{"driver":"blk","fs_group":{"group_id":3,"group_change_policy":"OnRootMismatch"}}]}`,
			new(protocols.CreateContainerRequest),
			&protocols.CreateContainerRequest{
				OCI: &protocols.Spec{
					Process:     &protocols.Process{Args: []string{"a", "b"}, User: &protocols.User{UID: 7}},
					Annotations: map[string]string{"k": "v"},
				},
				Storages: []*protocols.Storage{{Driver: "blk", FsGroup: &protocols.FSGroup{
					GroupId: 3, GroupChangePolicy: protocols.FSGroupChangePolicy_OnRootMismatch,
				}}},
			},
		},
		"map of messages": {
			`{"hugetlb_stats":{"2MB":{"usage":5}}}`, new(protocols.CgroupStats),
			&protocols.CgroupStats{HugetlbStats: map[string]*protocols.HugetlbStats{"2MB": {Usage: 5}}},
		},
		"enum by name": {
			`{"family":"v6"}`, new(protocols.IPAddress), &protocols.IPAddress{Family: protocols.IPFamily_v6},
		},
		"enum by number": {
			`{"family":1}`, new(protocols.IPAddress), &protocols.IPAddress{Family: protocols.IPFamily_v6},
		},
		"nested enum": {
			`{"unit":"INODES"}`, new(protocols.VolumeUsage), &protocols.VolumeUsage{Unit: protocols.VolumeUsage_INODES},
		},
		"bytes in base64": {
			`{"data":"AAEC/w=="}`, new(protocols.WriteStreamRequest),
			&protocols.WriteStreamRequest{Data: []byte{0, 1, 2, 255}},
		},
		"64 bits as text and number": {
			`{"Sec":"9007199254740993","Usec":12}`, new(protocols.SetGuestDateTimeRequest),
			&protocols.SetGuestDateTimeRequest{Sec: 9007199254740993, Usec: 12},
		},
		"optional, given as zero": {
			`{"swap":false,"swappiness_max":50}`, new(protocols.MemAgentMemcgConfig),
			&protocols.MemAgentMemcgConfig{
				XSwap:          &protocols.MemAgentMemcgConfig_Swap{},
				XSwappinessMax: &protocols.MemAgentMemcgConfig_SwappinessMax{SwappinessMax: 50},
			},
		},
		"oneof": {
			`{"Names":["read"],"errnoret":38}`, new(protocols.LinuxSyscall),
			&protocols.LinuxSyscall{Names: []string{"read"}, ErrnoRet: &protocols.LinuxSyscall_Errnoret{Errnoret: 38}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := protojson.Unmarshal([]byte(c.in), c.into); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(c.into, c.want) {
				t.Errorf("got  %v\nwant %v", c.into, c.want)
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	cases := map[string]struct {
		in      string
		into    protocols.Message
		mention string
	}{
		"unknown field":        {`{"container":"x"}`, new(protocols.StartContainerRequest), "container"},
		"unknown nested field": {`{"OCI":{"process":{}}}`, new(protocols.CreateContainerRequest), "process"},
		"unknown enum name":    {`{"family":"v5"}`, new(protocols.IPAddress), "v5"},
		"wrong type":           {`{"container_id":7}`, new(protocols.StartContainerRequest), `container_id: a text is wanted, got 7`},
		"wrong type below":     {`{"resources":{"Memory":{"Limit":"64MB"}}}`, new(protocols.UpdateContainerRequest), `resources.Memory.Limit: a number of 64 bits is wanted, got "64MB"`},
		"in a list":            {`{"OCI":{"Mounts":[{"destination":"/x"},{"options":"ro"}]}}`, new(protocols.CreateContainerRequest), `OCI.Mounts[1].options: a list is wanted, got "ro"`},
		"negative":             {`{"signal":-1}`, new(protocols.SignalProcessRequest), "signal: a number of 32 bits, not negative, is wanted, got -1"},
		"enum":                 {`{"family":"v5"}`, new(protocols.IPAddress), `family: one of v4, v6 is wanted, got "v5"`},
		"other case":           {`{"OCI":{"process":{}}}`, new(protocols.CreateContainerRequest), `OCI.process: there is no such field; did you mean "Process"?`},
		"not bytes":            {`{"data":{}}`, new(protocols.WriteStreamRequest), "data: bytes in base64 is wanted, got {}"},
		"oneof":                {`{"swap":"yes"}`, new(protocols.MemAgentMemcgConfig), `swap: true or false is wanted, got "yes"`},
		"map":                  {`{"hugetlb_stats":{"2MB":{"usage":"much"}}}`, new(protocols.CgroupStats), `hugetlb_stats.2MB.usage: a number`},
		"text after":           {`{} x`, new(protocols.StartContainerRequest), "after the object"},
		"not JSON":             {`container_id=x`, new(protocols.StartContainerRequest), "invalid character"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := protojson.Unmarshal([]byte(c.in), c.into)
			if err == nil || !strings.Contains(err.Error(), c.mention) {
				t.Errorf("error %v, want one that mentions %q", err, c.mention)
			}
		})
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	in := &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
		Name: "eth0", Mtu: 1500, HwAddr: "02:00:00:00:00:01",
		IPAddresses: []*protocols.IPAddress{{Family: protocols.IPFamily_v6, Address: "fd00::1", Mask: "64"}},
	}}
	for _, zeros := range []bool{false, true} {
		text, err := protojson.Marshal(in, "", zeros)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		if got := strings.Contains(string(text), "raw_flags"); got != zeros {
			t.Errorf("zeros %v: raw_flags in %s", zeros, text)
		}
		out := new(protocols.UpdateInterfaceRequest)
		if err := protojson.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
		if out.String() != in.String() {
			t.Errorf("got %v, want %v", out, in)
		}
	}
}

// Every request can be written as an empty object and with all its zero values.
func TestEveryRequest(t *testing.T) {
	for _, m := range protocols.Methods() {
		req := m.NewRequest()
		if err := protojson.Unmarshal([]byte(`{}`), req); err != nil {
			t.Errorf("%s.%s: %v", m.Service, m.Method, err)
		}
		text, err := protojson.Marshal(req, "", true)
		if err != nil {
			t.Errorf("%s.%s: %v", m.Service, m.Method, err)
			continue
		}
		if err := protojson.Unmarshal(text, m.NewRequest()); err != nil {
			t.Errorf("%s.%s: %s: %v", m.Service, m.Method, text, err)
		}
	}
}
