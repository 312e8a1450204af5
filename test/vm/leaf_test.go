// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// leafPackages have tests that skip or see less on a usual test machine.
var leafPackages = []string{
	"guest/boot", "guest/cgroup", "guest/sys/clock", "guest/storage/filesystem", "guest/metrics", "guest/sys/module", "guest/sys/oom", "guest/mount",
	"guest/container/namespace", "guest/network/netlink", "guest/sys/pidfd", "guest/sys/random", "guest/container/passfd", "guest/container/runtime", "guest/container/stdio",
	"guest/storage/swap",
}

// The tests of the exec helper run without the one that looks for a v1 freezer.
const (
	spawnPackage = "guest/container/nsexec"
	spawnSkip    = "TestStartCompletesWhenThawed"
)

// TestLeafPackages runs the leaf packages' own tests in a VM with cgroup v2.
func TestLeafPackages(t *testing.T) {
	vm := lab.Boot(t, lab.Options{
		CgroupV2:  true,
		MemoryMiB: 1536,
		Root:      lab.TmpfsRoot(),
		Modules:   lab.FullModules(),
		Files:     lab.GoTests(t, append([]string{spawnPackage}, leafPackages...)...),
		Lifetime:  30 * time.Minute,
	})
	prepareForTests(t, vm)
	for _, pkg := range leafPackages {
		vm.GoTest(t, pkg)
	}
	vm.GoTest(t, spawnPackage, "-test.skip='"+spawnSkip+"'")
}

// prepareForTests makes the mounts that tests find on a usual machine.
func prepareForTests(t *testing.T, vm *lab.VM) {
	t.Helper()
	waitForStandIn(t, vm)
	vm.Shell(t, "mkdir -p /sys/fs/cgroup /dev/pts /dev/shm && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t devpts devpts /dev/pts && mount -t tmpfs tmpfs /tmp && ip link set lo up")
}

// waitForStandIn waits for the mounts of the agent's stand-in, which may be slower than the shell.
func waitForStandIn(t *testing.T, vm *lab.VM) {
	t.Helper()
	vm.WaitUntil(t, "grep -q ' /dev devtmpfs ' /proc/mounts")
}
