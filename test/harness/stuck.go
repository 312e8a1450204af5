// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// StuckFS mounts a FUSE file system that nobody serves: whoever looks into it waits until release is
// called, or the test has ended, and then gets an error. An agent that starts after it sees it.
func StuckFS(tb testing.TB) (dir string, release func()) {
	tb.Helper()
	Root(tb)
	dir = filepath.Join(tb.TempDir(), "stuck")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		tb.Skip("needs /dev/fuse:", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse)
	if err := unix.Mount("stuck", dir, "fuse", 0, options); err != nil {
		unix.Close(fuse)
		tb.Skip("needs a kernel with FUSE:", err)
	}
	released := false
	release = func() {
		if !released {
			released = true
			unix.Close(fuse) // ends the file system for all who wait
		}
	}
	tb.Cleanup(func() {
		release()
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			tb.Error(err)
		}
	})
	return dir, release
}
