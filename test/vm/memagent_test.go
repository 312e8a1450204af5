// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	hang "github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// cacheMiB of a file are read by a container that then does nothing.
const cacheMiB = 96

// hideGenerations makes the kernel one without the multi-generational LRU.
const hideGenerations = "mount -t tmpfs none /sys/kernel/mm/lru_gen"

// TestMemAgent: the memory of an idle container comes back, seen from inside and from the
// host, by each way that the kernel has. What starts it comes in the order of runtime-rs.
func TestMemAgent(t *testing.T) {
	for _, tc := range []struct {
		name, prepare string
		v2            bool
	}{
		{"generations on cgroup v2", "true", true},
		{"memory.reclaim of cgroup v2", hideGenerations, true},
		{"generations on cgroup v1", "true", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vm, agent := bootMemAgent(t, tc.v2)
			vm.Shell(t, tc.prepare)
			c, usage := cacheReader(t, vm, agent, tc.v2)
			before, onHost := number(t, vm, usage), vm.HostMemory(t)
			if before < cacheMiB<<20 {
				t.Fatalf("the container has %d bytes, want its %d MiB of cache", before, cacheMiB)
			}
			startEviction(t, agent)
			vm.WaitUntil(t, fmt.Sprintf("[ $(%s) -lt %d ]", usage, before-(cacheMiB-16)<<20))
			startCompaction(t, vm, agent)
			hang.Until(t, "the host has half of the cache back", func() bool { return vm.HostMemory(t)+cacheMiB<<19 < onHost })
			t.Logf("the container has %d MiB, after it %d; the guest %d MiB of the host's, after it %d",
				before>>20, number(t, vm, usage)>>20, onHost>>20, vm.HostMemory(t)>>20)
			if got := c.Shell(t, "cat /data/file | wc -c"); got != fmt.Sprint(cacheMiB<<20) {
				t.Errorf("the container reads %s bytes afterwards", got)
			}
			agent.DestroySandbox(t)
			wantWarnings(t, vm, "")
		})
	}
	t.Run("cgroup v1 without generations", func(t *testing.T) {
		vm, agent := bootMemAgent(t, false)
		vm.Shell(t, hideGenerations)
		startEviction(t, agent)
		startCompaction(t, vm, agent)
		hang.Until(t, "a warning", func() bool { return len(warnings(vm)) > 0 })
		startEviction(t, agent)
		agent.RunSleeper(t, "after").Remove(t)
		agent.DestroySandbox(t)
		wantWarnings(t, vm, "the memory agent goes without eviction")
	})
}

func bootMemAgent(t *testing.T, v2 bool) (*lab.VM, *host.Agent) {
	t.Helper()
	return bootPod(t, lab.Options{
		CgroupV2: v2, FreePageReporting: true, Modules: lab.FullModules(), Disks: []string{emptyVolume(t)},
		KernelArgs: []string{
			"agent.mem_agent_compact_period_secs=3600", "agent.mem_agent_enable=1",
			"agent.mem_agent_memcg_period_secs=3600", "psi=1",
		},
	})
}

// startEviction shortens the period, and allows for the emulator's slowness.
func startEviction(t *testing.T, agent *host.Agent) {
	t.Helper()
	agent.Call(t, "MemAgentMemcgSet", &protocols.MemAgentMemcgConfig{
		XPeriodSecs:               &protocols.MemAgentMemcgConfig_PeriodSecs{PeriodSecs: 1},
		XPeriodPsiPercentLimit:    &protocols.MemAgentMemcgConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 255},
		XEvictionPsiPercentLimit:  &protocols.MemAgentMemcgConfig_EvictionPsiPercentLimit{EvictionPsiPercentLimit: 255},
		XEvictionRunAgingCountMin: &protocols.MemAgentMemcgConfig_EvictionRunAgingCountMin{EvictionRunAgingCountMin: 2},
	})
}

// compactions counts the pages that compaction has looked at.
const compactions = "awk '$1 == \"compact_migrate_scanned\" {print $2}' /proc/vmstat"

// startCompaction has memory compacted every other second, and waits until it was.
func startCompaction(t *testing.T, vm *lab.VM, agent *host.Agent) {
	t.Helper()
	scanned := number(t, vm, compactions)
	agent.Call(t, "MemAgentCompactSet", &protocols.MemAgentCompactConfig{
		XPeriodSecs:             &protocols.MemAgentCompactConfig_PeriodSecs{PeriodSecs: 1},
		XPeriodPsiPercentLimit:  &protocols.MemAgentCompactConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 255},
		XCompactPsiPercentLimit: &protocols.MemAgentCompactConfig_CompactPsiPercentLimit{CompactPsiPercentLimit: 255},
		XCompactForceTimes:      &protocols.MemAgentCompactConfig_CompactForceTimes{CompactForceTimes: 1},
	})
	vm.WaitUntil(t, fmt.Sprintf("[ $(%s) -gt %d ]", compactions, scanned))
}

// emptyVolume is a disk with a file system.
func emptyVolume(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 2*cacheMiB<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", name).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	return name
}

// cacheReader is a container that has read a file once, and the command that prints the bytes
// that the kernel counts for it.
func cacheReader(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool) (c *host.Container, usage string) {
	t.Helper()
	vm.Shell(t, fmt.Sprintf("mkdir -p /run/data && mount /dev/vda /run/data && truncate -s %dM /run/data/file", cacheMiB))
	spec := agent.Sleeper(t, "idle")
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/data", Source: "/run/data", Type: "bind", Options: []string{"bind"},
	})
	c = agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "idle", OCI: spec})
	c.Start(t)
	c.Shell(t, "cat /data/file >/dev/null")
	controller, file := "memory", "/sys/fs/cgroup/memory%s/memory.usage_in_bytes"
	if v2 {
		controller, file = "", "/sys/fs/cgroup%s/memory.current"
	}
	path := vm.Shell(t, "sed -n 's/^[0-9]*:"+controller+"://p' /proc/$(awk '$2 == \"(sleep)\" {print $1}' /proc/[0-9]*/stat 2>/dev/null)/cgroup")
	return c, "cat " + fmt.Sprintf(file, path)
}

func number(t *testing.T, vm *lab.VM, script string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(vm.Shell(t, script), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// warnings are the agent's lines of that level.
func warnings(vm *lab.VM) (all []string) {
	for _, line := range vm.AgentLog() {
		// That a turn was slow is said of a machine that others keep busy.
		if strings.Contains(line, `"level":"WARN"`) && !strings.Contains(line, `"msg":"slow turn"`) {
			all = append(all, line)
		}
	}
	return all
}

// wantWarnings wants one warning, or none for "".
func wantWarnings(t *testing.T, vm *lab.VM, want string) {
	t.Helper()
	got := warnings(vm)
	if want == "" && len(got) == 0 || len(got) == 1 && strings.Contains(got[0], want) {
		return
	}
	t.Errorf("the agent warned %q, want %q", got, want)
}
