// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestPod runs the shortest life of a pod with one container and one session.
func TestPod(t *testing.T) {
	a := harness.Start(t, harness.Options{})
	ctx := background(t)
	if err := a.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Do(ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Create(ctx, "c1", a.Spec("c1", harness.Rootfs(t), "sleep", "1000")); err != nil {
		t.Fatal(err)
	}
	if err := a.StartContainer(ctx, "c1"); err != nil {
		t.Fatal(err)
	}
	out, status, err := a.Run(ctx, "c1", "e1", "sh", "-c", "hostname; id -u; exit 3")
	if err != nil || out != "pod\n0\n" || status != 3 {
		t.Errorf("session: %q, status %d, %v", out, status, err)
	}
	if err := a.Signal(ctx, "c1", "", 9); err != nil {
		t.Error(err)
	}
	if status, err := a.Wait(ctx, "c1", "c1"); err != nil || status != 137 {
		t.Errorf("init: status %d, %v", status, err)
	}
	if err := a.Remove(ctx, "c1"); err != nil {
		t.Error(err)
	}
	if err := a.DestroySandbox(ctx); err != nil {
		t.Error(err)
	}
	if code := a.WaitExit(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
}
