// SPDX-License-Identifier: Apache-2.0

package filesystem_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/filesystem"
	"golang.org/x/sys/unix"
)

func TestStat(t *testing.T) {
	guesttest.NeedRoot(t, "to mount")
	dir := t.TempDir()
	guesttest.Must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1M,nr_inodes=100"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	guesttest.Must(t, os.WriteFile(dir+"/f", make([]byte, 256<<10), 0o600))
	for _, p := range []string{dir, dir + "/f"} {
		u, err := filesystem.Stat(t.Context(), p)
		guesttest.Must(t, err)
		if u.Bytes != (filesystem.Count{Total: 1 << 20, Available: 768 << 10, Used: 256 << 10}) {
			t.Errorf("bytes %+v", u.Bytes)
		}
		if u.Inodes.Total != 100 || u.Inodes.Used+u.Inodes.Available != 100 || u.Inodes.Used < 2 {
			t.Errorf("inodes %+v", u.Inodes)
		}
	}
}

func TestStatRefuses(t *testing.T) {
	dir := t.TempDir()
	guesttest.Must(t, unix.Mkfifo(dir+"/fifo", 0o600))
	if _, err := filesystem.Stat(t.Context(), dir+"/fifo"); !errors.Is(err, filesystem.ErrKind) {
		t.Errorf("a pipe: %v, want %v", err, filesystem.ErrKind)
	}
	if _, err := filesystem.Stat(t.Context(), dir+"/missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Either the answer was quicker or the context ended the call.
	if _, err := filesystem.Stat(ctx, dir); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// mounted makes a file system on the first half of a loop device and mounts it.
func mounted(t *testing.T, size int64, mkfs ...string) string {
	t.Helper()
	guesttest.NeedRoot(t, "to mount")
	dir := t.TempDir()
	img, mnt := filepath.Join(dir, "img"), filepath.Join(dir, "mnt")
	guesttest.Must(t, os.Mkdir(mnt, 0o755))
	guesttest.Must(t, os.WriteFile(img, nil, 0o600))
	guesttest.Must(t, os.Truncate(img, size))
	if out, err := exec.Command(mkfs[0], append(mkfs[1:], img)...).CombinedOutput(); err != nil {
		t.Skipf("%v: %v: %s", mkfs, err, out)
	}
	guesttest.Must(t, os.Truncate(img, 2*size))
	if out, err := exec.Command("mount", "-o", "loop", img, mnt).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { guesttest.Must(t, unix.Unmount(mnt, 0)) })
	return mnt
}

func testGrow(t *testing.T, mnt string, size uint64) {
	var g filesystem.Grower
	before, err := filesystem.Stat(t.Context(), mnt)
	guesttest.Must(t, err)
	if err := g.Grow(t.Context(), mnt, 2*size+512); !errors.Is(err, filesystem.ErrTooLarge) || !strings.Contains(err.Error(), mnt) {
		t.Errorf("larger than the device: %v, want %v", err, filesystem.ErrTooLarge)
	}
	err = g.Grow(t.Context(), mnt, 2*size)
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs CAP_SYS_RESOURCE")
	}
	guesttest.Must(t, err)
	after, err := filesystem.Stat(t.Context(), mnt)
	guesttest.Must(t, err)
	if after.Bytes.Total < before.Bytes.Total+size*8/10 {
		t.Errorf("%d bytes, %d before", after.Bytes.Total, before.Bytes.Total)
	}
	guesttest.Must(t, g.Grow(t.Context(), mnt, 2*size))
	if err := g.Grow(t.Context(), mnt, size); !errors.Is(err, filesystem.ErrShrink) {
		t.Errorf("smaller: %v, want %v", err, filesystem.ErrShrink)
	}
}

func TestGrowXFS(t *testing.T) {
	testGrow(t, mounted(t, 320<<20, "mkfs.xfs", "-q"), 320<<20)
}

func TestGrowExt4(t *testing.T) {
	testGrow(t, mounted(t, 64<<20, "mkfs.ext4", "-q", "-F"), 64<<20)
}

// As the agent makes them for volumes of the pod.
func TestGrowExt4WithoutJournal(t *testing.T) {
	testGrow(t, mounted(t, 64<<20, "mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0", "-i", "163840", "-I", "128"), 64<<20)
}

func TestGrowRefuses(t *testing.T) {
	var g filesystem.Grower
	if err := g.Grow(t.Context(), "/proc", 1<<20); !errors.Is(err, filesystem.ErrUnsupported) {
		t.Errorf("got %v, want %v", err, filesystem.ErrUnsupported)
	}
	mnt := mounted(t, 16<<20, "mkfs.ext4", "-q", "-F")
	g.SysDir = t.TempDir()
	if err := g.Grow(t.Context(), mnt, 1<<20); !errors.Is(err, filesystem.ErrNoDevice) {
		t.Errorf("got %v, want %v", err, filesystem.ErrNoDevice)
	}
}

// TestLostDisk: a file system whose disk has left sysfs is lost, one that has none is not.
func TestLostDisk(t *testing.T) {
	sys := t.TempDir()
	for path, ofDisk := range map[string]bool{"/proc": false, t.TempDir(): true} {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		major, minor := unix.Major(st.Dev), unix.Minor(st.Dev)
		if ofDisk && major == 0 {
			t.Skipf("%s lies on no disk", path)
		}
		if lost, err := filesystem.Lost(t.Context(), sys, path); err != nil || lost != ofDisk {
			t.Errorf("%s without its disk: lost %v, %v; want %v", path, lost, err, ofDisk)
		}
		if err := os.MkdirAll(filepath.Join(sys, "dev/block", fmt.Sprintf("%d:%d", major, minor)), 0o755); err != nil {
			t.Fatal(err)
		}
		if lost, err := filesystem.Lost(t.Context(), sys, path); err != nil || lost {
			t.Errorf("%s with its disk: lost %v, %v; want false", path, lost, err)
		}
	}
}
