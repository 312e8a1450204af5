// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// PlugDisk plugs a raw image as a virtio block device.
func (vm *VM) PlugDisk(t testing.TB, image string, slot Slot) Device {
	t.Helper()
	id := vm.newID("disk")
	node := vm.addNode(t, id, image)
	d := vm.addAt(t, slot, id, qmp.Args{"driver": "virtio-blk-pci", "drive": node})
	d.behind = vm.undo("blockdev-del", qmp.Args{"node-name": node})
	return d
}

// PlugSCSI plugs a raw image as a disk on the VM's SCSI controller.
func (vm *VM) PlugSCSI(t testing.TB, image string) Device {
	t.Helper()
	id := vm.newID("scsi")
	node := vm.addNode(t, id, image)
	vm.mu.Lock()
	target := vm.serial
	vm.mu.Unlock()
	vm.do(t, "device_add", qmp.Args{
		"driver": "scsi-hd", "id": id, "drive": node,
		"bus": "scsi0.0", "channel": 0, "scsi-id": target, "lun": 0,
	})
	return Device{ID: id, SCSI: fmt.Sprintf("%d:0", target), behind: vm.undo("blockdev-del", qmp.Args{"node-name": node})}
}

// PlugPMEM plugs a raw image as an NVDIMM. It appears as a block device in raw
// mode; the size must be a multiple of 128 MiB.
func (vm *VM) PlugPMEM(t testing.TB, image string) Device {
	t.Helper()
	id := vm.newID("pmem")
	info, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	vm.do(t, "object-add", qmp.Args{
		"qom-type": "memory-backend-file", "id": id + "-mem", "mem-path": image, "size": info.Size(), "share": true,
	})
	vm.do(t, "device_add", qmp.Args{"driver": "nvdimm", "id": id, "memdev": id + "-mem"})
	return Device{ID: id, behind: vm.undo("object-del", qmp.Args{"id": id + "-mem"})}
}

func (vm *VM) addNode(t testing.TB, id, image string) string {
	t.Helper()
	node := id + "-node"
	vm.do(t, "blockdev-add", qmp.Args{
		"driver": "raw", "node-name": node,
		"file": qmp.Args{"driver": "file", "filename": image},
	})
	return node
}

// coldPlug puts the disks of Options into root ports before the boot.
func (vm *VM) coldPlug(m *machine) {
	for i, image := range vm.opts.Disks {
		id, at := fmt.Sprintf("cold%d", i), rootPorts-i
		vm.ports[at] = id
		m.arg("-drive", fmt.Sprintf("if=none,format=raw,id=%s-drive,file=%s", id, image),
			"-device", fmt.Sprintf("virtio-blk-pci,id=%s,drive=%s-drive,bus=rp%d", id, id, at))
		vm.Disks = append(vm.Disks, Device{ID: id, PCIPath: fmt.Sprintf("%02x/00", rootPortSlot(at)), port: at})
	}
}
