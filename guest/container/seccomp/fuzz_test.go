// SPDX-License-Identifier: Apache-2.0

//go:build seccomp

package seccomp

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
)

// FuzzCompile compiles profiles: libseccomp, a C library, is given whatever a host has sent.
func FuzzCompile(f *testing.F) {
	errno := uint(1)
	for _, p := range []configs.Seccomp{
		{DefaultAction: configs.Errno, Architectures: []string{"amd64", "x86"}, Syscalls: calls(configs.Allow, "read", "openat")},
		{DefaultAction: configs.Allow, DefaultErrnoRet: &errno, Syscalls: []*configs.Syscall{
			{Name: "personality", Action: configs.Errno, ErrnoRet: &errno, Args: []*configs.Arg{{Index: 0, Value: 8, Op: configs.EqualTo}, {Index: 0, Value: 1, ValueTwo: 2, Op: configs.MaskEqualTo}}},
		}},
	} {
		data, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p configs.Seccomp
		if json.Unmarshal(data, &p) != nil || len(p.Syscalls) > 64 {
			return
		}
		for _, c := range p.Syscalls {
			if c == nil {
				return // rpc/convert makes none
			}
			for _, a := range c.Args {
				if a == nil {
					return
				}
			}
		}
		filter, err := Compile(&p)
		if err != nil {
			return
		}
		if filter == nil {
			t.Fatal("neither a filter nor an error")
		}
		_ = filter.RefusesExec()
	})
}
