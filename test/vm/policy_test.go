// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// policyData are init data that carry a policy.
const policyData = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"policy.rego\" = '''\n" +
	"package agent_policy\nDestroySandboxRequest := true\nStatsContainerRequest := false\n'''\n"

// initDataDisk is a disk with init data.
func initDataDisk(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	disk := append(binary.LittleEndian.AppendUint64([]byte("initdata"), uint64(packed.Len())), packed.Bytes()...)
	file := filepath.Join(t.TempDir(), "initdata.img")
	if err := os.WriteFile(file, append(disk, make([]byte, 1<<20-len(disk))...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPolicyOfTheHost: an agent enforces the policy that comes on a disk. One that cannot is not the
// guest's: it says why on the console, and the VM is powered off.
func TestPolicyOfTheHost(t *testing.T) {
	t.Run("with the engine", func(t *testing.T) {
		vm := lab.Boot(t, lab.Options{Init: lab.PolicyAgent(t), Disks: []string{initDataDisk(t, policyData)}})
		agent := host.Connect(t, vm)
		err := agent.Fails(t, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c"})
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("%v, want a denial", err)
		}
	})
	t.Run("without", func(t *testing.T) {
		vm := lab.Boot(t, lab.Options{Init: lab.Agent(t), Disks: []string{initDataDisk(t, policyData)}})
		if err := vm.WaitPowerOff(within(t)); err != nil {
			t.Fatal(err)
		}
		wantContains(t, "console", vm.Console(), "kata-agent: policy in the init data on /dev/vd", "cannot be enforced", "powering off")
	})
}
