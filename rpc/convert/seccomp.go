// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// archNative is the guest's own architecture, which every filter is for. The runtime specification
// has no word for it; the oci-spec crate has.
const archNative specs.Arch = "SCMP_ARCH_NATIVE"

// foreignArchs are architectures of the runtime specification that the library which builds the
// filter does not take. No guest of ours runs them, and a filter without them kills their calls: they
// can be left out without allowing anything.
var foreignArchs = []specs.Arch{
	archNative, specs.ArchPARISC, specs.ArchPARISC64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB,
}

// seccomp converts a profile. zeroIsAbsent says that the sender has an errno of zero where none is
// given. A profile without anything in it is none.
func seccomp(in *protocols.LinuxSeccomp, zeroIsAbsent bool) (*specs.LinuxSeccomp, error) {
	if in == nil {
		return nil, nil
	}
	out := &specs.LinuxSeccomp{}
	if in.DefaultAction != "" || len(in.Syscalls) > 0 {
		action, err := seccompActions.word(in.DefaultAction)
		if err != nil {
			return nil, err
		}
		out.DefaultAction = specs.LinuxSeccompAction(action)
	}
	for _, name := range in.Architectures {
		arch, err := seccompArchitectures.word(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(foreignArchs, specs.Arch(arch)) {
			out.Architectures = append(out.Architectures, specs.Arch(arch))
		}
	}
	for _, name := range in.Flags {
		flag, err := seccompFlags.word(name)
		if err != nil {
			return nil, err
		}
		out.Flags = append(out.Flags, specs.LinuxSeccompFlag(flag))
	}
	var err error
	out.Syscalls, err = tryList(in.Syscalls, func(s *protocols.LinuxSyscall) (specs.LinuxSyscall, error) {
		return syscallRule(s, zeroIsAbsent)
	})
	return out, err
}

// syscallRule keeps the presence of ErrnoRet: an errno of zero makes a call succeed without being
// made, an absent one is EPERM.
func syscallRule(in *protocols.LinuxSyscall, zeroIsAbsent bool) (specs.LinuxSyscall, error) {
	action, err := seccompActions.word(in.Action)
	if err != nil {
		return specs.LinuxSyscall{}, err
	}
	args, err := tryList(in.Args, seccompArg)
	if err != nil {
		return specs.LinuxSyscall{}, err
	}
	out := specs.LinuxSyscall{Names: in.Names, Action: specs.LinuxSeccompAction(action), Args: args}
	if in.ErrnoRet != nil && (in.GetErrnoret() != 0 || !zeroIsAbsent) {
		errno := uint(in.GetErrnoret())
		out.ErrnoRet = &errno
	}
	return out, nil
}

func seccompArg(in *protocols.LinuxSeccompArg) (specs.LinuxSeccompArg, error) {
	op, err := seccompOperators.word(in.Op)
	return specs.LinuxSeccompArg{
		Index:    uint(in.Index),
		Value:    in.Value,
		ValueTwo: in.ValueTwo,
		Op:       specs.LinuxSeccompOperator(op),
	}, err
}
