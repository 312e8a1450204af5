// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestInit is what the agent owes the guest as its init, and a pod's life from
// the first call to the power-off.
func TestInit(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		opts := lab.Options{CgroupV2: v2, ModulesOnDemand: []string{"dummy"}, KernelArgs: []string{"agent.log=debug"}}
		if !v2 {
			// A guest image as against an initrd: containers pivot_root here.
			opts.Root = lab.TmpfsRoot()
		}
		vm, agent := bootInit(t, opts)
		t.Run("mounts", func(t *testing.T) { checkMounts(t, vm) })
		t.Run("cgroup mounts", func(t *testing.T) { checkCgroupMounts(t, vm, v2) })
		t.Run("environment of an init", func(t *testing.T) {
			if got := vm.Shell(t, "readlink /dev/ptmx; hostname; cat /sys/class/net/lo/flags"); got != "/dev/pts/ptmx\nkata-vm\n0x9" {
				t.Errorf("ptmx, host name and flags of lo: %q", got)
			}
			// Field 7 of stat is the controlling terminal.
			if got := vm.Shell(t, "cut -d' ' -f7 /proc/"+agentPID(t, vm)+"/stat"); got == "0" {
				t.Error("the agent has no controlling terminal")
			}
		})
		t.Run("details", func(t *testing.T) {
			details := agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}).(*protocols.GuestDetailsResponse)
			if !details.AgentDetails.InitDaemon {
				t.Error("the agent does not say that it is init")
			}
		})
		t.Run("orphans are collected", func(t *testing.T) { checkOrphans(t, vm) })
		agent.CreateSandbox(t, &protocols.CreateSandboxRequest{
			Hostname: "pod", Dns: []string{"nameserver 10.0.0.2", "search example"},
			KernelModules: []*protocols.KernelModule{{Name: "dummy", Parameters: []string{"numdummies=2"}}},
		})
		t.Run("sandbox", func(t *testing.T) {
			if got := vm.Shell(t, "cat /etc/resolv.conf; ls -d /sys/class/net/dummy*"); got != "nameserver 10.0.0.2\nsearch example/sys/class/net/dummy0\n/sys/class/net/dummy1" {
				t.Errorf("resolv.conf and devices of the module: %q", got)
			}
		})
		t.Run("container", func(t *testing.T) { checkContainer(t, vm, agent, v2) })
		t.Run("stray signals", func(t *testing.T) {
			vm.Shell(t, "kill -INT 1; kill -HUP 1; kill -QUIT 1; kill -TSTP "+agentPID(t, vm)+"; kill -TTIN "+agentPID(t, vm)+"; kill -TTOU "+agentPID(t, vm))
			agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
		})
		t.Run("debug lines", func(t *testing.T) {
			if !slices.ContainsFunc(vm.AgentLog(), func(l string) bool { return strings.Contains(l, `"DEBG"`) }) {
				t.Error("agent.log=debug, but the console has no such line")
			}
		})
		// A container still runs: the sandbox's end is the container's too.
		agent.RunSleeper(t, "left-over")
		agent.DestroySandbox(t)
		wantContains(t, "console", vm.Console(), "kata-agent shutdown complete")
	})
}

// checkMounts compares /proc/mounts with what hosts and tools rely on.
func checkMounts(t *testing.T, vm *lab.VM) {
	mounts := vm.Shell(t, "cat /proc/mounts")
	for _, want := range []struct{ target, fstype, options string }{
		{"/proc", "proc", "nosuid,nodev,noexec"},
		{"/sys", "sysfs", "nosuid,nodev,noexec"},
		{"/dev", "devtmpfs", "nosuid"},
		{"/dev/shm", "tmpfs", "nosuid,nodev"},
		{"/dev/pts", "devpts", "nosuid,noexec"},
		{"/run", "tmpfs", "nosuid,nodev"},
	} {
		fstype, options := mountAt(mounts, want.target)
		if fstype != want.fstype {
			t.Errorf("%s is %q, want %s", want.target, fstype, want.fstype)
		}
		for option := range strings.SplitSeq(want.options, ",") {
			if !slices.Contains(strings.Split(options, ","), option) {
				t.Errorf("%s: option %s is not in %s", want.target, option, options)
			}
		}
	}
}

func checkCgroupMounts(t *testing.T, vm *lab.VM, v2 bool) {
	mounts := vm.Shell(t, "cat /proc/mounts")
	fstype, options := mountAt(mounts, "/sys/fs/cgroup")
	if v2 {
		if fstype != "cgroup2" || !strings.Contains(options, "nsdelegate") {
			t.Errorf("/sys/fs/cgroup is %s with %s", fstype, options)
		}
		checkMovesFavored(t, vm, options)
		return
	}
	if fstype != "tmpfs" || !strings.HasPrefix(options, "ro,") {
		t.Errorf("/sys/fs/cgroup is %s with %s, want a read-only tmpfs", fstype, options)
	}
	for _, name := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids", "blkio"} {
		fstype, options := mountAt(mounts, "/sys/fs/cgroup/"+name)
		if fstype != "cgroup" || !strings.Contains(options, name) {
			t.Errorf("controller %s: mounted %q with %q", name, fstype, options)
		}
		checkMovesFavored(t, vm, options)
	}
}

// checkMovesFavored: a process is moved into a cgroup without a wait for a grace period, if the kernel
// can: Linux 6.0 has brought the option.
func checkMovesFavored(t *testing.T, vm *lab.VM, options string) {
	release := vm.Shell(t, "uname -r")
	if major, _, _ := strings.Cut(release, "."); len(major) == 1 && major < "6" {
		t.Logf("kernel %s does not know favordynmods: not looked for", release)
		return
	}
	if !slices.Contains(strings.Split(options, ","), "favordynmods") {
		t.Errorf("a cgroup mount has the options %s, want favordynmods among them", options)
	}
}

// mountAt finds the last mount on a target in the text of /proc/mounts.
func mountAt(mounts, target string) (fstype, options string) {
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == target {
			fstype, options = f[2], f[3]
		}
	}
	return fstype, options
}

// checkOrphans leaves processes without a parent behind; they fall to PID 1.
func checkOrphans(t *testing.T, vm *lab.VM) {
	vm.Shell(t, "for i in 1 2 3 4 5 6 7 8; do (sleep 0.2 & usleep 1000; true) & done; wait")
	vm.WaitUntil(t, "! pidof sleep >/dev/null")
	vm.WaitUntil(t, "! grep -q 'State:.Z' /proc/[0-9]*/status 2>/dev/null")
}

func checkContainer(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool) {
	c := agent.RunSleeper(t, "c1")
	// A start is answered when init goes on to its program, an emulated moment before it is it.
	const program = "until grep -q sleep /proc/1/comm; do usleep 10000; done; cat /proc/1/comm"
	if got := c.Shell(t, "echo out; hostname; "+program); got != "out\npod\nsleep" {
		t.Errorf("exec wrote %q", got)
	}
	if out := c.Exec(t, "sh", "-c", "echo no >&2; exit 7"); out.Status != 7 || out.Stderr != "no\n" || out.Stdout != "" {
		t.Errorf("exec left %+v", out)
	}
	if out := c.Exec(t, "sh", "-c", "kill -9 $$"); out.Status != 128+int32(syscall.SIGKILL) {
		t.Errorf("status after SIGKILL: %d", out.Status)
	}
	limit := "/sys/fs/cgroup/memory/kubepods/pod1/c1/memory.limit_in_bytes"
	if v2 {
		limit = "/sys/fs/cgroup/kubepods/pod1/c1/memory.max"
	}
	if got := vm.Shell(t, "cat "+limit); got != "134217728" {
		t.Errorf("memory limit %s", got)
	}
	stats := agent.Call(t, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: c.ID}).(*protocols.StatsContainerResponse)
	if s := stats.CgroupStats; s == nil || s.MemoryStats == nil || s.MemoryStats.Usage.Limit != 128<<20 || s.CpuStats.CpuUsage.TotalUsage == 0 {
		t.Errorf("statistics: %v", stats)
	}
	c.Kill(t, syscall.SIGTERM) // sleep has no handler; as PID 1 of its namespace it would live on
	if got := c.Wait(t, c.ID); got != 128+int32(syscall.SIGKILL) && got != 128+int32(syscall.SIGTERM) {
		t.Errorf("status after SIGTERM: %d", got)
	}
	agent.Call(t, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: c.ID})
	vm.WaitUntil(t, "! test -e "+limit)
	vm.WaitUntil(t, "! grep -q kata-containers/c1 /proc/mounts")
}

// agentPID is the agent behind the init in front of it.
func agentPID(t *testing.T, vm *lab.VM) string {
	t.Helper()
	pid := vm.Shell(t, "awk '$2 == \"(kata-agent)\" && $4 == 1 {print $1}' /proc/[0-9]*/stat 2>/dev/null || true")
	if pid == "" || strings.Contains(pid, "\n") {
		t.Fatalf("children of init with the agent's name: %q", pid)
	}
	return pid
}

// TestBadOptions boots with options that are wrong in every way seen in the
// field. As init the agent must not die on one.
func TestBadOptions(t *testing.T) {
	vm, agent := bootInit(t, lab.Options{KernelArgs: []string{
		"agent.hotplug_timeout=10s", "agent.log=nonsense", "agent.container_pipe_size=-1", "agent.trace=isolated",
		"agent.debug_console_vport=x", "agent.unknown=1", "agent.use_vsock=true", "agent.debug_console=true",
	}})
	agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
	wantContains(t, "console", vm.Console(), "agent.container_pipe_size", "agent.log")
}

// TestAgentKilled takes the agent away by force: the VM must not stay behind.
func TestAgentKilled(t *testing.T) {
	vm, _ := bootPod(t, lab.Options{CgroupV2: true})
	// In the background, or the VM may be gone before the shell's answer is on its way.
	vm.Shell(t, "(sleep 1; kill -9 "+agentPID(t, vm)+") >/dev/null 2>&1 &")
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Error(err)
	}
	wantContains(t, "console", vm.Console(), "signal")
}
