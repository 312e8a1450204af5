// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
)

// wireBytes joins hex text; blanks and text in parentheses are for the reader.
func wireBytes(t *testing.T, parts ...string) []byte {
	t.Helper()
	var digits strings.Builder
	for _, p := range parts {
		p, _, _ = strings.Cut(p, "(")
		digits.WriteString(strings.ReplaceAll(p, " ", ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are written out by hand from the encoding rules: key = number*8 + wire type.
func TestGoldenBytes(t *testing.T) {
	cases := map[string]struct {
		message protocols.Message
		want    []byte
	}{
		"empty": {&protocols.Empty{}, nil},
		"stream": {
			&protocols.ReadStreamResponse{Data: []byte("hi")},
			wireBytes(t, "0a 02 68 69"),
		},
		"number 2 without a number 1": {
			&protocols.ReseedRandomDevRequest{Data: []byte{7}},
			wireBytes(t, "12 01 07"),
		},
		"negative int32 takes ten bytes": {
			&protocols.CopyFileRequest{Path: "p", Uid: -1},
			wireBytes(t, "0a 01 70", "28 ff ff ff ff ff ff ff ff ff 01 (uid = 5)"),
		},
		"packed": {
			&protocols.AddSwapRequest{PCIPath: []uint32{2, 300}},
			wireBytes(t, "0a 03 02 ac02"),
		},
		"optional given as zero, and absent": {
			&protocols.MemAgentMemcgConfig{
				XDisabled:   &protocols.MemAgentMemcgConfig_Disabled{Disabled: false},
				XPeriodSecs: &protocols.MemAgentMemcgConfig_PeriodSecs{PeriodSecs: 600},
			},
			wireBytes(t, "08 00", "20 d804"),
		},
		"oneof": {
			&protocols.LinuxSyscall{Names: []string{"a"}, ErrnoRet: &protocols.LinuxSyscall_Errnoret{Errnoret: 0}},
			wireBytes(t, "0a 01 61", "18 00"),
		},
		"map in key order": {
			&protocols.Spec{Annotations: map[string]string{"b": "2", "a": "1"}},
			wireBytes(t, "3a 06 0a 01 61 12 01 31", "3a 06 0a 01 62 12 01 32"),
		},
		"map of messages": {
			&protocols.CgroupStats{HugetlbStats: map[string]*protocols.HugetlbStats{"2MB": {Usage: 1}}},
			wireBytes(t, "2a 09 0a 03 324d42 12 02 08 01"),
		},
		"nested": {
			&protocols.CreateContainerRequest{
				ContainerId: "c",
				Storages:    []*protocols.Storage{{FsGroup: &protocols.FSGroup{GroupId: 5, GroupChangePolicy: protocols.FSGroupChangePolicy_OnRootMismatch}}},
				OCI: &protocols.Spec{
					Process: &protocols.Process{User: &protocols.User{AdditionalGids: []uint32{1, 2}}, OOMScoreAdj: -1},
					Linux:   &protocols.Linux{Resources: &protocols.LinuxResources{Pids: &protocols.LinuxPids{Limit: 9}}},
				},
				SandboxPidns: true, StderrPort: 1,
			},
			wireBytes(t,
				"0a 01 63 (container_id = 1)",
				"2a 06 (storages = 5)", "3a 04 (fs_group = 7)", "10 05 18 01",
				"32 1b (OCI = 6)",
				"12 11 (Process = 2)", "1a 04 1a 02 01 02 (User = 3, AdditionalGids = 3)",
				"58 ff ff ff ff ff ff ff ff ff 01 (OOMScoreAdj = 11)",
				"42 06 (Linux = 8)", "22 04 (Resources = 4)", "22 02 (Pids = 4)", "08 09",
				"38 01 (sandbox_pidns = 7)", "58 01 (stderr_port = 11)"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.message.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.want) {
				t.Errorf("marshalled\n%x, want\n%x", got, c.want)
			}
			back := reflect.New(reflect.TypeOf(c.message).Elem()).Interface().(protocols.Message)
			if err := back.Unmarshal(c.want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, c.message) {
				t.Errorf("unmarshalled %v, want %v", back, c.message)
			}
		})
	}
}

// An absent member and a message without members are two things, and stay two.
func TestPresence(t *testing.T) {
	for name, p := range map[string]*protocols.Process{
		"absent": {Cwd: "/"},
		"empty":  {Cwd: "/", Capabilities: &protocols.LinuxCapabilities{}},
	} {
		data, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var back protocols.Process
		if err := back.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		if (back.Capabilities == nil) != (p.Capabilities == nil) {
			t.Errorf("%s: capabilities %v", name, back.Capabilities)
		}
	}
}

// A newer host may send fields, of any wire type, that are not known here.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	unknown := wireBytes(t,
		"f801 05 (varint, number 31)",
		"f901 0102030405060708 (64 bits)",
		"fa01 02 6162 (bytes)",
		"fd01 01020304 (32 bits)",
		"fb01 08 01 fc01 (group)",
	)
	known := wireBytes(t, "0a 01 63")
	for _, m := range protocols.Methods() {
		for _, msg := range []protocols.Message{m.NewRequest(), m.NewResponse()} {
			if err := msg.Unmarshal(unknown); err != nil {
				t.Errorf("%T: %v", msg, err)
			}
		}
	}
	var r protocols.StartContainerRequest
	if err := r.Unmarshal(append(append(unknown[:len(unknown):len(unknown)], known...), unknown...)); err != nil || r.ContainerId != "c" {
		t.Errorf("known field among unknown ones: %v, error %v", &r, err)
	}
}

func TestMalformed(t *testing.T) {
	for name, data := range map[string][]byte{
		"cut varint":        wireBytes(t, "f801"),
		"cut string":        wireBytes(t, "0a 05 61"),
		"length over 2^63":  wireBytes(t, "0a ffffffffffffffffff01"),
		"endless varint":    wireBytes(t, "08 ffffffffffffffffffffff01"),
		"wrong wire type":   wireBytes(t, "08 01"),
		"end without group": wireBytes(t, "0c"),
		"field number zero": wireBytes(t, "02 00"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := new(protocols.StartContainerRequest).Unmarshal(data); err == nil {
				t.Error("accepted")
			}
			// To Empty a field of the wrong type is one unknown field more.
			if err := new(protocols.Empty).Unmarshal(data); err == nil && name != "wrong wire type" {
				t.Error("Empty accepted it")
			}
		})
	}
}

// FuzzUnmarshal: whatever bytes come, reading ends without a panic, and what was read is stable.
func FuzzUnmarshal(f *testing.F) {
	full, err := (&protocols.CreateContainerRequest{
		ContainerId: "c", OCI: &protocols.Spec{Annotations: map[string]string{"k": "v"}, Process: &protocols.Process{Args: []string{"a"}}},
	}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte{0x0a})
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again protocols.CreateContainerRequest
		if m.Unmarshal(data) != nil {
			return
		}
		out, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Unmarshal(out); err != nil {
			t.Fatalf("own bytes refused: %v", err)
		}
		if back, err := again.Marshal(); err != nil || !bytes.Equal(back, out) {
			t.Fatalf("not stable: %x, %x, error %v", out, back, err)
		}
	})
}
