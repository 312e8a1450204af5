// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
)

// VsockEnv chooses the default way of vsock: "bridge" or "vhost-device-vsock".
const VsockEnv = "KATA_TEST_VSOCK"

// Vsock is a way of vsock connections between the test and the guest. Each
// way ends in a hybrid vsock socket on the host, as the VMMs of Kata have it.
type Vsock interface {
	// String is the name for messages: "bridge".
	String() string
	// bridged says that the guest has no vsock device and needs the bridge.
	bridged() bool
	// modules are those of the guest's transport.
	modules() []string
	// kernelArgs are for the agent, where the way needs its consent.
	kernelArgs() []string
	// start makes the host side and adds its device to the machine.
	start(vm *VM, m *machine) error
	// stop ends the host side after QEMU.
	stop()
}

// DefaultVsock is the bridge, unless the environment says otherwise.
func DefaultVsock() Vsock {
	if os.Getenv(VsockEnv) == "vhost-device-vsock" {
		if tool := FindVhostDevice(); tool != "" {
			return VhostDevice(tool)
		}
	}
	return Bridge()
}

// FindVhostDevice looks for the vhost-device-vsock daemon in PATH, cargo's
// directory and the lab's cache; it returns "" where there is none.
func FindVhostDevice() string {
	const tool = "vhost-device-vsock"
	if path, err := exec.LookPath(tool); err == nil {
		return path
	}
	places := []string{}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".cargo/bin", tool))
	}
	if cache, err := cacheDir(); err == nil {
		places = append(places, filepath.Join(cache, "cargo/bin", tool))
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
