// SPDX-License-Identifier: Apache-2.0

package convert_test

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestProcess(t *testing.T) {
	cases := map[string]struct {
		in   *protocols.Process
		want *specs.Process
	}{
		"Go host's exec: no capabilities, empty box": {
			&protocols.Process{
				Terminal: true, ConsoleSize: &protocols.Box{}, User: &protocols.User{Username: "u"},
				Args: []string{"sh", "-c", "true"}, Env: []string{"PATH=/bin", "EMPTY=", "A=b=c"}, Cwd: "/tmp",
			},
			&specs.Process{
				Terminal: true, ConsoleSize: &specs.Box{}, Args: []string{"sh", "-c", "true"},
				Env: []string{"PATH=/bin", "EMPTY=", "A=b=c"}, Cwd: "/tmp",
			},
		},
		"runtime-rs: everything": {
			&protocols.Process{
				ConsoleSize: &protocols.Box{Height: 24, Width: 80},
				User:        &protocols.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{10, 20}},
				Args:        []string{"id"}, Cwd: "/", NoNewPrivileges: true,
				Capabilities: &protocols.LinuxCapabilities{
					Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Effective: []string{"CAP_CHOWN"},
					Inheritable: []string{"CAP_KILL"}, Permitted: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_KILL"},
				},
				Rlimits:         []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1 << 63, Soft: 1024}},
				ApparmorProfile: "prof", OOMScoreAdj: -998, SelinuxLabel: "label",
			},
			&specs.Process{
				ConsoleSize: &specs.Box{Height: 24, Width: 80},
				User:        specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{10, 20}},
				Args:        []string{"id"}, Cwd: "/", NoNewPrivileges: true,
				Capabilities: &specs.LinuxCapabilities{
					Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Effective: []string{"CAP_CHOWN"},
					Inheritable: []string{"CAP_KILL"}, Permitted: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_KILL"},
				},
				Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1 << 63, Soft: 1024}},
				ApparmorProfile: "prof", OOMScoreAdj: ptr(-998), SelinuxLabel: "label",
			},
		},
		"empty capabilities are not absent ones": {
			&protocols.Process{Args: []string{"a"}, Capabilities: &protocols.LinuxCapabilities{}},
			&specs.Process{Args: []string{"a"}, Cwd: "/", Capabilities: &specs.LinuxCapabilities{}},
		},
		"capability names in any form": {
			&protocols.Process{Args: []string{"a"}, Capabilities: &protocols.LinuxCapabilities{
				Bounding: []string{"net_admin", "Sys_Admin", "cap_bpf", "CAP_CHECKPOINT_RESTORE"},
			}},
			&specs.Process{Args: []string{"a"}, Cwd: "/", Capabilities: &specs.LinuxCapabilities{
				Bounding: []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"},
			}},
		},
		"env entries without a name": {
			&protocols.Process{Args: []string{"a"}, Env: []string{"A=1", "=v", "B=2", "="}},
			&specs.Process{Args: []string{"a"}, Cwd: "/", Env: []string{"A=1", "B=2"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := convert.Process(c.in)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, c.want)
		})
	}
}

func TestProcessRefuses(t *testing.T) {
	with := func(change func(*protocols.Process)) *protocols.Process {
		p := &protocols.Process{Args: []string{"a"}}
		change(p)
		return p
	}
	cases := map[string]struct {
		in   *protocols.Process
		want string
	}{
		"nothing": {nil, "no process given"},
		"no args": {&protocols.Process{Cwd: "/"}, "process has no args"},
		"env":     {with(func(p *protocols.Process) { p.Env = []string{"A=b", "BROKEN"} }), `malformed OCI env entry, number 2 of 2: it has no "="`},
		"empty env entry": {
			with(func(p *protocols.Process) { p.Env = []string{"=x", ""} }), `malformed OCI env entry, number 2 of 2: it has no "="`,
		},
		"zero byte in env": {
			with(func(p *protocols.Process) { p.Env = []string{"A=b", "B=c\x00d"} }), `environment variable "B" holds a zero byte`,
		},
		"uid":              {with(func(p *protocols.Process) { p.User = &protocols.User{UID: 4294967295} }), "user id 4294967295 is no user"},
		"gid":              {with(func(p *protocols.Process) { p.User = &protocols.User{GID: 4294967295} }), "group id 4294967295 is no group"},
		"additional group": {with(func(p *protocols.Process) { p.User = &protocols.User{AdditionalGids: []uint32{1, 4294967295}} }), "group id 4294967295 is no group"},
		"OOM score": {
			with(func(p *protocols.Process) { p.OOMScoreAdj = 1001 }),
			"OOM score adjustment 1001 is not within -1000 and 1000",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := convert.Process(c.in)
			refused(t, err, c.want)
		})
	}
}
