// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// Options describe a VM. The zero value is a small machine that runs the
// lab's own echo server in the agent's place.
type Options struct {
	// Init is a static program on the host that becomes PID 1 of the guest,
	// as /sbin/kata-agent. Empty: the lab's stand-in.
	Init string
	// Arch is the guest's processor; Init and all other programs for it are made for that one.
	Arch Arch
	// CPUs at boot, 2 when zero. Two more can be plugged. A kernel booted
	// with one CPU locks up under software emulation when a second is added.
	CPUs int
	// MemoryMiB at boot, 512 when zero. MaxMemoryMiB is the limit with what
	// is plugged later, 2048 more when zero.
	MemoryMiB, MaxMemoryMiB int
	// CgroupV2 boots with the unified hierarchy; otherwise every controller
	// is left to cgroup v1.
	CgroupV2 bool
	// KernelArgs are added to the kernel command line.
	KernelArgs []string
	// Modules is the set of kernel modules; nil means MinimalModules.
	Modules []string
	// ModulesOnDemand are put below /lib/modules for modprobe, not loaded.
	ModulesOnDemand []string
	// Files are added to the initramfs, by absolute path.
	Files map[string]File
	// Disks are there at boot (cold-plugged), each in a root port.
	Disks []string
	// Shares are host directories offered by virtio-fs, by mount tag.
	Shares map[string]string
	// Root replaces the initramfs as root file system before Init runs. In
	// the initramfs itself no container can pivot_root.
	Root *wire.Mount
	// InitPath is the path, in the final root, of the program to execute when Init is empty.
	InitPath string
	// Vsock chooses the way between host and guest; nil means DefaultVsock.
	Vsock Vsock
	// HostPorts are vsock ports of the host (CID 2) that the guest may dial.
	HostPorts []uint32
	// Protected takes the lab's helper, not what it runs, out of the OOM killer's
	// choice: for tests that use up the guest's memory.
	Protected bool
	// FreePageReporting has the guest's balloon tell QEMU of large free blocks, which QEMU then gives
	// back to the host. The guest needs the module virtio_balloon.
	FreePageReporting bool
	// Snapshots lets VM.Snapshot take an image: the guest's memory is in a file. The guest has a
	// generation (vmgenid), unless NoGeneration is set.
	Snapshots, NoGeneration bool
	// Lifetime bounds the VM's whole life, 20 minutes when zero. When it ends
	// the VM is killed and the test fails.
	Lifetime time.Duration
}

// File is one file of the initramfs: Data, or the content of the host file
// Path. Mode 0 means 0644.
type File struct {
	Data []byte
	Path string
	Mode uint32
}

// TmpfsRoot is a Root with the files of the initramfs.
func TmpfsRoot() *wire.Mount { return &wire.Mount{Source: "root", Type: "tmpfs", Options: "mode=755"} }

func (f File) content() ([]byte, error) {
	if f.Path == "" {
		return f.Data, nil
	}
	return os.ReadFile(f.Path)
}

func (f File) mode() uint32 {
	if f.Mode == 0 {
		return 0o644
	}
	return f.Mode
}

func (o *Options) setDefaults() {
	if o.CPUs == 0 {
		o.CPUs = 2
	}
	if o.MemoryMiB == 0 {
		o.MemoryMiB = 512
	}
	if o.MaxMemoryMiB == 0 {
		o.MaxMemoryMiB = o.MemoryMiB + 2048
	}
	if o.Modules == nil {
		o.Modules = MinimalModules()
	}
	if o.InitPath == "" && o.Init != "" {
		o.InitPath = agentPath
	}
	if o.Vsock == nil {
		o.Vsock = DefaultVsock()
	}
	if o.Lifetime == 0 {
		o.Lifetime = 20 * time.Minute
	}
}

// commandLine is the kernel's. Panic means reset, which ends QEMU. The second
// line is what Kata's Go host gives to every guest of QEMU on x86 and matters
// here; expedited RCU is most of what a container's mounts and cgroups wait
// for. The other defaults only save time under emulation: no speculation
// mitigations, no relocation.
func (o *Options) commandLine() []string {
	args := []string{
		"console=" + o.Arch.console(), "quiet", "panic=1", "mitigations=off", "nokaslr", "rdinit=/init",
		"tsc=reliable", "no_timer_check", "net.ifnames=0", "rcupdate.rcu_expedited=1", "cryptomgr.notests",
	}
	if o.CgroupV2 {
		args = append(args, "cgroup_no_v1=all", "systemd.unified_cgroup_hierarchy=1")
	}
	args = append(args, o.Vsock.kernelArgs()...)
	return append(args, o.KernelArgs...)
}
