// SPDX-License-Identifier: Apache-2.0

package fsgroup_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"golang.org/x/sys/unix"
)

func needsRoot(t *testing.T) {
	t.Helper()
	guesttest.NoLeak(t)
	guesttest.NeedRoot(t, "to change groups")
}

func open(t *testing.T, p string) *os.File {
	t.Helper()
	f, err := os.Open(p)
	guesttest.Must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func check(t *testing.T, p string, gid uint32, mode uint32) {
	t.Helper()
	fi, err := os.Lstat(p)
	guesttest.Must(t, err)
	st := fi.Sys().(*syscall.Stat_t)
	if st.Gid != gid || st.Mode&0o7777 != mode {
		t.Errorf("%s: group %d mode %#o, want %d %#o", p, st.Gid, st.Mode&0o7777, gid, mode)
	}
}

func TestApply(t *testing.T) {
	needsRoot(t)
	outside, vol := t.TempDir(), t.TempDir()
	guesttest.Must(t, os.Chmod(vol, 0o755))
	guesttest.Must(t, os.WriteFile(outside+"/secret", nil, 0o600))
	guesttest.Must(t, os.MkdirAll(vol+"/a/b", 0o700))
	guesttest.Must(t, os.WriteFile(vol+"/a/b/f", nil, 0o600))
	guesttest.Must(t, os.WriteFile(vol+"/suid", nil, 0o600))
	guesttest.Must(t, os.Chmod(vol+"/suid", 0o755|os.ModeSetuid))
	guesttest.Must(t, os.Symlink(outside, vol+"/a/out"))
	guesttest.Must(t, os.Symlink(outside+"/secret", vol+"/out"))
	guesttest.Must(t, os.Symlink("../..", vol+"/a/b/cycle"))
	guesttest.Must(t, unix.Mkfifo(vol+"/fifo", 0o600))
	// A mount inside the volume.
	guesttest.Must(t, os.MkdirAll(vol+"/mnt", 0o755))
	guesttest.Must(t, unix.Mount(outside, vol+"/mnt", "", unix.MS_BIND, ""))
	t.Cleanup(func() { unix.Unmount(vol+"/mnt", unix.MNT_DETACH) })

	guesttest.Must(t, fsgroup.Apply(t.Context(), open(t, vol), fsgroup.Group{ID: 77}))
	check(t, vol, 77, 0o2775)
	check(t, vol+"/a", 77, 0o2770)
	check(t, vol+"/a/b", 77, 0o2770)
	check(t, vol+"/a/b/f", 77, 0o660)
	check(t, vol+"/fifo", 77, 0o660)
	check(t, vol+"/suid", 77, 0o4775)
	check(t, vol+"/out", 0, 0o777)
	check(t, outside, 0, 0o755)
	check(t, outside+"/secret", 0, 0o600)
}

func TestOnRootMismatch(t *testing.T) {
	needsRoot(t)
	vol := t.TempDir()
	guesttest.Must(t, os.WriteFile(vol+"/f", nil, 0o600))
	guesttest.Must(t, os.Chown(vol, -1, 5))
	guesttest.Must(t, os.Chmod(vol, 0o770|os.ModeSetgid))
	g := fsgroup.Group{ID: 5, Policy: fsgroup.OnRootMismatch}
	guesttest.Must(t, fsgroup.Apply(t.Context(), open(t, vol), g))
	check(t, vol+"/f", 0, 0o600)
	guesttest.Must(t, os.Chmod(vol, 0o770))
	guesttest.Must(t, fsgroup.Apply(t.Context(), open(t, vol), g))
	check(t, vol+"/f", 5, 0o660)
	check(t, vol, 5, 0o2770)
}

func TestReadOnlyVolumeIsLeftAlone(t *testing.T) {
	needsRoot(t)
	vol := t.TempDir()
	guesttest.Must(t, unix.Mount("tmpfs", vol, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(vol, unix.MNT_DETACH) })
	guesttest.Must(t, os.WriteFile(vol+"/f", nil, 0o600))
	guesttest.Must(t, unix.Mount("", vol, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	guesttest.Must(t, fsgroup.Apply(t.Context(), open(t, vol), fsgroup.Group{ID: 5}))
	check(t, vol+"/f", 0, 0o600)
}

func TestDeepTree(t *testing.T) {
	needsRoot(t)
	vol := t.TempDir()
	guesttest.Must(t, unix.Mount("tmpfs", vol, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(vol, unix.MNT_DETACH) })
	// Deeper than PATH_MAX: made hop by hop.
	fd, err := unix.Open(vol, unix.O_PATH, 0)
	guesttest.Must(t, err)
	name := strings.Repeat("d", 200)
	for range 60 {
		guesttest.Must(t, unix.Mkdirat(fd, name, 0o700))
		next, err := unix.Openat(fd, name, unix.O_PATH, 0)
		guesttest.Must(t, err)
		guesttest.Must(t, unix.Close(fd))
		fd = next
	}
	defer unix.Close(fd)
	guesttest.Must(t, fsgroup.Apply(t.Context(), open(t, vol), fsgroup.Group{ID: 9}))
	var st unix.Stat_t
	guesttest.Must(t, unix.Fstat(fd, &st))
	if st.Gid != 9 || st.Mode&0o7777 != 0o2770 {
		t.Errorf("the deepest directory: group %d mode %#o", st.Gid, st.Mode)
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	needsRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	vol := t.TempDir()
	for i := range 300 {
		guesttest.Must(t, os.WriteFile(vol+"/"+strings.Repeat("f", i%200+1)+string(rune('a'+i/200)), nil, 0o600))
	}
	if err := fsgroup.Apply(ctx, open(t, vol), fsgroup.Group{ID: 9}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := fsgroup.Apply(t.Context(), open(t, vol), fsgroup.Group{ID: ^uint32(0)}); err == nil {
		t.Error("-1 was taken for a group")
	}
}
