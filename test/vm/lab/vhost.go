// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kata-containers/kata-agent/test/guard"
)

// guestCID is the VM's address under vhost-device-vsock; the device's socket
// is the VM's own, so VMs do not meet.
const guestCID = 4

// vhostDevice is a vsock device in a process beside QEMU, from the rust-vmm
// project. The guest has a true virtio vsock transport.
type vhostDevice struct {
	tool    string
	process *process
}

// VhostDevice is the way by the vhost-device-vsock program at this path.
func VhostDevice(tool string) Vsock { return &vhostDevice{tool: tool} }

func (*vhostDevice) String() string { return "vhost-device-vsock" }
func (*vhostDevice) bridged() bool  { return false }

func (*vhostDevice) modules() []string {
	return []string{"vmw_vsock_virtio_transport", "vsock_loopback"}
}

func (*vhostDevice) kernelArgs() []string { return nil }

func (v *vhostDevice) start(vm *VM, m *machine) error {
	device := filepath.Join(vm.dir, "vhost")
	log, err := os.Create(filepath.Join(vm.dir, "vsock.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	v.process, err = startProcess(log, nil, v.tool,
		"--vm", fmt.Sprintf("guest-cid=%d,socket=%s,uds-path=%s", guestCID, device, vm.vsockPath))
	if err != nil {
		return err
	}
	if err := waitForFile(device, v.process.ended, guard.Hang); err != nil {
		return fmt.Errorf("%s: %w", v.tool, err)
	}
	m.arg("-chardev", "socket,id=vsock,path="+device)
	m.arg("-device", "vhost-user-vsock-pci,chardev=vsock,bus=pcie.0,addr=4")
	return nil
}

func (v *vhostDevice) stop() {
	if v.process != nil {
		v.process.kill()
	}
}
