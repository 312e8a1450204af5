// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestReadOnlyRootWithoutVarRun makes a sandbox in an image whose root is read-only and has
// no /var/run.
func TestReadOnlyRootWithoutVarRun(t *testing.T) {
	a := harness.Start(t, harness.Options{})
	a.Mount(t, t.TempDir(), "/var")
	a.Command(t, "mount", "-o", "remount,bind,ro", "/var")
	if err := a.Do(t.Context(), "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "pod"}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ipc", "uts"} {
		if _, err := os.Stat(a.Path("/run/sandbox-ns/" + kind)); err != nil {
			t.Error(err)
		}
	}
	a.Unmount(t, "/var")
}

// TestStopSignals sends what a terminal sends to stop a program. The agent goes on, and what
// it starts can be stopped: it does not ignore them, which would be inherited.
func TestStopSignals(t *testing.T) {
	a := harness.Start(t, harness.Options{})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var caught uint64
	for line := range strings.Lines(string(status)) {
		if mask, found := strings.CutPrefix(line, "SigCgt:"); found {
			if _, err := fmt.Sscanf(mask, "%x", &caught); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if caught>>(sig-1)&1 == 0 {
			t.Errorf("signal %v is not caught", sig)
			continue
		}
		if err := syscall.Kill(a.Pid, sig); err != nil {
			t.Fatal(err)
		}
		if err := a.Check(t.Context()); err != nil {
			t.Errorf("after signal %v: %v", sig, err)
		}
	}
}
