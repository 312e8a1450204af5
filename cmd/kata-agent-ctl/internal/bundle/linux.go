// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func linux(in *specs.Linux) *protocols.Linux {
	if in == nil {
		return nil
	}
	out := &protocols.Linux{
		UIDMappings: list(in.UIDMappings, idMapping),
		GIDMappings: list(in.GIDMappings, idMapping),
		Sysctl:      in.Sysctl,
		Resources:   Resources(in.Resources),
		CgroupsPath: in.CgroupsPath,
		Namespaces: list(in.Namespaces, func(n specs.LinuxNamespace) *protocols.LinuxNamespace {
			return &protocols.LinuxNamespace{Type: string(n.Type), Path: n.Path}
		}),
		Devices:           list(in.Devices, device),
		Seccomp:           seccomp(in.Seccomp),
		RootfsPropagation: in.RootfsPropagation,
		MaskedPaths:       in.MaskedPaths,
		ReadonlyPaths:     in.ReadonlyPaths,
		MountLabel:        in.MountLabel,
	}
	if in.IntelRdt != nil {
		out.IntelRdt = &protocols.LinuxIntelRdt{L3CacheSchema: in.IntelRdt.L3CacheSchema}
	}
	return out
}

func idMapping(in specs.LinuxIDMapping) *protocols.LinuxIDMapping {
	return &protocols.LinuxIDMapping{HostID: in.HostID, ContainerID: in.ContainerID, Size_: in.Size}
}

func device(in specs.LinuxDevice) *protocols.LinuxDevice {
	return &protocols.LinuxDevice{
		Path: in.Path, Type: in.Type, Major: in.Major, Minor: in.Minor,
		FileMode: uint32(value(in.FileMode)), UID: value(in.UID), GID: value(in.GID),
	}
}

func seccomp(in *specs.LinuxSeccomp) *protocols.LinuxSeccomp {
	if in == nil {
		return nil
	}
	return &protocols.LinuxSeccomp{
		DefaultAction: string(in.DefaultAction),
		Architectures: list(in.Architectures, func(a specs.Arch) string { return string(a) }),
		Flags:         list(in.Flags, func(f specs.LinuxSeccompFlag) string { return string(f) }),
		Syscalls:      list(in.Syscalls, syscallRule),
	}
}

// syscallRule: an absent errno and an errno of zero differ.
func syscallRule(in specs.LinuxSyscall) *protocols.LinuxSyscall {
	out := &protocols.LinuxSyscall{
		Names: in.Names, Action: string(in.Action),
		Args: list(in.Args, func(a specs.LinuxSeccompArg) *protocols.LinuxSeccompArg {
			return &protocols.LinuxSeccompArg{
				Index: uint64(a.Index), Value: a.Value, ValueTwo: a.ValueTwo, Op: string(a.Op),
			}
		}),
	}
	if in.ErrnoRet != nil {
		out.ErrnoRet = &protocols.LinuxSyscall_Errnoret{Errnoret: uint32(*in.ErrnoRet)}
	}
	return out
}
