// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"os/exec"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestSessionsByLibcontainer runs the tests that are about sessions once more, in
// containers with a seccomp profile, whose sessions the agent leaves to libcontainer: the
// host must not see a difference.
func TestSessionsByLibcontainer(t *testing.T) {
	harness.Root(t)
	if harness.Seccomp() {
		t.Skip("this is the second run")
	}
	cmd := exec.Command(os.Args[0], "-test.count=1", "-test.timeout=30m",
		"-test.run=^Test(RPC0[2-6]|BadSessions|ProcessExec|Terminal|CloseStdin|HalfClose|Write|Exit|Standard|ZeroLength|Output|ExecID|Host|Inherited)")
	cmd.Env = append(os.Environ(), "KATA_TEST_SECCOMP=1", "KATA_TEST_AGENT="+harness.Build(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
