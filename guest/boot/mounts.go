// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountPoint is one row of what an init mounts.
type mountPoint struct {
	fsType, source, target string
	flags                  uintptr
	data                   string
}

const (
	nosuidNodev = unix.MS_NOSUID | unix.MS_NODEV
	locked      = nosuidNodev | unix.MS_NOEXEC
)

// basics is the table of all Kata agents as init.
var basics = [...]mountPoint{
	{"proc", "proc", "/proc", locked, ""},
	{"sysfs", "sysfs", "/sys", locked, ""},
	{"devtmpfs", "dev", "/dev", unix.MS_NOSUID, ""},
	{"tmpfs", "tmpfs", "/dev/shm", nosuidNodev, ""},
	{"devpts", "devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"},
	{"tmpfs", "tmpfs", "/run", nosuidNodev, "mode=0755"},
}

// Mounts makes the basic mounts; what is mounted already is left alone. The error joins
// those of all rows: a guest with a missing one may still serve.
func Mounts() error {
	var errs []error
	for _, m := range basics {
		errs = append(errs, m.mount())
	}
	return errors.Join(errs...)
}

func (m mountPoint) mount() error {
	_, err := m.makeBy(unix.Mount)
	return err
}

// mountFunc is mount(2).
type mountFunc func(source, target, fsType string, flags uintptr, data string) error

// makeBy tells whether there is a new mount.
func (m mountPoint) makeBy(mount mountFunc) (bool, error) {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return false, err
	}
	// Before /proc is there nothing can be looked up; the kernel says EBUSY then.
	if mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(m.target)); err == nil {
		for _, have := range mounts {
			if have.FSType == m.fsType {
				return false, nil
			}
		}
	}
	err := mount(m.source, m.target, m.fsType, m.flags, m.data)
	if err != nil && !errors.Is(err, unix.EBUSY) {
		return false, fmt.Errorf("mount %s on %s: %w", m.fsType, m.target, err)
	}
	return err == nil, nil
}

// firstPIDNamespace is that of the machine: PROC_PID_INIT_INO, which is fixed.
const firstPIDNamespace = "pid:[4026531836]"

// inFirstPIDNamespace tells whether the agent is the machine's own init, and not that of a container
// on a machine that has another one.
func inFirstPIDNamespace() (bool, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && ns == firstPIDNamespace, err
}

// ShareMounts lets mounts spread from the guest to its containers and back where these ask
// for it (rslave, rshared), as systemd does in its guests: the kernel begins with mounts
// that are private. The init of a pid namespace does not: the mounts may be the machine's.
func ShareMounts() error {
	if first, err := inFirstPIDNamespace(); !first {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make the mounts shared: %w", err)
	}
	if !mount.RootIsInitramfs("/proc") {
		return nil
	}
	// Without pivot_root libcontainer unmounts /proc and /sys in a container. Where that one's
	// root is shared these would be gone from the guest too, for an unmount goes to the peers
	// of what the mount is on. Volumes are below /run, which stays shared.
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the root itself private: %w", err)
	}
	return nil
}
