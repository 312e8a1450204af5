// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"golang.org/x/sys/unix"
)

// The real device-mapper and a partitioned disk, as a host sends it.
func TestCheckedPartitions(t *testing.T) {
	dir, m := run(t)
	if _, err := os.Stat("/dev/mapper/control"); err != nil {
		t.Skip("this kernel has no device-mapper; the tests in virtual machines run this:", err)
	}
	top, topRoot, topOffset := erofstest.Protect(erofstest.Top, []byte{7}, true)
	bottom, bottomRoot, bottomOffset := erofstest.Protect(erofstest.Bottom, nil, false)
	if topOffset != 4096 || bottomOffset != 4096 {
		t.Fatal(topOffset, bottomOffset)
	}
	disk := erofstest.Loop(t, erofstest.GPT(top, bottom))
	nodes := []string{disk + "p1", disk + "p2"}
	if _, err := os.Stat(nodes[1]); err != nil {
		t.Skip("this kernel reads no GPT; the tests in virtual machines run this:", err)
	}
	members := func(bottomRoot string) []volume.Storage {
		option := func(root string, more ...string) []string {
			return append(more, checkedOption+"=true", verityPrefix+"roothash="+root, verityPrefix+"hashoffset=4096")
		}
		return []volume.Storage{
			part("1", option(topRoot, verityPrefix+"salt=07")...), part("2", option(bottomRoot, verityPrefix+"no-superblock=true")...),
		}
	}
	a, err := m.Mount(t.Context(), "c", group(t, dir, members(bottomRoot)...), nodes)
	guesttest.Must(t, err)
	has(t, a.MountPoint+"/word", "top")
	has(t, a.MountPoint+"/bottom", "bottom")
	guesttest.Must(t, a.Release())
	// Another root: the layer is refused at the first read.
	if _, err := m.Mount(t.Context(), "c", group(t, dir, members(topRoot)...), nodes); !errors.Is(err, unix.EIO) {
		t.Errorf("a layer with another root hash: %v, want %v", err, unix.EIO)
	}
	nothing(t, dir)
	if left, _ := os.ReadDir("/dev/mapper"); len(left) != 1 {
		t.Errorf("in /dev/mapper: %v", left)
	}
	if left, _ := os.ReadDir("/sys/block"); slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "dm-") }) {
		t.Errorf("mappings left: %v", left)
	}
}
