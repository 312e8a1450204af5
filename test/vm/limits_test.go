// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestLimitsComeLast shows, on both layouts of cgroups, that what a container's spec limits
// hits its program alone, and not the agent's preparation of it.
func TestLimitsComeLast(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Files: map[string]lab.File{"/bin/seven": {Data: seven(t), Mode: 0o755}}})
		t.Run("seccomp", func(t *testing.T) { seccompAtTheEnd(t, vm, agent) })
		t.Run("descriptors", func(t *testing.T) { fewDescriptors(t, vm, agent) })
		t.Run("share of CPU", func(t *testing.T) { smallShare(t, vm, agent, v2) })
		t.Run("pids", func(t *testing.T) { twoProcesses(t, agent) })
		t.Run("memory", func(t *testing.T) { littleMemory(t, vm, agent) })
		agent.DestroySandbox(t)
	})
}

// seven is a program that makes two calls: it is executed, and exits with status 7.
func seven(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "seven.S"), filepath.Join(dir, "seven")
	const text = ".globl _start\n_start: mov $60, %eax; mov $7, %edi; syscall\n.section .note.GNU-stack\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-static", "-nostdlib", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// runOnce creates a container, starts it and returns the status of its program.
func runOnce(t *testing.T, vm *lab.VM, agent *host.Agent, id string, change func(*protocols.Spec), args ...string) int32 {
	t.Helper()
	root := agent.Busybox(t, id)
	vm.Shell(t, "cp /bin/seven "+root+"/bin/seven")
	spec := host.Spec(id, root, args...)
	change(spec)
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec})
	c.Start(t)
	status := c.Wait(t, "")
	agent.Call(t, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id})
	return status
}

func seccompAtTheEnd(t *testing.T, vm *lab.VM, agent *host.Agent) {
	const killed = 128 + 31 // SIGSYS
	rule := func(action string, names ...string) []*protocols.LinuxSyscall {
		return []*protocols.LinuxSyscall{{Names: names, Action: action}}
	}
	for i, c := range []struct {
		profile *protocols.LinuxSeccomp
		want    int32
	}{
		{&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_KILL", Syscalls: rule("SCMP_ACT_ALLOW", "execve", "exit")}, 7},
		{&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: rule("SCMP_ACT_KILL", "openat", "close", "futex", "capset", "setuid")}, 7},
		{&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: rule("SCMP_ACT_KILL", "execve")}, killed},
		{&protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: rule("SCMP_ACT_TRAP", "exit")}, killed},
	} {
		for _, noNewPrivs := range []bool{true, false} {
			got := runOnce(t, vm, agent, fmt.Sprintf("seccomp%d%t", i, noNewPrivs), func(s *protocols.Spec) {
				s.Linux.Seccomp, s.Process.NoNewPrivileges = c.profile, noNewPrivs
			}, "/bin/seven")
			if got != c.want {
				t.Errorf("%v, no_new_privs %t: status %d, want %d", c.profile, noNewPrivs, got, c.want)
			}
		}
	}
}

func fewDescriptors(t *testing.T, vm *lab.VM, agent *host.Agent) {
	got := runOnce(t, vm, agent, "descriptors", func(s *protocols.Spec) {
		s.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 16, Hard: 16}}
	}, "sh", "-c", "exit $(ulimit -n)")
	if got != 16 {
		t.Errorf("the program's limit of descriptors is %d, want 16", got)
	}
}

// smallShare gives a container 1 ms of CPU in 100, of which creating it may take none.
func smallShare(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool) {
	spec := agent.Sleeper(t, "share")
	spec.Linux.Resources.CPU = &protocols.LinuxCPU{Quota: 1000, Period: 100000}
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "share", OCI: spec})
	dir, quota, want := "/sys/fs/cgroup/cpu/kubepods/pod1/share", "cpu.cfs_quota_us", "1000"
	if v2 {
		dir, quota, want = "/sys/fs/cgroup/kubepods/pod1/share", "cpu.max", "1000 100000"
	}
	// The C stage that waits may have used up one period's share for its last steps.
	if got := vm.Shell(t, "awk '$1 == \"nr_throttled\" {print $2}' "+dir+"/cpu.stat"); got != "0" && got != "1" {
		t.Errorf("the created container was held up %s times", got)
	}
	if got := vm.Shell(t, "cat "+dir+"/"+quota); got != want {
		t.Errorf("%s is %q, want %q", quota, got, want)
	}
	c.Start(t)
	c.Remove(t)
}

// twoProcesses has room for the program and one session, from the moment the start is answered.
func twoProcesses(t *testing.T, agent *host.Agent) {
	for i := range 3 {
		id := fmt.Sprintf("two%d", i)
		spec := agent.Sleeper(t, id)
		spec.Linux.Resources.Pids = &protocols.LinuxPids{Limit: 2}
		c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec})
		c.Start(t)
		if out := c.Exec(t, "true"); out.Status != 0 {
			t.Errorf("session right after the start: %+v", out)
		}
		c.Remove(t)
	}
}

// littleMemory begins at 512 KiB. The kernel charges the container's mounts, some hundreds of
// KiB, so that it may refuse the first steps, on v2 by its OOM killer.
func littleMemory(t *testing.T, vm *lab.VM, agent *host.Agent) {
	for limit := int64(512 << 10); ; limit *= 2 {
		id := fmt.Sprintf("memory%d", limit)
		root := agent.Busybox(t, id)
		vm.Shell(t, "cp /bin/seven "+root+"/bin/seven")
		spec := host.Spec(id, root, "/bin/seven")
		spec.Linux.Resources.Memory = &protocols.LinuxMemory{Limit: limit}
		_, err := agent.Try(within(t), "CreateContainer", &protocols.CreateContainerRequest{ContainerId: id, ExecId: id, OCI: spec})
		if err != nil && limit < 2<<20 && strings.Contains(err.Error(), "memory limit") {
			t.Logf("%d bytes: %v", limit, err)
			continue
		}
		if err != nil {
			t.Fatalf("memory limit of %d bytes: %v", limit, err)
		}
		c := agent.Container(id)
		c.Start(t)
		if got := c.Wait(t, ""); got != 7 {
			t.Errorf("status %d at %d bytes, want 7", got, limit)
		}
		agent.Call(t, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id})
		t.Logf("%d bytes are enough", limit)
		return
	}
}
