// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestPrivateRootOfAnInitrdGuest: each propagation of the root that a host may send makes a
// container in guests of both kinds.
func TestPrivateRootOfAnInitrdGuest(t *testing.T) {
	for _, initrd := range []bool{false, true} {
		for word, want := range map[string]int{
			"": 0, "private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC, "slave": unix.MS_SLAVE,
			"rslave": unix.MS_SLAVE | unix.MS_REC, "shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
		} {
			if initrd && want&unix.MS_PRIVATE != 0 {
				want = want&^unix.MS_PRIVATE | unix.MS_SLAVE
			}
			spec := &specs.Spec{
				Process: &specs.Process{Args: []string{"true"}}, Root: &specs.Root{Path: "/rootfs"},
				Linux: &specs.Linux{RootfsPropagation: word},
			}
			config, err := configOf(Options{NoPivotRoot: initrd, Sys: "/sys", Proc: "/proc"}, CreateOptions{ID: "c", Spec: spec})
			if err != nil {
				t.Errorf("%q, initrd %t: %v", word, initrd, err)
			} else if config.RootPropagation != want {
				t.Errorf("%q, initrd %t: %#x, want %#x", word, initrd, config.RootPropagation, want)
			}
		}
	}
}

// TestWeightOfShares holds what docs/differences.md says of cpu.shares on cgroup v2: the
// weight is that of newer runc, and the Rust agent's only at both ends.
func TestWeightOfShares(t *testing.T) {
	for shares, want := range map[uint64]uint64{2: 1, 512: 59, 1024: 100, 262144: 10000} {
		spec := &specs.Spec{
			Process: &specs.Process{Args: []string{"true"}}, Root: &specs.Root{Path: "/rootfs"},
			Linux: &specs.Linux{Resources: &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}}},
		}
		config, err := configOf(Options{Sys: "/sys", Proc: "/proc"}, CreateOptions{ID: "c", Spec: spec})
		if err != nil {
			t.Fatalf("%d shares: want a configuration, got %v", shares, err)
		}
		if got := config.Cgroups.CpuWeight; got != want {
			t.Errorf("%d shares: want a weight of %d, got %d", shares, want, got)
		}
	}
}

// configOf is the configuration of a container in this guest.
func configOf(o Options, p CreateOptions) (*configs.Config, error) {
	if _, err := fitSpec(o, p); err != nil {
		return nil, err
	}
	return libcontainerConfig(o, p)
}

// TestPipeAmongTheDevices: a pipe is made like a device and is none, so the cgroup has no rule for it.
func TestPipeAmongTheDevices(t *testing.T) {
	spec := &specs.Spec{
		Process: &specs.Process{Args: []string{"true"}}, Root: &specs.Root{Path: "/rootfs"},
		Linux: &specs.Linux{Devices: []specs.LinuxDevice{{Path: "/dev/pipe", Type: "p"}, {Path: "/dev/node", Type: "c", Major: 200, Minor: 7}}},
	}
	config, err := configOf(Options{Sys: "/sys", Proc: "/proc"}, CreateOptions{ID: "c", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	node := false
	for _, rule := range config.Cgroups.Devices {
		if rule.Type == 'p' {
			t.Errorf("rule %q, want none for a pipe", rule.CgroupString())
		}
		node = node || rule.Allow && rule.Major == 200 && rule.Minor == 7
	}
	if !node {
		t.Error("there is no rule for the device, want one")
	}
}

// TestUserNamespaceHasDevicesOfItsOwn: the devices that every container has belong to root of its own user
// namespace, and not to that of a container made before.
func TestUserNamespaceHasDevicesOfItsOwn(t *testing.T) {
	make := func(users bool) *configs.Config {
		t.Helper()
		spec := &specs.Spec{Process: &specs.Process{Args: []string{"true"}}, Root: &specs.Root{Path: "/rootfs"}, Linux: &specs.Linux{}}
		if users {
			ids := []specs.LinuxIDMapping{{HostID: 200000, Size: 65536}}
			spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace}, {Type: specs.MountNamespace}}
			spec.Linux.UIDMappings, spec.Linux.GIDMappings = ids, ids
		}
		config, err := configOf(Options{Sys: "/sys", Proc: "/proc"}, CreateOptions{ID: "c", Spec: spec})
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	mapped, plain := make(true), make(false)
	for owner, config := range map[uint32]*configs.Config{200000: mapped, 0: plain} {
		for _, d := range config.Devices {
			if d.Uid != owner || d.Gid != owner {
				t.Errorf("%s belongs to %d:%d, want %d", d.Path, d.Uid, d.Gid, owner)
			}
		}
		if len(config.Devices) == 0 {
			t.Error("no devices, want those that every container has")
		}
	}
}
