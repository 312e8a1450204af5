// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// armPackages are those whose code is another one on ARM: C, system calls by number, processes made by
// hand. The exec helper, which is all of it, is first.
var armPackages = []string{spawnPackage, "guest/sys/pidfd", "guest/container/passfd"}

// TestARM64Pod is the life of a pod on 64-bit ARM, from the kernel's first word to the power-off.
func TestARM64Pod(t *testing.T) {
	lab.Need(t, lab.ARM64)
	vm := lab.Boot(t, lab.Options{Arch: lab.ARM64, Init: lab.ForeignAgent(t, lab.ARM64), CgroupV2: true, Root: lab.TmpfsRoot()})
	agent := host.Connect(t, vm)
	t.Logf("from the start of QEMU to the agent's first answer: %v", time.Since(vm.Started()).Round(10*time.Millisecond))
	if got := vm.Shell(t, "uname -m"); got != "aarch64" {
		t.Fatalf("the guest is %q, want aarch64", got)
	}
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	c := agent.RunSleeper(t, "c1")
	for range 3 {
		if got := c.Shell(t, "uname -m | cat; hostname"); got != "aarch64\npod" {
			t.Errorf("a session wrote %q, want the machine's and the pod's name", got)
		}
	}
	if got := c.Shell(t, "head -c 3000000 /dev/zero | wc -c"); got != "3000000" {
		t.Errorf("a pipe carried %q bytes, want 3000000", got)
	}
	c.Remove(t)
	agent.RunSleeper(t, "c1").Remove(t) // the same id again
	agent.DestroySandbox(t)
	wantContains(t, "console", vm.Console(), "kata-agent shutdown complete")
}

// TestARM64Packages runs the tests of the packages that have code of their own for a processor on ARM.
// They are many times as slow as on the host: make test-arm64 runs them, make test only the pod.
func TestARM64Packages(t *testing.T) {
	if os.Getenv("KATA_TEST_ARM64") == "" {
		t.Skip("minutes of emulation: make test-arm64 runs it")
	}
	lab.Need(t, lab.ARM64)
	vm := lab.Boot(t, lab.Options{
		Arch: lab.ARM64, CgroupV2: true, MemoryMiB: 1024, Root: lab.TmpfsRoot(),
		Files: lab.ForeignTests(t, lab.ARM64, armPackages...),
	})
	prepareForTests(t, vm)
	for _, pkg := range armPackages {
		vm.GoTest(t, pkg, "-test.timeout=9m", "-test.skip='"+spawnSkip+"'")
	}
}
