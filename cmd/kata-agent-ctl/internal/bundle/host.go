// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// AsHost takes out of a specification what the runtimes on a host (Go and Rust) do not send to
// the guest: the virtual machine is the pod's network and its outer cgroup, hooks and seccomp are
// the host's business, and paths to namespaces of the host mean nothing in the guest.
func AsHost(spec *specs.Spec) {
	spec.Hooks = nil
	l := spec.Linux
	if l == nil {
		return
	}
	l.Seccomp = nil
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(n specs.LinuxNamespace) bool {
		switch n.Type {
		case specs.CgroupNamespace, specs.NetworkNamespace, specs.TimeNamespace, specs.PIDNamespace:
			return true
		}
		return false
	})
	for i := range l.Namespaces {
		l.Namespaces[i].Path = ""
	}
	if r := l.Resources; r != nil {
		r.Devices, r.Pids, r.BlockIO, r.Network = nil, nil, nil, nil
		if r.CPU != nil {
			r.CPU.Cpus, r.CPU.Mems = "", ""
		}
	}
}
