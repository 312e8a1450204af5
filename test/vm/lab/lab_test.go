// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// guard bounds every wait of these tests.
const guard = 2 * time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	t.Cleanup(cancel)
	return ctx
}

// TestMinimalGuest is what every test relies on: the ways in and out.
func TestMinimalGuest(t *testing.T) {
	const hostPort = 10240
	vm := lab.Boot(t, lab.Options{CgroupV2: true, HostPorts: []uint32{hostPort}, KernelArgs: []string{"agent.log=debug"}})
	t.Logf("boot to first answer: %v over %s", vm.BootTime.Round(10*time.Millisecond), "the default way")

	t.Run("echo over vsock", func(t *testing.T) { echo(t, vm, 1<<20) })
	t.Run("a port without listener is refused", func(t *testing.T) {
		if conn, err := vm.Dial(within(t), 9999); err == nil {
			conn.Close()
			t.Fatal("connected")
		}
	})
	t.Run("commands", func(t *testing.T) {
		if got := vm.Shell(t, "cat /proc/cmdline"); !strings.Contains(got, "agent.log=debug") {
			t.Errorf("kernel command line %q", got)
		}
		res, err := vm.Run(within(t), wire.Command{Argv: []string{"sh", "-c", "cat; exit 3"}, Stdin: []byte("in")})
		if err != nil || res.Code != 3 || string(res.Stdout) != "in" {
			t.Errorf("result %+v, err %v", res, err)
		}
	})
	t.Run("the program under test finds no mounts of the lab", func(t *testing.T) {
		if got := vm.Shell(t, "grep -c /lab /proc/mounts || true"); got != "0" {
			t.Errorf("%s mounts below /lab", got)
		}
	})
	t.Run("the guest dials the host", func(t *testing.T) { hostListens(t, vm, hostPort) })
	t.Run("pause", func(t *testing.T) {
		vm.Pause(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // clock: nothing answers before
		defer cancel()
		if _, err := vm.Run(ctx, wire.Command{Argv: []string{"true"}}); err == nil {
			t.Error("a paused guest answered")
		}
		vm.Resume(t)
		vm.Shell(t, "true")
	})
	t.Run("power off", func(t *testing.T) {
		go vm.Run(within(t), wire.Command{Argv: []string{"poweroff", "-f"}})
		if err := vm.WaitPowerOff(within(t)); err != nil {
			t.Error(err)
		}
	})
}

func echo(t *testing.T, vm *lab.VM, size int) {
	t.Helper()
	conn, err := vm.DialWhenUp(within(t), wire.EchoPort)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := bytes.Repeat([]byte("vsock..."), size/8)
	go func() {
		conn.Write(sent)
		conn.(*net.UnixConn).CloseWrite()
	}()
	conn.SetReadDeadline(time.Now().Add(guard))
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("echo of %d bytes: got %d, err %v", len(sent), len(got), err)
	}
}

// hostListens lets the guest send a word to CID 2.
func hostListens(t *testing.T, vm *lab.VM, port uint32) {
	l, err := net.Listen("unix", vm.HostPortPath(port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go vm.Run(within(t), wire.Command{Argv: []string{wire.GuestPath, "dial", "2", "10240"}, Stdin: []byte("from the guest")})
	l.(*net.UnixListener).SetDeadline(time.Now().Add(guard))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "from the guest" {
		t.Errorf("got %q, err %v", got, err)
	}
}

// TestVhostDevice drives the same guest over a true vsock device.
func TestVhostDevice(t *testing.T) {
	tool := lab.FindVhostDevice()
	if tool == "" {
		t.Skip("vhost-device-vsock is not installed")
	}
	vm := lab.Boot(t, lab.Options{Vsock: lab.VhostDevice(tool)})
	t.Logf("boot to first answer: %v", vm.BootTime.Round(10*time.Millisecond))
	conn, err := vm.DialWhenUp(within(t), wire.EchoPort)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// No half-close here: the daemon drops what is on its way at a shutdown.
	sent, got := bytes.Repeat([]byte("vsock..."), 1<<15), make([]byte, 8<<15)
	go conn.Write(sent)
	conn.SetReadDeadline(time.Now().Add(guard))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("echo: %v", err)
	}
}

// TestPlug plugs one device of each kind and looks for it in sysfs.
func TestPlug(t *testing.T) {
	image := lab.Ext4(t, 16, map[string]string{"hello": "from the host"})
	cold := lab.Blank(t, 8)
	vm := lab.Boot(t, lab.Options{Modules: lab.FullModules(), Disks: []string{cold}})
	t.Logf("boot to first answer with all modules: %v", vm.BootTime.Round(10*time.Millisecond))

	t.Run("cold-plugged disk", func(t *testing.T) {
		vm.WaitUntil(t, "ls -d /sys/devices/pci0000:00/"+firstPort(vm.Disks[0])+"/*/virtio*/block/*")
	})
	for name, c := range map[string]struct {
		slot lab.Slot
		dir  string // below /sys/devices
	}{
		"root port":   {lab.RootPort, "pci0000:00/0000:00:08.0/*/virtio*/block/*"},
		"bridge":      {lab.BehindBridge, "pci0000:00/0000:00:02.0/*/virtio*/block/*"},
		"second root": {lab.SecondRoot, "pci0000:20/0000:20:00.0/*/virtio*/block/*"},
	} {
		t.Run("disk in "+name, func(t *testing.T) {
			disk := vm.PlugDisk(t, lab.Ext4(t, 16, map[string]string{"hello": "from the host"}), c.slot)
			vm.WaitUntil(t, "ls -d /sys/devices/"+c.dir)
			node := vm.Shell(t, "basename /sys/devices/"+c.dir)
			if got := vm.Shell(t, "mount -t ext4 /dev/"+node+" /mnt && cat /mnt/hello && umount /mnt"); got != "from the host" {
				t.Errorf("file on the disk: %q", got)
			}
			vm.Unplug(t, disk)
			vm.WaitUntil(t, "! test -e /sys/block/"+node)
		})
	}
	t.Run("scsi", func(t *testing.T) {
		disk := vm.PlugSCSI(t, image)
		vm.WaitUntil(t, "ls -d /sys/class/scsi_disk/0:0:"+disk.SCSI)
		vm.Unplug(t, disk)
	})
	t.Run("pmem", func(t *testing.T) {
		vm.PlugPMEM(t, lab.Blank(t, 128))
		vm.WaitUntil(t, "test -b /dev/pmem0")
	})
	t.Run("network device", func(t *testing.T) {
		nic := vm.PlugNIC(t, lab.RootPort)
		vm.WaitUntil(t, "grep -q "+nic.MAC+" /sys/class/net/*/address")
		vm.Unplug(t, nic)
	})
	t.Run("memory", func(t *testing.T) {
		before := vm.Shell(t, "ls -d /sys/devices/system/memory/memory* | wc -l")
		vm.PlugMemory(t, 128)
		vm.WaitUntil(t, "test $(ls -d /sys/devices/system/memory/memory* | wc -l) -gt "+before)
	})
	t.Run("cpu", func(t *testing.T) {
		vm.PlugCPU(t)
		vm.WaitUntil(t, "test -e /sys/devices/system/cpu/cpu2/online")
		vm.Shell(t, "echo 1 > /sys/devices/system/cpu/cpu2/online")
		if got := vm.Shell(t, "cat /sys/devices/system/cpu/online"); got != "0-2" {
			t.Errorf("CPUs online: %s", got)
		}
	})
}

func firstPort(d lab.Device) string {
	port, _, _ := strings.Cut(d.PCIPath, "/")
	return "0000:00:" + port + ".0"
}

// TestShare mounts a host directory by virtio-fs.
func TestShare(t *testing.T) {
	lab.NeedVirtiofs(t)
	dir := t.TempDir()
	vm := lab.Boot(t, lab.Options{Modules: lab.FullModules(), Shares: map[string]string{"kataShared": dir}})
	vm.Shell(t, "mount -t virtiofs kataShared /mnt && echo hello > /mnt/word")
	if got := vm.Shell(t, "cat /mnt/word"); got != "hello" {
		t.Errorf("file on the share: %q", got)
	}
}
