// SPDX-License-Identifier: Apache-2.0

package bundle

import "github.com/opencontainers/runtime-spec/specs-go"

// Lost names the members of a specification that are set and have no place in the message.
func Lost(in *specs.Spec) []string {
	var out []string
	add := func(set bool, name string) {
		if set {
			out = append(out, name)
		}
	}
	add(in.Domainname != "", "domainname")
	if p := in.Process; p != nil {
		add(p.User.Umask != nil, "process.user.umask")
		add(p.Scheduler != nil, "process.scheduler")
		add(p.IOPriority != nil, "process.ioPriority")
		add(p.ExecCPUAffinity != nil, "process.execCPUAffinity")
	}
	for _, m := range in.Mounts {
		add(len(m.UIDMappings)+len(m.GIDMappings) > 0, "mounts.uidMappings of "+m.Destination)
	}
	if l := in.Linux; l != nil {
		add(len(l.NetDevices) > 0, "linux.netDevices")
		add(l.MemoryPolicy != nil, "linux.memoryPolicy")
		add(l.Personality != nil, "linux.personality")
		add(len(l.TimeOffsets) > 0, "linux.timeOffsets")
		if s := l.Seccomp; s != nil {
			add(s.DefaultErrnoRet != nil, "linux.seccomp.defaultErrnoRet")
			add(s.ListenerPath != "", "linux.seccomp.listenerPath")
		}
		if r := l.Resources; r != nil {
			add(len(r.Unified) > 0, "linux.resources.unified")
			add(len(r.Rdma) > 0, "linux.resources.rdma")
		}
		if r := l.IntelRdt; r != nil {
			add(r.ClosID != "" || r.MemBwSchema != "" || len(r.Schemata) > 0, "linux.intelRdt")
		}
	}
	return out
}
