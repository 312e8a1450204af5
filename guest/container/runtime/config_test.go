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
