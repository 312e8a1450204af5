// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestPowerButton has the host ask for a shutdown in the two ways a machine has. The agent
// as init ends as it does on SIGTERM, with a container running.
func TestPowerButton(t *testing.T) {
	for name, press := range map[string]func(*lab.VM, testing.TB){
		"ACPI": (*lab.VM).PowerButton, "Ctrl-Alt-Del": (*lab.VM).CtrlAltDel,
	} {
		t.Run(name, func(t *testing.T) {
			vm, agent := bootPod(t, lab.Options{CgroupV2: true, Modules: append(lab.MinimalModules(), "button")})
			agent.RunSleeper(t, "left-over")
			press(vm, t)
			if err := vm.WaitPowerOff(within(t)); err != nil {
				t.Fatal(err)
			}
			wantContains(t, "console", vm.Console(), "kata-agent shutdown complete", "agent ended with status 0, powering off")
		})
	}
}
