// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
	_ "github.com/opencontainers/cgroups/devices" // device rules are refused without it
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// libcontainerConfig makes libcontainer's configuration of a fitted spec.
func libcontainerConfig(o Options, p CreateOptions) (*configs.Config, error) {
	spec := p.Spec
	hooks := spec.Hooks
	spec.Hooks = nil // ours to run, see hooks.go
	config, err := convert(&specconv.CreateOpts{
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

// converting guards specconv.AllowedDevices.
var converting sync.Mutex

// convert gives each configuration devices of its own. specconv shares those that every container has, and
// for a container with a user namespace it changes their owner: all later containers would have it too.
func convert(o *specconv.CreateOpts) (*configs.Config, error) {
	converting.Lock()
	defer converting.Unlock()
	config, err := specconv.CreateLibcontainerConfig(o)
	if err == nil {
		for i, d := range config.Devices {
			own := *d
			config.Devices[i] = &own
		}
	}
	for _, d := range specconv.AllowedDevices {
		d.Uid, d.Gid = 0, 0
	}
	return config, err
}

// bundleLabel puts the real bundle where specconv took the working directory of
// the process, which an agent with many goroutines must not change.
func bundleLabel(labels []string, bundle string) []string {
	labels = slices.DeleteFunc(labels, func(l string) bool { return strings.HasPrefix(l, "bundle=") })
	return append(labels, "bundle="+bundle)
}

// allowSpecDevices adds an allow rule for each device node of the spec: specconv
// makes the nodes but hosts send no rules for them. A pipe is among the devices and none.
func allowSpecDevices(config *configs.Config, spec *specs.Spec) {
	if spec.Linux == nil || len(spec.Linux.Devices) == 0 {
		return
	}
	for _, d := range config.Devices {
		if d.Type == devices.FifoDevice {
			continue
		}
		if slices.ContainsFunc(spec.Linux.Devices, func(s specs.LinuxDevice) bool { return s.Path == d.Path }) {
			rule := d.Rule
			rule.Allow = true
			rule.Permissions = "rwm"
			config.Cgroups.Resources.Devices = append(config.Cgroups.Resources.Devices, &rule)
		}
	}
}
