// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestNeedsStage: what libcontainer's init has room in goes the shorter way.
func TestNeedsStage(t *testing.T) {
	limit := func(kind int, soft uint64) configs.Config {
		return configs.Config{Rlimits: []configs.Rlimit{{Type: kind, Soft: soft, Hard: soft}}}
	}
	group := func(r cgroups.Resources) configs.Config {
		return configs.Config{Cgroups: &cgroups.Cgroup{Resources: &r}}
	}
	for name, c := range map[string]struct {
		config configs.Config
		want   bool
	}{
		"nothing":            {configs.Config{}, false},
		"seccomp":            {configs.Config{Seccomp: &configs.Seccomp{}}, true},
		"16 descriptors":     {limit(unix.RLIMIT_NOFILE, 16), true},
		"1024 descriptors":   {limit(unix.RLIMIT_NOFILE, 1024), false},
		"no core":            {limit(unix.RLIMIT_CORE, 0), false},
		"address space":      {limit(unix.RLIMIT_AS, 1<<30), true},
		"no limit":           {limit(unix.RLIMIT_AS, unix.RLIM_INFINITY), false},
		"half a CPU":         {group(cgroups.Resources{CpuQuota: 50_000, CpuPeriod: 100_000}), true},
		"two CPUs":           {group(cgroups.Resources{CpuQuota: 200_000, CpuPeriod: 100_000}), false},
		"no quota":           {group(cgroups.Resources{CpuQuota: -1, CpuPeriod: 100_000}), false},
		"quota, no period":   {group(cgroups.Resources{CpuQuota: 1000}), true},
		"512 KiB":            {group(cgroups.Resources{Memory: 512 << 10}), true},
		"128 MiB":            {group(cgroups.Resources{Memory: 128 << 20}), false},
		"memory without end": {group(cgroups.Resources{Memory: -1}), false},
		"unified pids":       {group(cgroups.Resources{Unified: map[string]string{"pids.max": "2"}}), true},
		"unified, no limit":  {group(cgroups.Resources{Unified: map[string]string{"cpu.max": "max 100000", "memory.high": "max"}}), false},
		"unified, another":   {group(cgroups.Resources{Unified: map[string]string{"cpu.weight": "50"}}), false},
		"two pids":           {group(cgroups.Resources{PidsLimit: pointer(int64(2))}), true},
		"pids without end":   {group(cgroups.Resources{PidsLimit: pointer(int64(-1))}), false},
	} {
		if c.config.Cgroups == nil {
			c.config.Cgroups = &cgroups.Cgroup{Resources: &cgroups.Resources{}}
		}
		if got := needsStage(&c.config); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// TestStageable: a last stage is executed by a path in /proc, so that must be what the spec
// has put there.
func TestStageable(t *testing.T) {
	proc := &configs.Mount{Destination: "/proc", Device: "proc"}
	for name, c := range map[string]struct {
		config configs.Config
		hooks  *specs.Hooks
		want   bool
	}{
		"proc":                {configs.Config{Mounts: []*configs.Mount{proc}}, nil, true},
		"none":                {configs.Config{}, nil, false},
		"a volume":            {configs.Config{Mounts: []*configs.Mount{{Destination: "/proc", Device: "bind"}}}, nil, false},
		"a volume over it":    {configs.Config{Mounts: []*configs.Mount{proc, {Destination: "/proc/", Device: "bind"}}}, nil, false},
		"a volume over self":  {configs.Config{Mounts: []*configs.Mount{proc, {Destination: "/proc/self/fd", Device: "bind"}}}, nil, false},
		"a volume over pid 1": {configs.Config{Mounts: []*configs.Mount{proc, {Destination: "/x/../proc/1", Device: "bind"}}}, nil, false},
		"a masked self":       {configs.Config{Mounts: []*configs.Mount{proc}, MaskPaths: []string{"/proc/thread-self"}}, nil, false},
		"masked as usual":     {configs.Config{Mounts: []*configs.Mount{proc}, MaskPaths: []string{"/proc/kcore"}, ReadonlyPaths: []string{"/proc/sys"}}, nil, true},
		"hooks at the start":  {configs.Config{Mounts: []*configs.Mount{proc}}, &specs.Hooks{StartContainer: []specs.Hook{{}}}, false},
		"other hooks":         {configs.Config{Mounts: []*configs.Mount{proc}}, &specs.Hooks{Poststart: []specs.Hook{{}}}, true},
	} {
		if got := (&Container{config: &c.config, hooks: c.hooks}).stageable(); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
