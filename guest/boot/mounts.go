// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"

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
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return err
	}
	// Before /proc is there nothing can be looked up; the kernel says EBUSY then.
	if mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(m.target)); err == nil {
		for _, have := range mounts {
			if have.FSType == m.fsType {
				return nil
			}
		}
	}
	err := unix.Mount(m.source, m.target, m.fsType, m.flags, m.data)
	if err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount %s on %s: %w", m.fsType, m.target, err)
	}
	return nil
}
