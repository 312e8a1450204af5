// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// PlugNIC plugs a network device that is connected to nothing.
func (vm *VM) PlugNIC(t testing.TB, slot Slot) Device {
	t.Helper()
	id := vm.newID("nic")
	vm.mu.Lock()
	mac := fmt.Sprintf("52:54:00:4b:41:%02x", vm.serial)
	vm.mu.Unlock()
	vm.do(t, "netdev_add", qmp.Args{"type": "hubport", "id": id + "-net", "hubid": 0})
	d := vm.addAt(t, slot, id, qmp.Args{"driver": "virtio-net-pci", "netdev": id + "-net", "mac": mac})
	d.MAC, d.behind = mac, vm.undo("netdev_del", qmp.Args{"id": id + "-net"})
	return d
}

// PlugMemory adds memory, in multiples of 128 MiB. The guest sees blocks of
// that size, offline until somebody sets them online.
func (vm *VM) PlugMemory(t testing.TB, mebibytes int) Device {
	t.Helper()
	id := vm.newID("dimm")
	vm.do(t, "object-add", qmp.Args{
		"qom-type": "memory-backend-memfd", "id": id + "-mem", "size": mebibytes << 20, "share": true,
	})
	vm.do(t, "device_add", qmp.Args{"driver": "pc-dimm", "id": id, "memdev": id + "-mem"})
	return Device{ID: id, behind: vm.undo("object-del", qmp.Args{"id": id + "-mem"})}
}

// PlugCPU adds one CPU, offline until somebody sets it online.
func (vm *VM) PlugCPU(t testing.TB) Device {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
	defer cancel()
	var sockets []struct {
		Type    string
		Props   qmp.Args
		QOMPath string `json:"qom-path"`
	}
	if err := vm.qmp.Do(ctx, "query-hotpluggable-cpus", nil, &sockets); err != nil {
		t.Fatal(err)
	}
	// QEMU lists the highest first; the guest numbers CPUs as they come.
	for i := len(sockets) - 1; i >= 0; i-- {
		if s := sockets[i]; s.QOMPath == "" {
			id := vm.newID("cpu")
			s.Props["driver"], s.Props["id"] = s.Type, id
			vm.do(t, "device_add", s.Props)
			return Device{ID: id}
		}
	}
	t.Fatal("the VM has all the CPUs it may have")
	return Device{}
}
