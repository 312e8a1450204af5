// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// localFilesystems are the types whose size says something about a disk. They answer
// statfs from memory: a network file system could block the sample for good.
var localFilesystems = []string{"ext4", "xfs", "btrfs", "vfat", "overlay"}

// filesystems reports every writable local file system once, at its first mount point.
func (c *Collector) filesystems() []family {
	labels := []string{"device", "item", "mount"}
	bytes := family{name: "kata_guest_filesystem_bytes", help: "Guest file system size in bytes", labels: labels}
	inodes := family{name: "kata_guest_filesystem_inodes", help: "Guest file system inodes", labels: labels}
	for _, m := range c.writableMounts() {
		var s unix.Statfs_t
		if err := c.statfs(m.Mountpoint, &s); err != nil {
			continue
		}
		device := deviceLabel(m)
		add := func(f *family, unit float64, total, free uint64) {
			f.add(float64(total)*unit, device, "total", m.Mountpoint)
			f.add(float64(total-free)*unit, device, "used", m.Mountpoint)
			f.add(float64(free)*unit, device, "available", m.Mountpoint)
		}
		add(&bytes, float64(s.Bsize), s.Blocks, s.Bfree)
		add(&inodes, 1, s.Files, s.Ffree)
	}
	return []family{bytes, inodes}
}

func (c *Collector) writableMounts() []*mountinfo.Info {
	file, err := os.Open(filepath.Join(c.proc, "self/mountinfo"))
	if err != nil {
		return nil
	}
	defer file.Close()
	type device struct{ major, minor int }
	seen := map[device]bool{}
	mounts, err := mountinfo.GetMountsFromReader(file, func(m *mountinfo.Info) (skip, stop bool) {
		d := device{m.Major, m.Minor}
		if seen[d] || !slices.Contains(localFilesystems, m.FSType) ||
			slices.Contains(strings.Split(m.VFSOptions, ","), "ro") {
			return true, false
		}
		seen[d] = true
		return false, false
	})
	if err != nil {
		return nil
	}
	return mounts
}

// deviceLabel is the last part of the source, which names the disk, or the device number
// when there is no source.
func deviceLabel(m *mountinfo.Info) string {
	if name := path.Base(m.Source); name != "." && name != "/" {
		return name
	}
	return fmt.Sprintf("%d:%d", m.Major, m.Minor)
}
