// SPDX-License-Identifier: Apache-2.0

package mount_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"golang.org/x/sys/unix"
)

// tree is a tmpfs of the test's own, confined, whose mounts go with it.
func tree(t *testing.T) (string, mount.Mounter) {
	t.Helper()
	guesttest.NoLeak(t)
	dir := guesttest.Tmpfs(t)
	return dir, mount.Mounter{Confined: []string{dir}}
}

func flagsOf(t *testing.T, p string) int64 {
	t.Helper()
	var st unix.Statfs_t
	guesttest.Must(t, unix.Statfs(p, &st))
	return int64(st.Flags)
}

func TestMountAndUndo(t *testing.T) {
	dir, m := tree(t)
	target := dir + "/a/b c\\d/vol"
	made, err := m.Mount(mount.Spec{Source: "tmpfs", Target: target, FSType: "tmpfs", Options: []string{"nosuid", "nodev", "size=1M", "mode=0750"}})
	guesttest.Must(t, err)
	if want := (mount.Made{Target: target, Mounted: true, Created: true}); made != want {
		t.Errorf("made %+v, want %+v", made, want)
	}
	if on, err := m.IsMounted(target); err != nil || !on {
		t.Errorf("IsMounted: %v, %v", on, err)
	}
	if f := flagsOf(t, target); f&unix.MS_NOSUID == 0 || f&unix.MS_NODEV == 0 {
		t.Errorf("flags %#x", f)
	}
	again, err := m.Mount(mount.Spec{Source: "tmpfs", Target: target, FSType: "tmpfs"})
	guesttest.Must(t, err)
	if again.Mounted || again.Created {
		t.Errorf("the same mount was made twice: %+v", again)
	}
	guesttest.Must(t, m.Undo(again))
	guesttest.Must(t, m.Undo(made))
	guesttest.Must(t, m.Undo(made))
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Errorf("mount point after Undo: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(target)); err != nil {
		t.Errorf("the parent went too: %v", err)
	}
}

func TestMountFailureLeavesNothing(t *testing.T) {
	dir, m := tree(t)
	target := dir + "/vol"
	for _, s := range []mount.Spec{
		{Source: "x", Target: target, FSType: "nosuchfs"},
		{Source: "tmpfs", Target: target, FSType: "tmpfs", Options: []string{"nosuchoption"}},
		{Source: "tmpfs", Target: target, FSType: "tmpfs", Options: []string{"mode=" + strings.Repeat("0", 5000)}},
		{Source: dir + "/missing", Target: target, FSType: "bind", Options: []string{"bind"}},
	} {
		made, err := m.Mount(s)
		if err == nil || !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), s.Source) {
			t.Errorf("%+v: %v, want an error with %q and %q", s, err, target, s.Source)
		}
		if made != (mount.Made{}) {
			t.Errorf("%+v: made %+v", s, made)
		}
		if _, err := os.Lstat(target); !os.IsNotExist(err) {
			t.Errorf("%+v: mount point left: %v", s, err)
		}
	}
	for _, s := range []mount.Spec{{}, {Source: "a", FSType: "tmpfs"}, {Source: "a", Target: "/x"}} {
		if _, err := m.Mount(s); !errors.Is(err, mount.ErrIncomplete) {
			t.Errorf("%+v: %v, want %v", s, err, mount.ErrIncomplete)
		}
	}
	for _, bad := range []string{"rel", "/", dir + "/../x", "/a/.."} {
		if _, err := m.Mount(mount.Spec{Source: "tmpfs", Target: bad, FSType: "tmpfs"}); !errors.Is(err, mount.ErrTarget) {
			t.Errorf("%q: %v, want %v", bad, err, mount.ErrTarget)
		}
	}
}

func TestMountFollowsNoLinkBelowConfined(t *testing.T) {
	dir, m := tree(t)
	outside := t.TempDir()
	guesttest.Must(t, os.Mkdir(outside+"/vol", 0o755))
	guesttest.Must(t, os.Symlink(outside, dir+"/link"))
	guesttest.Must(t, os.Symlink(outside+"/vol", dir+"/final"))
	guesttest.Must(t, os.WriteFile(outside+"/secret", nil, 0o600))
	for _, target := range []string{dir + "/link/vol", dir + "/final", dir + "/link/new"} {
		if _, err := m.Mount(mount.Spec{Source: "tmpfs", Target: target, FSType: "tmpfs"}); !errors.Is(err, unix.ELOOP) {
			t.Errorf("mount on %s: %v, want %v", target, err, unix.ELOOP)
		}
	}
	if _, err := m.Mount(mount.Spec{Source: dir + "/link/secret", Target: dir + "/got", FSType: "bind"}); !errors.Is(err, unix.EXDEV) {
		t.Errorf("bind from outside: %v, want %v", err, unix.EXDEV)
	}
	if err := m.RemoveTarget(dir + "/link/vol"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("remove through a link: %v, want %v", err, unix.ELOOP)
	}
	if err := m.Unmount(dir + "/link/vol"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("unmount through a link: %v, want %v", err, unix.ELOOP)
	}
	infos, err := m.Table(outside)
	guesttest.Must(t, err)
	if len(infos) != 0 {
		t.Errorf("mounted outside: %v", infos[0].Mountpoint)
	}
}

func TestBind(t *testing.T) {
	dir, m := tree(t)
	guesttest.Must(t, os.WriteFile(dir+"/file", []byte("x"), 0o644))
	guesttest.Must(t, os.MkdirAll(dir+"/src", 0o755))
	for _, src := range []string{"file", "src"} {
		target := dir + "/to/" + src
		made, err := m.Mount(mount.Spec{Source: dir + "/" + src, Target: target, FSType: "bind", Options: []string{"bind", "ro", "nosuid", "rslave"}})
		guesttest.Must(t, err)
		if f := flagsOf(t, target); f&unix.MS_RDONLY == 0 || f&unix.MS_NOSUID == 0 {
			t.Errorf("%s: a bind with ro has flags %#x", src, f)
		}
		if f := flagsOf(t, dir); f&unix.MS_RDONLY != 0 {
			t.Fatal("ro went to the source's file system")
		}
		guesttest.Must(t, m.Undo(made))
		if _, err := os.Lstat(target); !os.IsNotExist(err) {
			t.Errorf("%s: mount point left: %v", src, err)
		}
	}
}

func TestPropagationIsACallOfItsOwn(t *testing.T) {
	dir, m := tree(t)
	_, err := m.Mount(mount.Spec{Source: "tmpfs", Target: dir + "/s", FSType: "tmpfs", Options: []string{"noexec", "rshared"}})
	guesttest.Must(t, err)
	infos, err := m.Table(dir + "/s")
	guesttest.Must(t, err)
	if len(infos) != 1 || infos[0].FSType != "tmpfs" || !strings.Contains(infos[0].Optional, "shared:") {
		t.Errorf("table %+v", infos)
	}
}

func TestSharedSourceMountedBefore(t *testing.T) {
	dir, m := tree(t)
	target := dir + "/shared"
	guesttest.Must(t, os.Mkdir(target, 0o755))
	guesttest.Must(t, unix.Mount("other", target, "tmpfs", 0, ""))
	made, err := m.Mount(mount.Spec{Source: mount.SharedSource, Target: target, FSType: "virtiofs"})
	guesttest.Must(t, err)
	guesttest.Must(t, m.Undo(made))
	if on, err := m.IsMounted(target); !on || err != nil {
		t.Errorf("the share mounted before was taken away: %v", err)
	}
	if _, err := m.Mount(mount.Spec{Source: "tmpfs", Target: target, FSType: "tmpfs"}); err != nil {
		t.Errorf("another source over it: %v", err)
	}
	infos, err := m.Table(target)
	guesttest.Must(t, err)
	if len(infos) != 2 {
		t.Errorf("%d mounts: another source of the same type counts as another mount", len(infos))
	}
}

func TestUnmountBusyDetaches(t *testing.T) {
	dir, m := tree(t)
	made, err := m.Mount(mount.Spec{Source: "tmpfs", Target: dir + "/busy", FSType: "tmpfs"})
	guesttest.Must(t, err)
	f, err := os.Create(dir + "/busy/held")
	guesttest.Must(t, err)
	defer f.Close()
	guesttest.Must(t, m.Undo(made))
	if on, _ := m.IsMounted(dir + "/busy"); on {
		t.Error("still mounted")
	}
	if _, err := f.WriteString("goes on"); err != nil {
		t.Error(err)
	}
}

func TestRemoveTargetKeepsData(t *testing.T) {
	dir, m := tree(t)
	guesttest.Must(t, os.MkdirAll(dir+"/full/x", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/file", []byte("data"), 0o644))
	guesttest.Must(t, os.MkdirAll(dir+"/mounted", 0o755))
	guesttest.Must(t, unix.Mount("tmpfs", dir+"/mounted", "tmpfs", 0, ""))
	for _, name := range []string{"full", "file", "mounted", "missing", "missing/too"} {
		guesttest.Must(t, m.RemoveTarget(filepath.Join(dir, name)))
	}
	for _, name := range []string{"full/x", "file", "mounted"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestRemountTmpfs(t *testing.T) {
	dir, m := tree(t)
	target := dir + "/eph"
	_, err := m.Mount(mount.Spec{Source: "tmpfs", Target: target, FSType: "tmpfs", Options: []string{"nosuid", "size=1M"}})
	guesttest.Must(t, err)
	guesttest.Must(t, m.RemountTmpfs(target, []string{"remount", "size=2M", "fsgid=7"}))
	var st unix.Statfs_t
	guesttest.Must(t, unix.Statfs(target, &st))
	if got := st.Blocks * uint64(st.Bsize); got != 2<<20 {
		t.Errorf("size %d", got)
	}
	if st.Flags&unix.MS_NOSUID == 0 {
		t.Error("a new size took nosuid away")
	}
	guesttest.Must(t, m.RemountTmpfs(target, []string{"size=4M"}))
	guesttest.Must(t, os.Mkdir(dir+"/plain", 0o755))
	if err := m.RemountTmpfs(dir+"/plain", []string{"remount", "size=1M"}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("remount of a plain directory: %v, want %v", err, unix.EINVAL)
	}
}

// More layers than one page of options holds, with a colon in a name.
func TestOverlayOfManyLayers(t *testing.T) {
	dir, m := tree(t)
	var layers []string
	for i := range 60 {
		l := fmt.Sprintf("%s/layers/%s%02d", dir, strings.Repeat("n", 80), i)
		if i == 59 {
			l += ":x"
		}
		guesttest.Must(t, os.MkdirAll(l, 0o755))
		guesttest.Must(t, os.WriteFile(l+"/f"+fmt.Sprint(i), nil, 0o644))
		layers = append(layers, strings.ReplaceAll(l, ":", `\:`))
	}
	guesttest.Must(t, os.Mkdir(dir+"/u", 0o755))
	guesttest.Must(t, os.Mkdir(dir+"/w", 0o755))
	made, err := m.Mount(mount.Spec{Source: "none", Target: dir + "/root", FSType: "overlay", Options: []string{
		"lowerdir=" + strings.Join(layers, ":"), "upperdir=" + dir + "/u", "workdir=" + dir + "/w", "nosuid", "io.katacontainers.fs-opt.overlay-rw"}})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		t.Skip("kernel without lowerdir+:", err)
	}
	guesttest.Must(t, err)
	names, err := os.ReadDir(dir + "/root")
	guesttest.Must(t, err)
	if len(names) != 60 {
		t.Errorf("%d files of 60 layers", len(names))
	}
	if flagsOf(t, dir+"/root")&unix.MS_NOSUID == 0 {
		t.Error("nosuid was lost")
	}
	guesttest.Must(t, m.Undo(made))
}

func TestTableReadsProc(t *testing.T) {
	proc := t.TempDir()
	guesttest.Must(t, os.Mkdir(proc+"/self", 0o755))
	line := "36 35 98:0 / /run/a\\040b\\134c rw,noatime shared:1 - ext4 /dev/vda rw\n"
	guesttest.Must(t, os.WriteFile(proc+"/self/mountinfo", []byte(line), 0o644))
	m := mount.Mounter{Proc: proc}
	if on, err := m.IsMounted(`/run/a b\c/`); !on || err != nil {
		t.Errorf("%v, %v, want true", on, err)
	}
	if on, err := m.IsMounted(`/run/a`); on || err != nil {
		t.Errorf("a prefix counts as mounted: %v, %v", on, err)
	}
}
