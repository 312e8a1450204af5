// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// Slot is where in the PCI tree a device is plugged.
type Slot int

const (
	// RootPort is a PCIe root port on the first root bus: path "08" to "0d",
	// then "/00". Hotplug is ACPI's.
	RootPort Slot = iota
	// BehindBridge is the conventional bridge of the Go host: path "02/xx".
	BehindBridge
	// SecondRoot is the one port under a PCI root of its own (pxb-pcie, bus
	// 0x20): path "20/00/00". Hotplug is PCIe's native one.
	SecondRoot
)

// Device is something plugged into the VM.
type Device struct {
	// ID is QEMU's name of the device.
	ID string
	// PCIPath is the path a host sends to the agent, "08/00" for example;
	// empty for what is no PCI device of its own.
	PCIPath string
	// SCSI is the address "<id>:<lun>" of a SCSI disk.
	SCSI string
	// MAC of a network device.
	MAC string

	port   int          // the root port it holds
	behind func() error // undoes what lies behind the device
}

// place is a free spot: the bus and address for device_add.
type place struct {
	bus, addr, path string
	port            int
}

func (vm *VM) place(t testing.TB, slot Slot, id string) place {
	t.Helper()
	vm.mu.Lock()
	defer vm.mu.Unlock()
	switch slot {
	case BehindBridge:
		vm.behind++
		return place{bus: "br0", addr: fmt.Sprintf("%#x", vm.behind), path: bridgePath(vm.behind)}
	case SecondRoot:
		return place{bus: "xrp", addr: "0", path: "20/00/00"}
	}
	for i := 1; i <= rootPorts; i++ {
		if vm.ports[i] == "" {
			vm.ports[i] = id
			return place{bus: fmt.Sprintf("rp%d", i), addr: "0", path: fmt.Sprintf("%02x/00", rootPortSlot(i)), port: i}
		}
	}
	t.Fatalf("all %d root ports are taken", rootPorts)
	return place{}
}

// NextRootPort is the PCI path the next device in a root port will have.
func (vm *VM) NextRootPort() string {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	for i := 1; i <= rootPorts; i++ {
		if vm.ports[i] == "" {
			return fmt.Sprintf("%02x/00", rootPortSlot(i))
		}
	}
	return ""
}

// NextBehindBridge is the PCI path of the device after the next n behind the bridge.
func (vm *VM) NextBehindBridge(n int) string {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return bridgePath(vm.behind + 1 + n)
}

// bridgePath is the PCI path of a slot of the bridge, whose own is 2.
func bridgePath(slot int) string { return fmt.Sprintf("02/%02x", slot) }

func (vm *VM) newID(kind string) string {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.serial++
	return fmt.Sprintf("%s%d", kind, vm.serial)
}

// addAt plugs a PCI device at a free place.
func (vm *VM) addAt(t testing.TB, slot Slot, id string, props qmp.Args) Device {
	t.Helper()
	at := vm.place(t, slot, id)
	props["id"], props["bus"], props["addr"] = id, at.bus, at.addr
	vm.do(t, "device_add", props)
	return Device{ID: id, PCIPath: at.path, port: at.port}
}

// Unplug asks the guest to let the device go and waits until it has.
func (vm *VM) Unplug(t testing.TB, d Device) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
	defer cancel()
	since := vm.qmp.Now()
	vm.do(t, "device_del", qmp.Args{"id": d.ID})
	_, err := vm.qmp.Wait(ctx, since, func(e qmp.Event) bool {
		var data struct{ Device string }
		return e.Name == "DEVICE_DELETED" && json.Unmarshal(e.Data, &data) == nil && data.Device == d.ID
	})
	if err != nil {
		t.Fatalf("unplug %s: %v", d.ID, err)
	}
	if d.behind != nil {
		if err := d.behind(); err != nil {
			t.Fatal(err)
		}
	}
	vm.mu.Lock()
	delete(vm.ports, d.port)
	vm.mu.Unlock()
}

// undo is a command to run once the device in front is gone.
func (vm *VM) undo(command string, args qmp.Args) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
		defer cancel()
		return vm.qmp.Do(ctx, command, args, nil)
	}
}
