// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// run is a tmpfs in place of /run/kata-containers, and a mounter for it.
func run(t *testing.T) (string, *Mounter) {
	t.Helper()
	needsErofs(t)
	guesttest.NoLeak(t)
	dir := guesttest.Tmpfs(t)
	return dir, &Mounter{Volumes: &volume.Drivers{Mounts: mount.Mounter{Confined: []string{dir}}, RunDir: dir}}
}

func needsErofs(t *testing.T) {
	t.Helper()
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\terofs\n") {
		t.Skipf("this kernel has no erofs; the tests in virtual machines run this: %v", err)
	}
}

// group is a parsed group with its target below dir.
func group(t *testing.T, dir string, members ...volume.Storage) Group {
	t.Helper()
	for i := range members {
		members[i].MountPoint = dir + "/c/rootfs"
	}
	g, err := Parse(members)
	guesttest.Must(t, err)
	return g
}

// mounts are the mount points below dir, without dir.
func mounts(t *testing.T, dir string) []string {
	t.Helper()
	table, err := mount.Mounter{}.Table(dir)
	guesttest.Must(t, err)
	var out []string
	for _, i := range table {
		if i.Mountpoint != dir {
			out = append(out, i.Mountpoint)
		}
	}
	return out
}

// nothing checks that dir is as it was.
func nothing(t *testing.T, dir string, but ...string) {
	t.Helper()
	if left := mounts(t, dir); len(left) != 0 {
		t.Errorf("left mounted: %v", left)
	}
	entries, err := os.ReadDir(dir)
	guesttest.Must(t, err)
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func has(t *testing.T, name, want string) {
	t.Helper()
	if b, err := os.ReadFile(name); err != nil || string(b) != want {
		t.Errorf("%s: %q, %v; want %q", name, b, err, want)
	}
}

func TestUpperInMemory(t *testing.T) {
	dir, m := run(t)
	g := group(t, dir, lower("02/00", mkdirOption+"{{ mount 0 }}/upper/made:0755"), lower("03/00", mkdirOption+"{{ mount 2 }}/dir"))
	nodes := []string{erofstest.Loop(t, erofstest.Top), erofstest.Loop(t, erofstest.Bottom)}
	for range 2 { // what was written is gone with the container
		a, err := m.Mount(t.Context(), "c", g, nodes)
		guesttest.Must(t, err)
		root := dir + "/c/rootfs"
		has(t, root+"/word", "top")
		has(t, root+"/top", "top")
		has(t, root+"/bottom", "bottom")
		if _, err := os.Stat(root + "/dir/gone"); !os.IsNotExist(err) {
			t.Errorf("the upper layer's removal does not count: %v", err)
		}
		if fi, err := os.Stat(root + "/made"); err != nil || !fi.IsDir() {
			t.Errorf("%v, %v, want a directory", fi, err)
		}
		if _, err := os.Stat(root + "/written"); err == nil {
			t.Error("an older container's file")
		}
		guesttest.Must(t, os.WriteFile(root+"/written", nil, 0o600))
		guesttest.Must(t, os.WriteFile(root+"/word", []byte("changed"), 0o600))
		if fi, err := os.Stat(root); err != nil || fi.Mode().Perm() != 0o755 {
			t.Errorf("%v, %v, want mode 0755", fi, err)
		}
		// The overlay is all that is left in the mount table, and its target all in the
		// container's directory.
		if got := mounts(t, dir); len(got) != 1 || got[0] != root || a.MountPoint != root {
			t.Errorf("mounted: %v, %q", got, a.MountPoint)
		}
		if names, _ := os.ReadDir(dir + "/c"); len(names) != 1 {
			t.Errorf("in the container's directory: %v", names)
		}
		guesttest.Must(t, a.Release())
		guesttest.Must(t, a.Release())
		nothing(t, dir)
	}
}

// ext4 is a disk with an ext4 of these files; "name -> target" is a link.
func ext4(t *testing.T, entries ...string) string {
	t.Helper()
	node := erofstest.Blank(t, 16<<20)
	dir := t.TempDir()
	d := volume.Drivers{Mounts: mount.Mounter{Confined: []string{dir}}}
	a, err := d.MountDevice(t.Context(), node, volume.Storage{Driver: "blk", FSType: "ext4", MountPoint: dir + "/fill", DriverOptions: []string{"create_filesystem"}})
	if err != nil {
		t.Skipf("no ext4: %v", err)
	}
	for _, e := range entries {
		name, target, link := strings.Cut(e, " -> ")
		if link {
			err = os.Symlink(target, a.MountPoint+"/"+name)
		} else {
			err = os.WriteFile(a.MountPoint+"/"+name, []byte(name), 0o600)
		}
		guesttest.Must(t, err)
	}
	guesttest.Must(t, a.Release())
	return node
}

func TestUpperOnDisk(t *testing.T) {
	dir, m := run(t)
	g := group(t, dir, upper("noatime"), lower("02/00", mkdirOption+"{{ mount 0 }}/upper:0755", mkdirOption+"{{ mount 0 }}/work"))
	nodes := []string{ext4(t, "word"), erofstest.Loop(t, erofstest.Bottom)}
	for i, want := range []string{"bottom", "kept"} { // what was written stays on the disk
		a, err := m.Mount(t.Context(), "", g, nodes)
		guesttest.Must(t, err)
		has(t, dir+"/c/rootfs/word", want)
		guesttest.Must(t, os.WriteFile(dir+"/c/rootfs/word", []byte("kept"), 0o600))
		if got := mounts(t, dir); len(got) != 1 {
			t.Errorf("mounted: %v", got)
		}
		if i == 1 { // in use: it goes with its last user
			f, err := os.Open(dir + "/c/rootfs/word")
			guesttest.Must(t, err)
			defer f.Close()
		}
		guesttest.Must(t, a.Release())
		nothing(t, dir, "c")
	}
}

func TestManyLayers(t *testing.T) {
	dir, m := run(t)
	members := []volume.Storage{lower("02/00")}
	nodes := []string{erofstest.Loop(t, erofstest.Top)}
	for len(nodes) < 128 { // as many as a host sends; an overlay takes each layer once
		members = append(members, lower("03/00"))
		nodes = append(nodes, erofstest.Loop(t, erofstest.Bottom))
	}
	a, err := m.Mount(t.Context(), "c", group(t, dir, members...), nodes)
	guesttest.Must(t, err)
	has(t, dir+"/c/rootfs/word", "top")
	has(t, dir+"/c/rootfs/bottom", "bottom")
	guesttest.Must(t, a.Release())
	nothing(t, dir)
}
