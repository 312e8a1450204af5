// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// noDriver is a major number that the kernel gives to no driver ("local/experimental use",
// Documentation/admin-guide/devices.txt).
const noDriver = 120

func TestNodeReady(t *testing.T) {
	dir := t.TempDir()
	node := func(name string, mode uint32, dev uint64) string {
		path := filepath.Join(dir, name)
		if err := unix.Mknod(path, mode|0o600, int(dev)); err != nil {
			t.Skip("cannot make device nodes here:", err)
		}
		return path
	}
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"none":                   {filepath.Join(dir, "none"), os.ErrNotExist},
		"disk not yet added":     {node("disk", unix.S_IFBLK, unix.Mkdev(noDriver, 0)), unix.ENXIO},
		"character device":       {"/dev/null", nil},
		"one without its driver": {node("char", unix.S_IFCHR, unix.Mkdev(noDriver, 0)), nil},
	} {
		if err := NodeReady(c.path); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
