// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/guest/storage/watchable"
	"golang.org/x/sys/unix"
)

// run is a tmpfs in place of /run/kata-containers, whose mounts go with it.
func run(t *testing.T) (string, *volume.Drivers) {
	t.Helper()
	guesttest.NoLeak(t)
	dir := guesttest.Tmpfs(t)
	m := mount.Mounter{Confined: []string{dir}}
	return dir, &volume.Drivers{Mounts: m, RunDir: dir, SysDir: dir + "/sys",
		Watches: &watchable.Set{Mounts: m, Roots: []string{dir + "/watchable"}}}
}

func stat(t *testing.T, p string) *syscall.Stat_t {
	t.Helper()
	fi, err := os.Lstat(p)
	guesttest.Must(t, err)
	return fi.Sys().(*syscall.Stat_t)
}

func mounted(t *testing.T, p string) bool {
	t.Helper()
	on, err := mount.Mounter{}.IsMounted(p)
	guesttest.Must(t, err)
	return on
}

// released checks that Release leaves nothing and may be repeated.
func released(t *testing.T, a volume.Attached) {
	t.Helper()
	guesttest.Must(t, a.Release())
	guesttest.Must(t, a.Release())
	if _, err := os.Lstat(a.MountPoint); !os.IsNotExist(err) {
		t.Errorf("%s after Release: %v", a.MountPoint, err)
	}
}

func TestEphemeralHonoursItsOptions(t *testing.T) {
	dir, d := run(t)
	shm := dir + "/sandbox/shm"
	a, err := d.Attach(t.Context(), "", volume.Storage{Driver: "ephemeral", Source: "shm", FSType: "tmpfs", MountPoint: shm,
		Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"}})
	guesttest.Must(t, err)
	var fs unix.Statfs_t
	guesttest.Must(t, unix.Statfs(shm, &fs))
	if fs.Blocks*uint64(fs.Bsize) != 64<<20 || fs.Flags&unix.MS_NOEXEC == 0 || stat(t, shm).Mode&0o7777 != 0o1777 {
		t.Errorf("size %d, flags %#x, mode %#o", fs.Blocks*uint64(fs.Bsize), fs.Flags, stat(t, shm).Mode)
	}
	if a.MountPoint != shm || !a.Keep || a.Warning != nil {
		t.Errorf("%+v", a)
	}
	released(t, a)
}

func TestEphemeralGroupAndStrangeOptions(t *testing.T) {
	dir, d := run(t)
	s := volume.Storage{Driver: "ephemeral", Source: "tmpfs", FSType: "tmpfs", MountPoint: dir + "/e", Options: []string{"fsgid=123"}}
	a, err := d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	if st := stat(t, s.MountPoint); st.Gid != 123 || st.Mode&0o7777 != 0o3777 {
		t.Errorf("group %d mode %#o", st.Gid, st.Mode)
	}
	guesttest.Must(t, d.UpdateEphemeral(volume.Storage{Driver: "ephemeral", MountPoint: s.MountPoint, Options: []string{"remount", "size=8M", "fsgid=123"}}))
	var fs unix.Statfs_t
	guesttest.Must(t, unix.Statfs(s.MountPoint, &fs))
	if fs.Blocks*uint64(fs.Bsize) != 8<<20 {
		t.Errorf("size %d", fs.Blocks*uint64(fs.Bsize))
	}
	released(t, a)

	s.Options = []string{"size=1M", "nosuchthing"}
	a, err = d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	if a.Warning == nil || !strings.Contains(a.Warning.Error(), "nosuchthing") {
		t.Errorf("warning %v, want an error with %q", a.Warning, "nosuchthing")
	}
	released(t, a)

	for _, bad := range []string{"fsgid=-1", "fsgid=4294967295", "size=nonsense"} {
		s.Options = []string{bad}
		if _, err := d.Attach(t.Context(), "c", s); err == nil || !strings.Contains(err.Error(), s.MountPoint) {
			t.Errorf("%s: %v, want an error with %q", bad, err, s.MountPoint)
		}
		if mounted(t, s.MountPoint) {
			t.Errorf("%s: left mounted", bad)
		}
	}
}

func TestUpdateEphemeral(t *testing.T) {
	dir, d := run(t)
	guesttest.Must(t, d.UpdateEphemeral(volume.Storage{Driver: "ephemeral", MountPoint: dir + "/new"}))
	if stat(t, dir+"/new").Mode&unix.S_IFDIR == 0 || mounted(t, dir+"/new") {
		t.Error("without options only the mount point is made")
	}
	err := d.UpdateEphemeral(volume.Storage{Driver: "local", MountPoint: dir + "/x"})
	if err == nil || !strings.HasPrefix(err.Error(), "Unsupported storage type for syncing mounts local. Only ephemeral") {
		t.Errorf("got %v, want that only ephemeral storage can be updated", err)
	}
}

// pool is a stand-in for sysfs: a pool of 2 MiB pages.
func pool(t *testing.T, dir, pages string) string {
	t.Helper()
	p := dir + "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	guesttest.Must(t, os.MkdirAll(filepath.Dir(p), 0o755))
	guesttest.Must(t, os.WriteFile(p, []byte(pages), 0o644))
	return p
}

func wantPages(t *testing.T, p, want string) {
	t.Helper()
	if b, err := os.ReadFile(p); err != nil || strings.TrimSpace(string(b)) != want {
		t.Errorf("nr_hugepages %q, %v; want %s", b, err, want)
	}
}

func TestHugePagesAreAddedAndGivenBack(t *testing.T) {
	dir, d := run(t)
	p := pool(t, dir, "3\n")
	s := volume.Storage{Driver: "ephemeral", Source: "nodev", FSType: "hugetlbfs", MountPoint: dir + "/h1",
		Options: []string{"pagesize=2097152,size=8388608"}}
	a, err := d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	wantPages(t, p, "7")
	s.MountPoint = dir + "/h2"
	b, err := d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	wantPages(t, p, "11")
	released(t, a)
	wantPages(t, p, "7")
	released(t, b)
	wantPages(t, p, "3")
}

func TestHugePagesFailure(t *testing.T) {
	dir, d := run(t)
	p := pool(t, dir, "3\n")
	s := volume.Storage{Driver: "ephemeral", Source: "nodev", FSType: "hugetlbfs", MountPoint: dir + "/h"}
	for _, o := range []string{"", "pagesize=2097152", "size=2097152", "pagesize=0,size=1", "pagesize=x,size=1", "pagesize=4096,size=4096",
		"pagesize=2097152,size=2097152,nosuchoption"} {
		s.Options = []string{o}
		if _, err := d.Attach(t.Context(), "c", s); err == nil {
			t.Errorf("%q was taken", o)
		}
		wantPages(t, p, "3")
	}
}

func TestLocal(t *testing.T) {
	dir, d := run(t)
	s := volume.Storage{Driver: "local", Source: "local", FSType: "local", MountPoint: dir + "/sb/rootfs/local/x", Options: []string{"mode=0777", "fsgid=9"}}
	a, err := d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	if st := stat(t, s.MountPoint); st.Gid != 9 || st.Mode&0o7777 != 0o2777 {
		t.Errorf("group %d mode %#o", st.Gid, st.Mode)
	}
	guesttest.Must(t, os.WriteFile(s.MountPoint+"/data", nil, 0o600))
	b, err := d.Attach(t.Context(), "c2", s)
	guesttest.Must(t, err)
	guesttest.Must(t, b.Release())
	guesttest.Must(t, a.Release())
	if _, err := os.Stat(s.MountPoint + "/data"); err != nil {
		t.Error("the pod's data went:", err)
	}
	guesttest.Must(t, os.Remove(s.MountPoint+"/data"))
	released(t, a)
	if !a.Keep {
		t.Error("an emptyDir must outlive its container")
	}
	for _, bad := range []string{"mode=9", "mode=77777", "fsgid=x"} {
		s.Options = []string{bad}
		if _, err := d.Attach(t.Context(), "c", s); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	s.Options = []string{"mode=0700=0777"}
	a, err = d.Attach(t.Context(), "c", s)
	guesttest.Must(t, err)
	released(t, a)
}

func TestOverlay(t *testing.T) {
	dir, d := run(t)
	guesttest.Must(t, os.MkdirAll(dir+"/lower", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/lower/f", []byte("lower"), 0o644))
	s := volume.Storage{Driver: "overlayfs", Source: "none", FSType: "fuse.whatever", MountPoint: dir + "/cid/rootfs",
		Options:       []string{"lowerdir=" + dir + "/lower", "io.katacontainers.fs-opt.overlay-rw"},
		DriverOptions: []string{"io.katacontainers.volume.overlayfs.create_directory=" + dir + "/extra/deep", "other"}}
	a, err := d.Attach(t.Context(), "cid", s)
	guesttest.Must(t, err)
	guesttest.Must(t, os.WriteFile(s.MountPoint+"/f", []byte("upper"), 0o644))
	if b, _ := os.ReadFile(dir + "/lower/f"); string(b) != "lower" {
		t.Error("written to the lower layer")
	}
	if _, err := os.Stat(dir + "/extra/deep"); err != nil {
		t.Error(err)
	}
	released(t, a)
	names, _ := os.ReadDir(dir + "/cid")
	if len(names) != 0 {
		t.Errorf("left in the container's directory: %v", names)
	}
	for _, cid := range []string{"", "..", "a/b"} {
		if _, err := d.Attach(t.Context(), cid, s); err == nil {
			t.Errorf("container id %q was taken", cid)
		}
	}
	// A failed mount takes upper and work directories away again.
	s.Options[0] = "lowerdir=" + dir + "/missing"
	if _, err := d.Attach(t.Context(), "cid", s); err == nil {
		t.Error("no lower layer")
	}
	if names, _ := os.ReadDir(dir + "/cid"); len(names) != 0 {
		t.Errorf("left after a failure: %v", names)
	}
}

func TestBindAndGroup(t *testing.T) {
	dir, d := run(t)
	guesttest.Must(t, os.MkdirAll(dir+"/src", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/src/f", nil, 0o600))
	s := volume.Storage{Driver: "bind", Source: dir + "/src", FSType: "bind", MountPoint: dir + "/dst", FSGroup: &fsgroup.Group{ID: 44}}
	a, err := d.Attach(t.Context(), "", s)
	guesttest.Must(t, err)
	if st := stat(t, dir+"/src/f"); st.Gid != 44 || st.Mode&0o7777 != 0o660 {
		t.Errorf("group %d mode %#o", st.Gid, st.Mode)
	}
	released(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.FSGroup.ID = 45
	if _, err := d.Attach(ctx, "", s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if mounted(t, s.MountPoint) {
		t.Error("a failed attach left its mount")
	}
	s.FSGroup, s.Options = &fsgroup.Group{ID: 46}, []string{"ro"}
	a, err = d.Attach(t.Context(), "", s)
	guesttest.Must(t, err)
	if st := stat(t, dir+"/src/f"); st.Gid == 46 {
		t.Error("a read-only volume was changed")
	}
	released(t, a)
}

func TestSharedMountedBeforeStays(t *testing.T) {
	dir, d := run(t)
	guesttest.Must(t, os.Mkdir(dir+"/shared", 0o755))
	guesttest.Must(t, unix.Mount("x", dir+"/shared", "tmpfs", 0, ""))
	a, err := d.Attach(t.Context(), "", volume.Storage{Driver: "virtio-fs", Source: "kataShared", FSType: "virtiofs", MountPoint: dir + "/shared", Options: []string{"nodev"}})
	guesttest.Must(t, err)
	guesttest.Must(t, a.Release())
	if !mounted(t, dir+"/shared") {
		t.Error("the share was taken away")
	}
}

func TestUnknownDriver(t *testing.T) {
	_, d := run(t)
	for _, name := range []string{"", "nosuch", "EPHEMERAL"} {
		if _, err := d.Attach(t.Context(), "c", volume.Storage{Driver: name, MountPoint: "/x"}); !errors.Is(err, volume.ErrDriver) {
			t.Errorf("%q: %v, want %v", name, err, volume.ErrDriver)
		}
	}
}

// unannounced are drivers that hosts are not told of, and why.
var unannounced = map[string]string{
	volume.TrustedStore: "a container asks for it by a device, no host by a storage",
}

// TestEveryDriverIsAnnounced: a driver that GetGuestDetails does not name, or that the document does not
// know, is a driver that nobody will use.
func TestEveryDriverIsAnnounced(t *testing.T) {
	const name = "docs/storage.md"
	doc, err := os.ReadFile("../../../" + name)
	if _, tree := os.Stat("../../../go.mod"); tree != nil {
		t.Skip("the source tree is not here, as in the machines that run this package's tests")
	}
	guesttest.Must(t, err)
	for _, d := range volume.Registered() {
		if why := unannounced[d.Name]; d.Announced == (why != "") {
			t.Errorf("driver %s: announced %t, want %t (Announced in the list, or unannounced here with the reason)", d.Name, d.Announced, why == "")
		}
		if !bytes.Contains(doc, []byte("`"+d.Name+"`")) {
			t.Errorf("driver %s is not in %s", d.Name, name)
		}
	}
}

// Each driver of the list is found, takes what its kind says and nothing else, and refuses to
// work outside its roots.
func TestRegisteredDrivers(t *testing.T) {
	dir, d := run(t)
	all := volume.Registered()
	if !slices.IsSortedFunc(all, func(a, b volume.Driver) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted by name, as GetGuestDetails announces it")
	}
	for _, driver := range all {
		if found, ok := volume.Find(driver.Name); !ok || found.Kind != driver.Kind {
			t.Errorf("%q: found %+v, want %+v", driver.Name, found, driver)
		}
		_, err := d.Attach(t.Context(), "c", volume.Storage{Driver: driver.Name, MountPoint: dir + "/x", FSType: "nosuchfs", Source: dir + "/no", Options: []string{"mode=x"}})
		if err == nil || errors.Is(err, volume.ErrDriver) != (driver.Kind != volume.Direct) {
			t.Errorf("attach with %q, of kind %d: %v, want %v only for those that need a device", driver.Name, driver.Kind, err, volume.ErrDriver)
		}
	}
}

// No storage covers what the guest itself needs, whatever its driver.
func TestMountPointOutsideTheRoots(t *testing.T) {
	dir, d := run(t)
	outside := t.TempDir()
	for _, driver := range volume.Registered() {
		if driver.Roots == volume.NoRoots {
			continue
		}
		for _, target := range []string{outside + "/x", "/etc", dir, dir + "/../x", dir + "/a/../../etc", "relative", "", dir + "x/y"} {
			s := volume.Storage{Driver: driver.Name, Source: "tmpfs", FSType: "tmpfs", MountPoint: target}
			_, err := d.MountDevice(t.Context(), "/dev/null", s)
			if driver.Kind == volume.Direct {
				_, err = d.Attach(t.Context(), "c", s)
			}
			if !errors.Is(err, volume.ErrRoot) {
				t.Errorf("%s at %q: %v, want %v", driver.Name, target, err, volume.ErrRoot)
			}
		}
	}
	err := d.UpdateEphemeral(volume.Storage{Driver: "ephemeral", MountPoint: outside + "/x"})
	if !errors.Is(err, volume.ErrRoot) {
		t.Errorf("update: %v, want %v", err, volume.ErrRoot)
	}
	if names, _ := os.ReadDir(outside); len(names) != 0 {
		t.Errorf("outside was changed: %v", names)
	}
	var onTheSystem volume.Drivers
	for _, target := range []string{"/run/kata-containers/sandbox/shm", "/run/user/1000/run/kata-containers/shared/"} {
		if _, err := onTheSystem.Driver(volume.Storage{Driver: "virtio-fs", MountPoint: target}); err != nil {
			t.Errorf("%s: %v, want it to be allowed", target, err)
		}
	}
}

func TestWatchable(t *testing.T) {
	dir, d := run(t)
	guesttest.Must(t, os.MkdirAll(dir+"/watchable", 0o755))
	guesttest.Must(t, os.MkdirAll(dir+"/cm", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/cm/key", []byte("v"), 0o644))
	s := volume.Storage{Driver: "watchable-bind", Source: dir + "/cm", FSType: "bind", MountPoint: dir + "/watchable/cm"}
	a, err := d.Attach(t.Context(), "", s)
	guesttest.Must(t, err)
	guesttest.Must(t, a.Release())
	a, err = d.Attach(t.Context(), "cid", s)
	guesttest.Must(t, err)
	if b, _ := os.ReadFile(s.MountPoint + "/key"); string(b) != "v" {
		t.Errorf("%q", b)
	}
	released(t, a)
	guesttest.Must(t, d.Watches.Close(t.Context()))
}

// A container that can write to the tree a later mount point lies in gets no mount
// elsewhere out of it.
func TestHostileMountPoint(t *testing.T) {
	dir, d := run(t)
	outside := t.TempDir()
	guesttest.Must(t, os.Symlink(outside, dir+"/link"))
	guesttest.Must(t, os.MkdirAll(dir+"/src", 0o755))
	for _, s := range []volume.Storage{
		{Driver: "ephemeral", Source: "tmpfs", FSType: "tmpfs", MountPoint: dir + "/link/x"},
		{Driver: "local", MountPoint: dir + "/link/x", Options: []string{"mode=0777"}},
		{Driver: "local", MountPoint: dir + "/link", Options: []string{"mode=0777"}},
		{Driver: "bind", Source: dir + "/src", FSType: "bind", MountPoint: dir + "/link/x"},
		{Driver: "bind", Source: dir + "/link", FSType: "bind", MountPoint: dir + "/x"},
		{Driver: "overlayfs", Source: "o", FSType: "overlay", MountPoint: dir + "/o",
			DriverOptions: []string{"io.katacontainers.volume.overlayfs.create_directory=" + dir + "/link/x"}},
	} {
		if _, err := d.Attach(t.Context(), "c", s); err == nil {
			t.Errorf("%+v was attached", s)
		}
	}
	if names, _ := os.ReadDir(outside); len(names) != 0 || stat(t, outside).Mode&0o777 == 0o777 {
		t.Errorf("outside was changed: %v", names)
	}
}
