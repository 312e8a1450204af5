// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// seccomp converts a profile. Names of actions, architectures and flags are checked by the library
// that builds the filter, which knows more of them than the wire form's authors did.
func seccomp(in *protocols.LinuxSeccomp) *specs.LinuxSeccomp {
	if in == nil {
		return nil
	}
	out := &specs.LinuxSeccomp{
		DefaultAction: specs.LinuxSeccompAction(in.DefaultAction),
		Syscalls:      list(in.Syscalls, syscallRule),
	}
	for _, arch := range in.Architectures {
		out.Architectures = append(out.Architectures, specs.Arch(arch))
	}
	for _, flag := range in.Flags {
		out.Flags = append(out.Flags, specs.LinuxSeccompFlag(flag))
	}
	return out
}

// syscallRule keeps the presence of ErrnoRet: an errno of zero makes a call succeed without being
// made, an absent one is EPERM.
func syscallRule(in *protocols.LinuxSyscall) specs.LinuxSyscall {
	out := specs.LinuxSyscall{
		Names:  in.Names,
		Action: specs.LinuxSeccompAction(in.Action),
		Args:   list(in.Args, seccompArg),
	}
	if in.ErrnoRet != nil {
		errno := uint(in.GetErrnoret())
		out.ErrnoRet = &errno
	}
	return out
}

func seccompArg(in *protocols.LinuxSeccompArg) specs.LinuxSeccompArg {
	return specs.LinuxSeccompArg{
		Index:    uint(in.Index),
		Value:    in.Value,
		ValueTwo: in.ValueTwo,
		Op:       specs.LinuxSeccompOperator(in.Op),
	}
}
