// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"strings"
)

// rootPorts is how many PCIe root ports wait for a device to be plugged.
const rootPorts = 6

// machine collects QEMU's command line and the descriptors it inherits.
type machine struct {
	args  []string
	files []*os.File
}

func (m *machine) arg(args ...string) { m.args = append(m.args, args...) }

// pass hands a descriptor to QEMU and returns its number there.
func (m *machine) pass(f *os.File) int {
	m.files = append(m.files, f)
	return 2 + len(m.files)
}

// base is the board of every VM: memory and CPUs with room for more, buses to
// plug into, the console. Memory is shared because vhost-user devices map it.
func (m *machine) base(opts Options, k Kernel, initramfs, console string) {
	if opts.Arch == ARM64 {
		m.armBase(opts, k, initramfs, console)
		return
	}
	// One thread for all CPUs: with a thread for each, QEMU 7.2 now and then leaves a kernel in
	// a soft lockup, waiting for another CPU's answer to an interrupt.
	m.arg("-M", "q35,memory-backend=mem,nvdimm=on", "-accel", "tcg,thread=single", "-cpu", "max",
		"-smp", fmt.Sprintf("%d,maxcpus=%d", opts.CPUs, opts.CPUs+2),
		"-m", fmt.Sprintf("%dM,slots=4,maxmem=%dM", opts.MemoryMiB, opts.MaxMemoryMiB))
	m.common(opts, k, initramfs, console)
	m.buses()
	if opts.FreePageReporting {
		m.arg("-device", "virtio-balloon-pci,bus=pcie.0,addr=6,free-page-reporting=on")
	}
}

// common is what no board has in its own way: nothing that was not asked for, the console, the kernel.
func (m *machine) common(opts Options, k Kernel, initramfs, console string) {
	m.arg("-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", "-no-reboot",
		"-serial", "file:"+console,
		"-kernel", k.Image, "-initrd", initramfs, "-append", strings.Join(opts.commandLine(), " "))
}

// armBase is the board of a VM of 64-bit ARM. The processor is one without pointer authentication, which
// the emulator computes for each call of a function.
func (m *machine) armBase(opts Options, k Kernel, initramfs, console string) {
	m.arg("-M", "virt,memory-backend=mem", "-accel", "tcg,thread=single", "-cpu", "cortex-a72",
		"-smp", fmt.Sprint(opts.CPUs), "-m", fmt.Sprintf("%dM", opts.MemoryMiB))
	m.common(opts, k, initramfs, console)
}

// buses lays out the PCI tree. Every address is fixed: tests name devices by
// their PCI path.
func (m *machine) buses() {
	// The bridge a Kata host makes; without the reserves a device plugged
	// behind it gets no memory and no driver.
	m.arg("-device", "pci-bridge,bus=pcie.0,id=br0,chassis_nr=1,shpc=off,addr=2,"+
		"io-reserve=4k,mem-reserve=1m,pref64-reserve=1m")
	// A second root complex, bus 0x20.
	m.arg("-device", "pxb-pcie,id=pxb,bus_nr=32,bus=pcie.0,addr=3",
		"-device", "pcie-root-port,id=xrp,bus=pxb,addr=0,slot=32,chassis=32")
	m.arg("-device", "virtio-scsi-pci,id=scsi0,bus=pcie.0,addr=5")
	for i := 1; i <= rootPorts; i++ {
		// The bus is named because after pxb-pcie an unnamed one is the pxb's.
		m.arg("-device", fmt.Sprintf("pcie-root-port,id=rp%d,bus=pcie.0,addr=%#x,slot=%d,chassis=%d",
			i, rootPortSlot(i), i, i))
	}
}

// rootPortSlot is the slot of root port i on the first root bus.
func rootPortSlot(i int) int { return 7 + i }
