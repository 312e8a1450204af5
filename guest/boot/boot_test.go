// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

func TestEnabledControllers(t *testing.T) {
	table := "#subsys_name\thierarchy\tnum_cgroups\tenabled\n" +
		"cpuset\t0\t1\t1\ncpu\t0\t1\t1\nmemory\t0\t1\t0\ndebug\t0\t1\t1\nbroken\npids\t3\n" +
		"devices\t0\t1\t1\n"
	got := enabledControllers(table)
	if want := []string{"cpu", "cpuset", "devices"}; !slices.Equal(got, want) {
		t.Errorf("enabled: %q, want %q", got, want)
	}
}

// TestFavorMoves has a kernel that knows favordynmods, one that does not, and one that refuses the mount.
func TestFavorMoves(t *testing.T) {
	for _, test := range []struct {
		name string
		says []error // to one mount after the other
		want []string
		err  error
	}{
		{"Linux 6.0", []error{nil}, []string{"cpu,favordynmods"}, nil},
		{"before", []error{unix.EINVAL, nil}, []string{"cpu,favordynmods", "cpu"}, nil},
		{"no such controller", []error{unix.EINVAL, unix.EINVAL}, []string{"cpu,favordynmods", "cpu"}, unix.EINVAL},
		{"mounted by somebody else", []error{unix.EBUSY}, []string{"cpu,favordynmods"}, unix.EBUSY},
	} {
		t.Run(test.name, func(t *testing.T) {
			var data []string
			mount := favorMoves(func(_, _, _ string, _ uintptr, d string) error {
				data = append(data, d)
				return test.says[len(data)-1]
			})
			if err := mount("cgroup", "/sys/fs/cgroup/cpu", "cgroup", 0, "cpu"); !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if !slices.Equal(data, test.want) {
				t.Errorf("mounted with %q, want %q", data, test.want)
			}
		})
	}
}

// TestMakeReadOnly has the same file system mounted twice: only one of the mounts changes.
func TestMakeReadOnly(t *testing.T) {
	guesttest.NeedRoot(t, "to mount")
	there, here := t.TempDir(), t.TempDir()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine, and its mounts with it
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return err
			}
			for _, m := range []mountPoint{
				{"", "", "/", unix.MS_PRIVATE | unix.MS_REC, ""},
				{"tmpfs", "tmpfs", there, locked, "mode=755"},
				{"", there, here, unix.MS_BIND, ""},
			} {
				if err := unix.Mount(m.source, m.target, m.fsType, m.flags, m.data); err != nil {
					return err
				}
			}
			if err := makeReadOnly(here, locked); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(here, "file"), nil, 0o644); !errors.Is(err, unix.EROFS) {
				return fmt.Errorf("write to the mount: %v, want EROFS", err) //nolint:errorlint // it may be nil
			}
			var stat unix.Statfs_t
			if err := unix.Statfs(here, &stat); err != nil || stat.Flags&(unix.ST_NOSUID|unix.ST_NODEV|unix.ST_NOEXEC) == 0 {
				return fmt.Errorf("flags %x of the mount, error %v: want those it had", stat.Flags, err) //nolint:errorlint // it may be nil
			}
			return os.WriteFile(filepath.Join(there, "file"), nil, 0o644)
		}()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
