// SPDX-License-Identifier: Apache-2.0

package namespace_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

func inode(t *testing.T, p string) uint64 {
	t.Helper()
	var st unix.Stat_t
	guesttest.Must(t, unix.Stat(p, &st))
	return st.Ino
}

func TestShared(t *testing.T) {
	guesttest.NeedRoot(t, "to make namespaces")
	own := map[string]uint64{"ipc": inode(t, "/proc/self/ns/ipc"), "uts": inode(t, "/proc/self/ns/uts")}
	dir := t.TempDir() + "/ns"
	ipc, err := namespace.NewIPC(dir)
	guesttest.Must(t, err)
	t.Cleanup(func() { guesttest.Must(t, ipc.Release()) })
	uts, err := namespace.NewUTS(dir, "sandbox-name")
	guesttest.Must(t, err)
	t.Cleanup(func() { guesttest.Must(t, uts.Release()) })

	if ipc.Path != dir+"/ipc" || uts.Path != dir+"/uts" {
		t.Errorf("paths %s, %s", ipc.Path, uts.Path)
	}
	if inode(t, ipc.Path) == own["ipc"] || inode(t, uts.Path) == own["uts"] {
		t.Error("the namespace bound is the agent's own")
	}
	out, err := exec.Command("nsenter", "--uts="+uts.Path, "--ipc="+ipc.Path, "cat", "/proc/sys/kernel/hostname").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "sandbox-name" {
		t.Errorf("host name inside: %q, %v", out, err)
	}
	if _, err := namespace.NewUTS(dir, ""); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v, want %v", err, fs.ErrExist)
	}
	guesttest.Must(t, uts.Release())
	if _, err := os.Lstat(uts.Path); !os.IsNotExist(err) {
		t.Errorf("after release: %v", err)
	}
}

// No thread of the process may stay in a namespace made here.
func TestThreadsAreThrownAway(t *testing.T) {
	guesttest.NeedRoot(t, "to make namespaces")
	dir := t.TempDir()
	own := inode(t, "/proc/self/ns/uts")
	for range 50 {
		s, err := namespace.NewUTS(dir, "x")
		guesttest.Must(t, err)
		guesttest.Must(t, s.Release())
	}
	for range 200 {
		done := make(chan uint64)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			done <- inode(t, "/proc/thread-self/ns/uts")
		}()
		if got := <-done; got != own {
			t.Fatal("a goroutine runs in a namespace of the sandbox")
		}
	}
	if inode(t, "/proc/self/ns/uts") != own {
		t.Error("the main thread is in a namespace of the sandbox")
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := namespace.NewUTS(dir, strings.Repeat("h", 65)); err == nil {
		t.Error("a name of 65 bytes was taken")
	}
	guesttest.Must(t, os.WriteFile(dir+"/file", nil, 0o644))
	if _, err := namespace.NewIPC(dir + "/file"); err == nil {
		t.Error("a file was taken for a directory")
	}
	if _, err := os.Lstat(dir + "/uts"); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
	guesttest.Must(t, (namespace.Shared{}).Release())
}
