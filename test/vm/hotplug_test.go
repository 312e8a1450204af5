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

// TestHotplug plugs disks in every way a host has and gives each to a
// container as a volume.
func TestHotplug(t *testing.T) {
	cold := volumeImage(t, "cold")
	vm, agent := bootPod(t, lab.Options{
		CgroupV2: true, Modules: lab.FullModules(), Disks: []string{cold}, KernelArgs: []string{"agent.hotplug_timeout=15"},
	})
	t.Run("disk present at boot", func(t *testing.T) {
		useVolume(t, agent, "cold", &protocols.Storage{Driver: "blk", Source: vm.Disks[0].PCIPath})
	})
	for name, slot := range map[string]lab.Slot{
		"root port": lab.RootPort, "bridge": lab.BehindBridge, "second root": lab.SecondRoot,
	} {
		t.Run("disk in "+name, func(t *testing.T) {
			word := strings.ReplaceAll(name, " ", "-")
			disk := vm.PlugDisk(t, volumeImage(t, word), slot)
			useVolume(t, agent, word, &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
			vm.Unplug(t, disk)
		})
	}
	t.Run("disk 10 ms before the request", func(t *testing.T) {
		image := volumeImage(t, "early")
		disk := vm.PlugDisk(t, image, lab.RootPort)
		time.Sleep(10 * time.Millisecond) // clock: the guest finds the disk about now
		useVolume(t, agent, "early", &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
		vm.Unplug(t, disk)
	})
	t.Run("disk right after the request", func(t *testing.T) { lateDisk(t, vm, agent, "late", 0) })
	t.Run("disk 2.9 s after the request", func(t *testing.T) { lateDisk(t, vm, agent, "later", 2900*time.Millisecond) })
	t.Run("events lost", func(t *testing.T) { lostEvents(t, vm, agent) })
	t.Run("data stays", func(t *testing.T) { dataStays(t, vm, agent) })
	t.Run("same slot again", func(t *testing.T) {
		for _, word := range []string{"first", "second"} {
			disk := vm.PlugDisk(t, volumeImage(t, word), lab.RootPort)
			useVolume(t, agent, word, &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
			vm.Unplug(t, disk)
		}
	})
	t.Run("disk that never comes", func(t *testing.T) {
		start := time.Now()
		spec := agent.Sleeper(t, "never")
		err := agent.Fails(t, "CreateContainer", &protocols.CreateContainerRequest{ContainerId: "never", OCI: spec,
			Storages: []*protocols.Storage{{Driver: "blk", Source: "0c/00", Fstype: "ext4", MountPoint: "/run/kata-containers/sandbox/storage/never"}}})
		wantContains(t, "error", err.Error(), "Timeout after 15s", "0c.0/00.0")
		if waited := time.Since(start); waited < 14*time.Second { // clock: a slow machine takes longer only
			t.Errorf("gave up after %v, agent.hotplug_timeout is 15", waited)
		}
		// Nothing is left of the attempt: the same id works at once.
		c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "never", OCI: spec})
		c.Start(t)
		c.Remove(t)
	})
	t.Run("scsi disk", func(t *testing.T) {
		disk := vm.PlugSCSI(t, volumeImage(t, "scsi"))
		useVolume(t, agent, "scsi", &protocols.Storage{Driver: "scsi", Source: disk.SCSI})
		vm.Unplug(t, disk)
	})
	t.Run("pmem", func(t *testing.T) {
		image := lab.Ext4(t, 128, map[string]string{"word": "pmem"})
		vm.PlugPMEM(t, image)
		useVolume(t, agent, "pmem", &protocols.Storage{Driver: "nvdimm", Source: "/dev/pmem0"})
	})
	t.Run("device in the container", func(t *testing.T) { rawDevice(t, vm, agent) })
	t.Run("root file system on a disk", func(t *testing.T) { blockRoot(t, vm, agent) })
}

// volumeImage is a disk whose file "word" holds the word.
func volumeImage(t *testing.T, word string) string {
	t.Helper()
	return lab.Ext4(t, 16, map[string]string{"word": word})
}

// useVolume runs a container with the storage as its /volume, reads the word
// and lets everything go again.
func useVolume(t *testing.T, agent *host.Agent, word string, s *protocols.Storage) {
	t.Helper()
	req := volumeRequest(t, agent, word, s)
	c := agent.Create(t, req)
	c.Start(t)
	checkVolume(t, agent, c, word, s)
}

func volumeRequest(t *testing.T, agent *host.Agent, word string, s *protocols.Storage) *protocols.CreateContainerRequest {
	t.Helper()
	id := "volume-" + word
	s.Fstype, s.MountPoint = "ext4", "/run/kata-containers/sandbox/storage/"+word
	spec := agent.Sleeper(t, id)
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/volume", Source: s.MountPoint, Type: "bind", Options: []string{"rbind", "rw"},
	})
	return &protocols.CreateContainerRequest{ContainerId: id, OCI: spec, Storages: []*protocols.Storage{s}}
}

func checkVolume(t *testing.T, agent *host.Agent, c *host.Container, word string, s *protocols.Storage) {
	t.Helper()
	if got := c.Shell(t, "cat /volume/word"); got != word {
		t.Errorf("the volume says %q, want %q", got, word)
	}
	c.Remove(t)
	agent.VM.WaitUntil(t, "! grep -q "+s.MountPoint+" /proc/mounts")
}

// lateDisk plugs the disk while the agent waits for it already.
func lateDisk(t *testing.T, vm *lab.VM, agent *host.Agent, word string, after time.Duration) {
	image := volumeImage(t, word)
	port := vm.NextRootPort()
	s := &protocols.Storage{Driver: "blk", Source: port}
	req := volumeRequest(t, agent, word, s)
	created := createBeside(t, agent, req)
	// Other calls do not wait for the one that waits.
	agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
	time.Sleep(after) // clock: how late the disk is, which is the case
	disk := vm.PlugDisk(t, image, lab.RootPort)
	if disk.PCIPath != port {
		t.Fatalf("plugged at %s, the agent waits for %s", disk.PCIPath, port)
	}
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	c := agent.Container(req.ContainerId)
	c.Start(t)
	checkVolume(t, agent, c, word, s)
	vm.Unplug(t, disk)
}

// createBeside creates a container while the test goes on.
func createBeside(t *testing.T, agent *host.Agent, req *protocols.CreateContainerRequest) <-chan error {
	created := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	t.Cleanup(cancel)
	go func() {
		_, err := agent.Try(ctx, "CreateContainer", req)
		created <- err
	}()
	return created
}

// lostEvents plugs a disk that is waited for while the agent stands still and its uevent
// socket overflows, so that nothing ever tells of the disk.
func lostEvents(t *testing.T, vm *lab.VM, agent *host.Agent) {
	image := volumeImage(t, "lost")
	s := &protocols.Storage{Driver: "blk", Source: vm.NextRootPort()}
	req := volumeRequest(t, agent, "lost", s)
	created := createBeside(t, agent, req)
	agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}) // the other has come before
	drops := vm.Shell(t, ueventDrops)
	pid := agentPID(t, vm)
	vm.Shell(t, "kill -STOP "+pid)
	// A synthetic event has the size of a true one (Documentation/ABI/testing/sysfs-uevent).
	vm.WaitUntil(t, "for i in $(seq 2000); do echo change > /sys/devices/virtual/mem/null/uevent; done; test $("+ueventDrops+") -gt "+drops)
	disk := vm.PlugDisk(t, image, lab.RootPort)
	vm.WaitUntil(t, "test -n \"$(ls -d /sys/block/vd* | grep -v vda)\"")
	vm.Shell(t, "kill -CONT "+pid)
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	c := agent.Container(req.ContainerId)
	c.Start(t)
	checkVolume(t, agent, c, "lost", s)
	wantContains(t, "console", vm.Console(), "uevents were lost")
	vm.Unplug(t, disk)
}

// ueventDrops is how many messages the sockets for uevents (protocol 15) have lost: the
// ninth column of the table.
const ueventDrops = "awk '$2 == 15 {n += $9} END {print n+0}' /proc/net/netlink"

// dataStays writes to a disk in one container and reads it in the next.
func dataStays(t *testing.T, vm *lab.VM, agent *host.Agent) {
	disk := vm.PlugDisk(t, volumeImage(t, "stays"), lab.RootPort)
	s := &protocols.Storage{Driver: "blk", Source: disk.PCIPath}
	req := volumeRequest(t, agent, "stays", s)
	c := agent.Create(t, req)
	c.Start(t)
	c.Shell(t, "echo more > /volume/new; echo stays2 > /volume/word")
	checkVolume(t, agent, c, "stays2", s)
	req.ContainerId, req.ExecId = "again", "again"
	c = agent.Create(t, req)
	c.Start(t)
	if got := c.Shell(t, "cat /volume/new"); got != "more" {
		t.Errorf("the new file says %q", got)
	}
	checkVolume(t, agent, c, "stays2", s)
	vm.Unplug(t, disk)
}

// rawDevice gives a disk to a container as a device node. The host's numbers
// in the specification are not the guest's.
func rawDevice(t *testing.T, vm *lab.VM, agent *host.Agent) {
	disk := vm.PlugDisk(t, volumeImage(t, "raw"), lab.RootPort)
	spec := agent.Sleeper(t, "raw-device")
	spec.Linux.Devices = []*protocols.LinuxDevice{{Path: "/dev/xda", Type: "b", Major: 8, Minor: 0, FileMode: 0o660}}
	c := agent.Create(t, &protocols.CreateContainerRequest{
		ContainerId: "raw-device", OCI: spec,
		Devices: []*protocols.Device{{Id: disk.PCIPath, Type: "blk", ContainerPath: "/dev/xda"}},
	})
	c.Start(t)
	// The magic number of ext4 lies at 0x438.
	if got := c.Shell(t, "dd if=/dev/xda bs=1 skip=1080 count=2 2>/dev/null | hexdump -e '2/1 \"%02x\"'"); got != "53ef" {
		t.Errorf("the device says %q at the place of the magic number", got)
	}
	c.Remove(t)
	vm.Unplug(t, disk)
}

// blockRoot is a container whose root file system is a disk of its own.
func blockRoot(t *testing.T, vm *lab.VM, agent *host.Agent) {
	disk := vm.PlugDisk(t, lab.Busybox(t, 32), lab.RootPort)
	const root = "/run/kata-containers/shared/containers/block-root"
	c := agent.Create(t, &protocols.CreateContainerRequest{
		ContainerId: "block-root", OCI: host.Spec("block-root", root+"/rootfs", "sleep", "1000000"),
		Storages: []*protocols.Storage{{Driver: "blk", Source: disk.PCIPath, Fstype: "ext4", MountPoint: root}},
	})
	c.Start(t)
	if got := c.Shell(t, "grep ' / ext4 ' /proc/mounts | wc -l"); got != "1" {
		t.Errorf("%s ext4 file systems at the container's root", got)
	}
	c.Remove(t)
	vm.WaitUntil(t, "! grep -q "+root+" /proc/mounts")
	vm.Unplug(t, disk)
}
