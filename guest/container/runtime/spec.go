// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// asked is what a spec has asked for that fitSpec has taken out of it.
type asked struct {
	cpus         string   // the cpuset; "" is none
	capabilities []string // that the kernel does not have
}

// fitSpec changes a spec where this guest does not have what hosts send, or libcontainer
// refuses it, and refuses what would not work. Each step says why.
func fitSpec(o Options, p CreateOptions) (asked, error) {
	spec := p.Spec
	if err := fitSysctls(o.Proc, spec); err != nil {
		return asked{}, fmt.Errorf("spec of container %q: %w", p.ID, err)
	}
	was := asked{cpus: wantedCPUs(spec.Linux), capabilities: dropCapabilities(spec.Process)}
	if spec.Process == nil {
		return was, fmt.Errorf("spec of container %q has no process", p.ID)
	}
	if spec.Root == nil || !filepath.IsAbs(spec.Root.Path) {
		return was, fmt.Errorf("spec of container %q has no absolute root path", p.ID)
	}
	err := fitResources(o.Sys, spec.Linux)
	if err == nil {
		err = checkDeviceRules(spec.Linux)
	}
	if err != nil {
		return was, fmt.Errorf("spec of container %q: %w", p.ID, err)
	}
	addCgroupNamespace(spec)
	if o.NoPivotRoot {
		slaveRoot(spec.Linux)
	}
	dropAppArmor(o.Sys, spec)
	return was, nil
}

func fitResources(sys string, l *specs.Linux) error {
	if l == nil {
		return nil
	}
	return errors.Join(checkMemory(l.Resources), fitCPUs(sys, l.Resources))
}

// addCgroupNamespace gives a container on cgroup v2 a cgroup namespace of its own:
// the Go host strips the entry, and without it the container would see the guest's tree.
func addCgroupNamespace(spec *specs.Spec) {
	if spec.Linux == nil || !cgroups.IsCgroup2UnifiedMode() {
		return
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.CgroupNamespace {
			return
		}
	}
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
}

// slaveRoot takes a private root for one that is a slave: libcontainer refuses the former
// without pivot_root, and either keeps the container's mounts to itself. Engines send
// rprivate where nothing was asked for.
func slaveRoot(linux *specs.Linux) {
	if linux == nil {
		return
	}
	switch linux.RootfsPropagation {
	case "private":
		linux.RootfsPropagation = "slave"
	case "rprivate":
		linux.RootfsPropagation = "rslave"
	}
}

// dropAppArmor forgets profiles the guest cannot apply: hosts send the names of
// their own profiles, which mean nothing to a guest kernel without AppArmor.
func dropAppArmor(sys string, spec *specs.Spec) {
	b, err := os.ReadFile(filepath.Join(sys, "module/apparmor/parameters/enabled"))
	if err != nil || len(b) == 0 || b[0] != 'Y' {
		spec.Process.ApparmorProfile = ""
	}
}

// maxDeviceRules bounds the rules for devices, with those for the nodes of the spec. Each one
// is compared with all before it, by the kernel of cgroup v1 too, so 100,000 take minutes.
const maxDeviceRules = 4096

func checkDeviceRules(l *specs.Linux) error {
	if l == nil {
		return nil
	}
	n := len(l.Devices)
	if l.Resources != nil {
		n += len(l.Resources.Devices)
	}
	if n > maxDeviceRules {
		return fmt.Errorf("%d devices and rules for devices, at most %d are possible", n, maxDeviceRules)
	}
	return nil
}
