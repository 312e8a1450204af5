// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// v1Controllers are those of /proc/cgroups that containers use.
var v1Controllers = [...]string{
	"cpu", "cpuacct", "blkio", "cpuset", "memory", "devices", "freezer",
	"net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc",
}

// Cgroups mounts the control groups: the unified hierarchy, or one hierarchy for each
// controller that the kernel has enabled. In the first pid namespace, where the machine is the
// agent's own, they are mounted with favordynmods.
func Cgroups(unified bool) error {
	ours, err := inFirstPIDNamespace()
	mount := unix.Mount
	if ours {
		mount = favorMoves(mount)
	}
	if unified {
		return errors.Join(err, cgroupV2(mount))
	}
	return errors.Join(err, cgroupV1(mount))
}

// favorMoves mounts with favordynmods (cgroups(7) of Linux 6.0), or without it where the kernel
// does not know the word. With it the kernel does not wait for a grace period of RCU, 10 ms and more,
// when the first process after a pause is moved into a cgroup; in return each fork and exit takes a
// lock that all processors share. It holds for all cgroups of the machine and until the next boot, so
// it is not for a machine that is somebody else's.
func favorMoves(mount mountFunc) mountFunc {
	return func(source, target, fsType string, flags uintptr, data string) error {
		err := mount(source, target, fsType, flags, data+",favordynmods")
		if errors.Is(err, unix.EINVAL) {
			return mount(source, target, fsType, flags, data)
		}
		return err
	}
}

func cgroupV2(mount mountFunc) error {
	m := mountPoint{"cgroup2", "cgroup2", cgroupRoot, locked | unix.MS_RELATIME, "nsdelegate"}
	if _, err := m.makeBy(mount); err != nil {
		return err
	}
	// Each controller by itself: one that refuses must not cost the others.
	names, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range strings.Fields(string(names)) {
		errs = append(errs, sysfs.Write(filepath.Join(cgroupRoot, "cgroup.subtree_control"), "+"+name))
	}
	return errors.Join(errs...)
}

func cgroupV1(mount mountFunc) error {
	table, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return err
	}
	enabled := enabledControllers(string(table))
	if len(enabled) == 0 {
		return errors.New("the kernel has no cgroup v1 controller")
	}
	base := mountPoint{"tmpfs", "tmpfs", cgroupRoot, locked, "mode=755"}
	made, err := base.makeBy(unix.Mount)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range enabled {
		m := mountPoint{"cgroup", "cgroup", filepath.Join(cgroupRoot, name), locked | unix.MS_RELATIME, name}
		_, err := m.makeBy(mount)
		errs = append(errs, err)
	}
	if made {
		errs = append(errs, makeReadOnly(cgroupRoot, locked))
	}
	// Without it limits of a parent do not bind its children. Kernels since 5.11 always do.
	hierarchy := filepath.Join(cgroupRoot, "memory/memory.use_hierarchy")
	if _, err := os.Stat(hierarchy); err == nil {
		errs = append(errs, sysfs.Write(hierarchy, "1"))
	}
	return errors.Join(errs...)
}

// makeReadOnly makes the mount at target read-only; flags are those it has and keeps. Its file system
// stays writable, since it may be mounted elsewhere too: a container in which the agent is tested
// shares it with the machine.
func makeReadOnly(target string, flags uintptr) error {
	if err := unix.Mount("", target, "", flags|unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

// enabledControllers reads /proc/cgroups: name, hierarchy, number of cgroups, enabled.
func enabledControllers(table string) []string {
	var out []string
	for _, known := range v1Controllers {
		for line := range strings.Lines(table) {
			f := strings.Fields(line)
			if len(f) >= 4 && f[0] == known && f[3] == "1" {
				out = append(out, known)
			}
		}
	}
	return out
}
