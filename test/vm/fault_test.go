// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// TestFaultsOnCgroupV2 runs the fault driver of test/fault in a machine with cgroup v2: some steps of a container's life fail,
// panic, stand still and lose their caller; with KATA_FAULT_FULL every one of two scenarios.
func TestFaultsOnCgroupV2(t *testing.T) {
	scenarios, some, limit := "container", "6", 15*time.Minute
	if os.Getenv("KATA_FAULT_FULL") != "" {
		scenarios, some, limit = "container|operations", "1", 3*time.Hour
	}
	files := lab.GoTests(t, "test/fault")
	files["/lab/failing"] = lab.File{Path: lab.FailingAgent(t), Mode: 0o755}
	vm := lab.Boot(t, lab.Options{
		CgroupV2: true, MemoryMiB: 1536, Root: lab.TmpfsRoot(), Modules: lab.FullModules(), Files: files, Lifetime: limit + time.Minute,
	})
	waitForStandIn(t, vm)
	vm.Shell(t, `mkdir -p /sys/fs/cgroup /dev/pts /dev/shm /dev/mqueue && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devpts devpts /dev/pts && mount -t tmpfs tmpfs /tmp && ip link set lo up`)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	res, err := vm.Run(ctx, wire.Command{Argv: []string{"sh", "-c", "cd /lab/tests/test/fault && KATA_TEST_FAILPOINTS=/lab/failing KATA_FAULT_SOME=" + some +
		" exec ./run.test -test.v -test.timeout=0 -test.run='TestFaultAtEachStep/^(" + scenarios + ")$'"}})
	out := string(res.Stdout)
	if err != nil || res.Code != 0 {
		t.Fatalf("%v, status %d, want that no fault leaves anything:\n%s", err, res.Code, out[max(0, len(out)-12<<10):])
	}
	faults := strings.Count(out, "steps_test.go")
	if !strings.Contains(out, "--- PASS: TestFaultAtEachStep/container") || faults < 10 {
		t.Errorf("%d faults, want 10 at least:\n%s", faults, out)
	}
	t.Logf("%d faults", faults)
}
