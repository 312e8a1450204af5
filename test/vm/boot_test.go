// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// guard bounds every wait of these tests.
const guard = 2 * time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	t.Cleanup(cancel)
	return ctx
}

// bootInit boots a VM with the agent as PID 1.
func bootInit(t *testing.T, opts lab.Options) (*lab.VM, *host.Agent) {
	t.Helper()
	opts.Init = lab.Agent(t)
	vm := lab.Boot(t, opts)
	agent := host.Connect(t, vm)
	t.Logf("from the start of QEMU to the agent's first answer: %v", time.Since(vm.Started()).Round(10*time.Millisecond))
	return vm, agent
}

// bootPod is bootInit and a sandbox.
func bootPod(t *testing.T, opts lab.Options) (*lab.VM, *host.Agent) {
	t.Helper()
	vm, agent := bootInit(t, opts)
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	return vm, agent
}

// layouts are the two cgroup layouts, for tests that run on both.
func layouts(t *testing.T, test func(t *testing.T, v2 bool)) {
	t.Run("cgroup v1", func(t *testing.T) { test(t, false) })
	t.Run("cgroup v2", func(t *testing.T) { test(t, true) })
}

func wantContains(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: %q is not in\n%s", what, w, got)
		}
	}
}
