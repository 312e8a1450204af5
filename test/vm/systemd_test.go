// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// bootService boots a VM with live systemd and the agent as its service.
func bootService(t *testing.T, opts lab.Options) (*lab.VM, *host.Agent) {
	t.Helper()
	vm := lab.Boot(t, lab.Systemd(t, lab.Agent(t), opts))
	agent := host.Connect(t, vm)
	t.Logf("from the start of QEMU to the agent's first answer: %v", time.Since(vm.Started()).Round(10*time.Millisecond))
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	return vm, agent
}

// TestService is the agent under live systemd.
func TestService(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootService(t, lab.Options{CgroupV2: v2})
		details := agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}).(*protocols.GuestDetailsResponse)
		if details.AgentDetails.InitDaemon {
			t.Error("the agent says that it is init")
		}
		t.Run("path of cgroupfs", func(t *testing.T) {
			c := agent.RunSleeper(t, "c1")
			if got := c.Shell(t, "echo out; hostname"); got != "out\npod" {
				t.Errorf("exec wrote %q", got)
			}
			// Neither what the unit gives the agent, nor what the agent gives itself.
			if got := c.Shell(t, "cat /proc/1/oom_score_adj; "+ownScore); got != "0\n0" {
				t.Errorf("OOM scores of the container and a session: %q, want 0 for each", got)
			}
			c.Remove(t)
		})
		t.Run("path of systemd", func(t *testing.T) { checkScope(t, vm, agent, v2) })
		// The unit's ExecStop switches the VM off after an orderly end.
		agent.RunSleeper(t, "left-over")
		agent.DestroySandbox(t)
	})
}

// checkScope runs a container in a scope of systemd, as kubelet's systemd
// driver asks for.
func checkScope(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool) {
	spec := agent.Sleeper(t, "c2")
	spec.Linux.CgroupsPath = "kubepods-pod1.slice:cri-containerd:c2"
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "c2", OCI: spec})
	c.Start(t)
	const scope = "cri-containerd-c2.scope"
	wantContains(t, "the scope", vm.Shell(t, "systemctl show -p ActiveState,Slice,ControlGroup,MemoryMax,MemoryLimit "+scope),
		"ActiveState=active", "Slice=kubepods-pod1.slice", "ControlGroup=/kubepods.slice/kubepods-pod1.slice/"+scope, "=134217728")
	if got := vm.Shell(t, "cat "+pidsDir(v2, "kubepods.slice")+"/pids.max"); got == "max" {
		t.Error("the pod may take all processes of the guest")
	}
	controller := "memory/"
	if v2 {
		controller = ""
	}
	// The first process and an exec, counted from the guest: from inside, the
	// container may see a cgroup namespace of its own.
	const execID = "long"
	agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: "c2", ExecId: execID, Process: host.Process("sleep", "1000000")})
	procs := "/sys/fs/cgroup/" + controller + "kubepods.slice/kubepods-pod1.slice/" + scope + "/cgroup.procs"
	if got := vm.Shell(t, "wc -l < "+procs); got != "2" {
		t.Errorf("%s processes in the scope, want the first and an exec", got)
	}
	c.Remove(t)
	vm.WaitUntil(t, "! systemctl is-active -q "+scope)
}

// TestServiceKilled takes the agent away by force: FailureAction of the unit
// switches the VM off, and does not wait for a container, whose first process
// is deaf to SIGTERM.
func TestServiceKilled(t *testing.T) {
	vm, agent := bootService(t, lab.Options{CgroupV2: true})
	agent.RunSleeper(t, "c1")
	vm.Shell(t, "systemctl kill -s KILL kata-agent.service")
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Error(err)
	}
}
