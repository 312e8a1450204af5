// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestBlockStorages gives containers what takes more than a disk: images of layers in
// partitions that are checked, and encrypted volumes.
func TestBlockStorages(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{
		CgroupV2: true, MemoryMiB: 1024, Modules: storageModules(), Files: programs(t, "cryptsetup", "mkfs.ext4"),
	})
	t.Run("layers", func(t *testing.T) { layeredRoot(t, vm, agent) })
	t.Run("encrypted volume", func(t *testing.T) { encryptedVolume(t, vm, agent) })
}

// layeredImage is a disk with two checked layers, and the storages that describe it.
func layeredImage(t *testing.T) (string, func(source, root string) []*protocols.Storage) {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.erofs")
	if err != nil {
		t.Skip("erofs-utils is not installed:", err)
	}
	tree, image := t.TempDir(), filepath.Join(t.TempDir(), "busybox.erofs")
	lab.BusyboxTree(t, tree)
	if out, err := exec.Command(mkfs, "--all-root", image, tree).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	busybox, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	top, topRoot, topOffset := erofstest.Protect(erofstest.Top, []byte{1}, true)
	bottom, bottomRoot, bottomOffset := erofstest.Protect(busybox, nil, true)
	disk := filepath.Join(t.TempDir(), "layers.img")
	if err := os.WriteFile(disk, erofstest.GPT(top, bottom), 0o600); err != nil {
		t.Fatal(err)
	}
	layer := func(source, root string, number int, options ...string) *protocols.Storage {
		return &protocols.Storage{Driver: "blk", Source: source, Fstype: "erofs", MountPoint: root, Options: append(options,
			"X-kata.overlay-lower", "X-kata.multi-layer=true", "X-kata.gpt-partitioned=true",
			fmt.Sprint("X-kata.partition-number=", number), "X-kata.dmverity-enabled=true")}
	}
	return disk, func(source, root string) []*protocols.Storage {
		return []*protocols.Storage{
			layer(source, root, 2, "X-kata.dmverity.roothash="+bottomRoot, fmt.Sprint("X-kata.dmverity.hashoffset=", bottomOffset)),
			layer(source, root, 1, "X-kata.dmverity.roothash="+topRoot, fmt.Sprint("X-kata.dmverity.hashoffset=", topOffset),
				"X-kata.dmverity.salt=01", "X-kata.mkdir.path={{ mount 0 }}/upper:0755", "X-kata.mkdir.path={{ mount 0 }}/work:0755"),
		}
	}
}

func layeredRoot(t *testing.T, vm *lab.VM, agent *host.Agent) {
	image, storages := layeredImage(t)
	disk := vm.PlugDisk(t, image, lab.RootPort)
	upper := vm.PlugDisk(t, lab.Ext4(t, 16, nil), lab.RootPort)
	run := func(id string, change func([]*protocols.Storage) []*protocols.Storage) *protocols.CreateContainerRequest {
		root := "/run/kata-containers/" + id + "/rootfs"
		return &protocols.CreateContainerRequest{ContainerId: id, OCI: host.Spec(id, root, "sleep", "1000000"), Storages: change(storages(disk.PCIPath, root))}
	}
	same := func(s []*protocols.Storage) []*protocols.Storage { return s }
	writable := func(s []*protocols.Storage) []*protocols.Storage {
		return append([]*protocols.Storage{{Driver: "blk", Source: upper.PCIPath, Fstype: "ext4", MountPoint: s[0].MountPoint,
			Options: []string{"rw", "X-kata.overlay-upper", "X-kata.multi-layer=true"}}}, s...)
	}
	clean := "! grep -q multi-layer /proc/mounts && ! ls /run/kata-containers/*/multi-layer* 2>/dev/null && ! ls -d /sys/block/dm-* 2>/dev/null"

	// Two containers of one image at a time: one writes to memory, one to its disk.
	memory, onDisk := agent.Create(t, run("in-memory", same)), agent.Create(t, run("on-disk", writable))
	for _, c := range []*host.Container{memory, onDisk} {
		c.Start(t)
		if got := c.Shell(t, "cat /word /top; echo written > /word; cat /word; grep -c ' / overlay ' /proc/mounts"); got != "toptopwritten\n1" {
			t.Errorf("%s: %q", c.ID, got)
		}
	}
	if got := vm.Shell(t, "grep -c overlay /proc/mounts; ls -d /sys/block/dm-* | wc -l"); got != "2\n4" {
		t.Errorf("overlays and mappings: %q", got)
	}
	memory.Remove(t)
	onDisk.Remove(t)
	vm.WaitUntil(t, clean)
	again := agent.Create(t, run("on-disk", writable))
	again.Start(t)
	if got := again.Shell(t, "cat /word"); got != "written" {
		t.Errorf("from the disk: %q", got)
	}
	again.Remove(t)
	vm.WaitUntil(t, clean)

	// A layer that is not what it should be, then the right one under the same id.
	wrong := func(s []*protocols.Storage) []*protocols.Storage {
		s[0].Options[0] = "X-kata.dmverity.roothash=" + fmt.Sprintf("%064d", 7)
		return s
	}
	err := agent.Fails(t, "CreateContainer", run("wrong", wrong))
	wantContains(t, "error", err.Error(), "input/output error")
	missing := func(s []*protocols.Storage) []*protocols.Storage {
		s[0].Options[5] = "X-kata.partition-number=3"
		return s
	}
	err = agent.Fails(t, "CreateContainer", run("wrong", missing))
	wantContains(t, "error", err.Error(), "partition 3 of disk")
	vm.WaitUntil(t, clean)
	c := agent.Create(t, run("wrong", same))
	c.Start(t)
	c.Remove(t)
	vm.WaitUntil(t, clean)
	vm.Unplug(t, disk)
	vm.Unplug(t, upper)
}

func encryptedVolume(t *testing.T, vm *lab.VM, agent *host.Agent) {
	disk := vm.PlugDisk(t, lab.Blank(t, 64), lab.RootPort)
	request := func() *protocols.CreateContainerRequest {
		return volumeRequest(t, agent, "secret", &protocols.Storage{
			Driver: "blk", Source: disk.PCIPath, DriverOptions: []string{"create_filesystem", "encryption_key=ephemeral"}, Options: []string{"discard"},
		})
	}
	if _, err := exec.LookPath("cryptsetup"); err != nil {
		wantContains(t, "error", agent.Fails(t, "CreateContainer", request()).Error(), "needs cryptsetup")
		t.Skip(err)
	}
	c := agent.Create(t, request())
	c.Start(t)
	if got := c.Shell(t, "echo words > /volume/f; grep -c '^/dev/mapper/.* /volume ext4 ' /proc/mounts"); got != "1" {
		t.Errorf("%s encrypted file systems", got)
	}
	c.Remove(t)
	vm.WaitUntil(t, "! ls -d /sys/block/dm-* 2>/dev/null")
	vm.Unplug(t, disk)
}
