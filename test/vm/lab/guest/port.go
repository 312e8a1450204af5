// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// portWait bounds the wait for a virtio-serial port: its name comes from the
// host by a message some milliseconds after the driver is loaded.
const portWait = 2 * time.Minute

// openPort opens the virtio-serial port of this name. It mounts sysfs and
// devtmpfs for that and takes them away again: the program under test shall
// find the mounts of a fresh kernel, which are none.
func openPort(name string) (*os.File, error) {
	for dir, fstype := range map[string]string{"/lab/sys": "sysfs", "/lab/dev": "devtmpfs"} {
		if err := mountOn(dir, fstype); err != nil {
			return nil, err
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
	}
	for end := time.Now().Add(portWait); time.Now().Before(end); time.Sleep(time.Millisecond) { // clock: how often it looks
		device := findPort(name)
		if device == "" {
			continue
		}
		// Not os.OpenFile: the port must be in the netpoller of the helper,
		// which gets this descriptor, not in ours.
		fd, err := unix.Open("/lab/dev/"+device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, fmt.Errorf("open port %s: %w", device, err)
		}
		return os.NewFile(uintptr(fd), device), nil
	}
	return nil, fmt.Errorf("virtio-serial port %q did not appear in %v", name, portWait)
}

func findPort(name string) string {
	names, _ := filepath.Glob("/lab/sys/class/virtio-ports/*/name")
	for _, file := range names {
		if data, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(data)) == name {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}

func mountOn(dir, fstype string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(fstype, dir, fstype, 0, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, dir, err)
	}
	return nil
}
