// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestLifeOfAPod is a pod from the first Check to the power-off, on each
// cgroup layout.
func TestLifeOfAPod(t *testing.T) {
	for name, v2 := range map[string]bool{"cgroup v1": false, "cgroup v2": true} {
		t.Run(name, func(t *testing.T) {
			vm := lab.Boot(t, lab.Options{Init: lab.Agent(t), CgroupV2: v2})
			agent := host.Connect(t, vm)
			t.Logf("boot to the agent's first answer: %v", time.Since(vm.Started()).Round(10*time.Millisecond))
			details := agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}).(*protocols.GuestDetailsResponse)
			if !details.AgentDetails.InitDaemon {
				t.Error("the agent does not say that it is init")
			}
			agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod", Dns: []string{"nameserver 10.0.0.2"}})
			c := agent.RunSleeper(t, "c1")
			if got := c.Shell(t, "echo out; hostname"); got != "out\npod" {
				t.Errorf("exec wrote %q", got)
			}
			if out := c.Exec(t, "sh", "-c", "echo no >&2; exit 7"); out.Status != 7 || out.Stderr != "no\n" {
				t.Errorf("exec left %+v", out)
			}
			c.Remove(t)
			agent.DestroySandbox(t)
		})
	}
}
