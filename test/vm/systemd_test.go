// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestService is the agent under live systemd, on each cgroup layout.
func TestService(t *testing.T) {
	for name, v2 := range map[string]bool{"cgroup v1": false, "cgroup v2": true} {
		t.Run(name, func(t *testing.T) {
			vm := lab.Boot(t, lab.Systemd(t, lab.Agent(t), lab.Options{CgroupV2: v2}))
			agent := host.Connect(t, vm)
			t.Logf("boot to the agent's first answer: %v", time.Since(vm.Started()).Round(10*time.Millisecond))
			agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
			c := agent.RunSleeper(t, "c1")
			if got := c.Shell(t, "echo out; hostname"); got != "out\npod" {
				t.Errorf("exec wrote %q", got)
			}
			c.Remove(t)
			agent.DestroySandbox(t)
		})
	}
}
