// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Must ends the test if err is not nil, at the line that calls it.
func Must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// NeedRoot skips the test unless root runs it, and says what root is needed for: "to mount".
func NeedRoot(tb testing.TB, why string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root " + why)
	}
}

var startPoller sync.Once

// NoLeak has the test fail if it ends with more open descriptors than there are now. What the
// test closes by Cleanup is closed by then, if it is called first.
func NoLeak(tb testing.TB) {
	tb.Helper()
	before := Descriptors(tb)
	tb.Cleanup(func() {
		if after := Descriptors(tb); after > before {
			tb.Errorf("%d descriptors open, %d before", after, before)
		}
	})
}

// Descriptors is how many descriptors the process has open. Those of Go's poller are among them
// always: it has two from the first file on that can be waited for, which a test that runs alone may
// be the first to open.
func Descriptors(tb testing.TB) int {
	tb.Helper()
	startPoller.Do(func() {
		r, w, err := os.Pipe()
		Must(tb, err)
		Must(tb, r.Close())
		Must(tb, w.Close())
	})
	names, err := os.ReadDir("/proc/self/fd")
	Must(tb, err)
	return len(names)
}

// Tmpfs is a file system of the test's own, private, whose mounts go with it. It needs root.
func Tmpfs(tb testing.TB) (dir string) {
	tb.Helper()
	NeedRoot(tb, "to mount")
	dir = tb.TempDir()
	Must(tb, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	tb.Cleanup(func() { Must(tb, unix.Unmount(dir, unix.MNT_DETACH)) })
	Must(tb, unix.Mount("", dir, "", unix.MS_PRIVATE, ""))
	return dir
}
