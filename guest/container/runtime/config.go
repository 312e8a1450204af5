// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // device rules are refused without it
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// libcontainerConfig makes libcontainer's configuration of spec. The spec is
// changed where libcontainer refuses what hosts send: see the comments.
func libcontainerConfig(o Options, p CreateParams) (*configs.Config, error) {
	spec := p.Spec
	if spec.Process == nil {
		return nil, fmt.Errorf("spec of container %q has no process", p.ID)
	}
	if spec.Root == nil || !filepath.IsAbs(spec.Root.Path) {
		return nil, fmt.Errorf("spec of container %q has no absolute root path", p.ID)
	}
	if spec.Linux != nil {
		err := errors.Join(checkMemory(spec.Linux.Resources), fitCPUs(o.Sys, spec.Linux.Resources))
		if err != nil {
			return nil, fmt.Errorf("spec of container %q: %w", p.ID, err)
		}
	}
	if err := checkDeviceRules(spec.Linux); err != nil {
		return nil, fmt.Errorf("spec of container %q: %w", p.ID, err)
	}
	addCgroupNamespace(spec)
	if o.NoPivotRoot {
		slaveRoot(spec.Linux)
	}
	dropAppArmor(o.Sys, spec)
	if o.NoPivotRoot {
		slaveForPrivate(spec)
	}
	hooks := spec.Hooks
	spec.Hooks = nil // ours to run, see hooks.go
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{
		CgroupName:       p.ID,
		UseSystemdCgroup: p.SystemdCgroup,
		NoPivotRoot:      o.NoPivotRoot,
		NoNewKeyring:     true,
		Spec:             spec,
	})
	spec.Hooks = hooks
	if err != nil {
		return nil, fmt.Errorf("spec of container %q: %w", p.ID, err)
	}
	config.Labels = bundleLabel(config.Labels, p.Bundle)
	config.Rlimits, err = rlimits(spec.Process.Rlimits)
	if err != nil {
		return nil, fmt.Errorf("spec of container %q: %w", p.ID, err)
	}
	boundPids(o, config.Cgroups.Resources)
	if config.OomScoreAdj == nil {
		config.OomScoreAdj = oom.Inherited(o.Proc)
	}
	if config.Umask == nil {
		umask := uint32(defaultUmask)
		config.Umask = &umask
	}
	allowSpecDevices(config, spec)
	return config, nil
}

// slaveForPrivate makes a private root a slave, which libcontainer insists on without pivot_root(2)
// (an initrd guest): the container's own mounts stay in it either way.
func slaveForPrivate(spec *specs.Spec) {
	if spec.Linux == nil {
		return
	}
	switch spec.Linux.RootfsPropagation {
	case "private":
		spec.Linux.RootfsPropagation = "slave"
	case "rprivate":
		spec.Linux.RootfsPropagation = "rslave"
	}
}

// bundleLabel puts the real bundle where specconv took the working directory of
// the process, which an agent with many goroutines must not change.
func bundleLabel(labels []string, bundle string) []string {
	labels = slices.DeleteFunc(labels, func(l string) bool { return strings.HasPrefix(l, "bundle=") })
	return append(labels, "bundle="+bundle)
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

// allowSpecDevices adds an allow rule for each device node of the spec: specconv
// makes the nodes but hosts send no rules for them.
func allowSpecDevices(config *configs.Config, spec *specs.Spec) {
	if spec.Linux == nil || len(spec.Linux.Devices) == 0 {
		return
	}
	for _, d := range config.Devices {
		if slices.ContainsFunc(spec.Linux.Devices, func(s specs.LinuxDevice) bool { return s.Path == d.Path }) {
			rule := d.Rule
			rule.Allow = true
			rule.Permissions = "rwm"
			config.Cgroups.Resources.Devices = append(config.Cgroups.Resources.Devices, &rule)
		}
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
