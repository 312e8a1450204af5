// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("KATA_TEST_RACE", "0")
	harness.Main(m)
}

// pod starts an agent with a running container "c1"; root is its root file system.
func pod(t *testing.T, o harness.Options) (a *harness.Agent, root string) {
	t.Helper()
	o.Env = append(o.Env, "KATA_AGENT_LOG_LEVEL=warn")
	a = harness.Start(t, o)
	root = harness.Rootfs(t)
	ctx := t.Context()
	for _, err := range []error{
		a.Do(ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb"}),
		a.Create(ctx, "c1", a.Spec("c1", root, "sleep", "100000")),
		a.StartContainer(ctx, "c1"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return a, root
}
