// SPDX-License-Identifier: Apache-2.0

package layers

import (
	"context"
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/devicemapper"
	"github.com/kata-containers/kata-agent/guest/layers/layerstest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/volume"
	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run is a tmpfs in place of /run/kata-containers, and a mounter for it.
func run(t *testing.T) (string, *Mounter) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	needsErofs(t)
	before := descriptors(t)
	t.Cleanup(func() {
		if after := descriptors(t); after > before {
			t.Errorf("%d descriptors open, %d before", after, before)
		}
	})
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	must(t, unix.Mount("", dir, "", unix.MS_PRIVATE, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir, &Mounter{Volumes: &volume.Drivers{Mounts: mount.Mounter{Confined: []string{dir}}, RunDir: dir}}
}

func needsErofs(t *testing.T) {
	t.Helper()
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\terofs\n") {
		t.Skipf("this kernel has no erofs; the tests in virtual machines run this: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(names)
}

// group is a parsed group with its target below dir.
func group(t *testing.T, dir string, members ...volume.Storage) Group {
	t.Helper()
	for i := range members {
		members[i].MountPoint = dir + "/c/rootfs"
	}
	g, err := Parse(members)
	must(t, err)
	return g
}

// mounts are the mount points below dir, without dir.
func mounts(t *testing.T, dir string) []string {
	t.Helper()
	table, err := mount.Mounter{}.Table(dir)
	must(t, err)
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
	must(t, err)
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
	nodes := []string{layerstest.Loop(t, layerstest.Top), layerstest.Loop(t, layerstest.Bottom)}
	for range 2 { // what was written is gone with the container
		a, err := m.Mount(t.Context(), "c", g, nodes)
		must(t, err)
		root := dir + "/c/rootfs"
		has(t, root+"/word", "top")
		has(t, root+"/top", "top")
		has(t, root+"/bottom", "bottom")
		if _, err := os.Stat(root + "/dir/gone"); !os.IsNotExist(err) {
			t.Errorf("the upper layer's removal does not count: %v", err)
		}
		if fi, err := os.Stat(root + "/made"); err != nil || !fi.IsDir() {
			t.Error(err)
		}
		if _, err := os.Stat(root + "/written"); err == nil {
			t.Error("an older container's file")
		}
		must(t, os.WriteFile(root+"/written", nil, 0o600))
		must(t, os.WriteFile(root+"/word", []byte("changed"), 0o600))
		if fi, err := os.Stat(root); err != nil || fi.Mode().Perm() != 0o755 {
			t.Error(fi.Mode(), err)
		}
		// The overlay is all that is left in the mount table, and its target all in the
		// container's directory.
		if got := mounts(t, dir); len(got) != 1 || got[0] != root || a.MountPoint != root {
			t.Errorf("mounted: %v, %q", got, a.MountPoint)
		}
		if names, _ := os.ReadDir(dir + "/c"); len(names) != 1 {
			t.Errorf("in the container's directory: %v", names)
		}
		must(t, a.Release())
		must(t, a.Release())
		nothing(t, dir)
	}
}

// ext4 is a disk with an ext4 of these files; "name -> target" is a link.
func ext4(t *testing.T, entries ...string) string {
	t.Helper()
	node := layerstest.Blank(t, 16<<20)
	d := volume.Drivers{Mounts: mount.Mounter{}}
	a, err := d.MountDevice(t.Context(), node, volume.Storage{Driver: "blk", FSType: "ext4", MountPoint: t.TempDir() + "/fill", DriverOptions: []string{"create_filesystem"}})
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
		must(t, err)
	}
	must(t, a.Release())
	return node
}

func TestUpperOnDisk(t *testing.T) {
	dir, m := run(t)
	g := group(t, dir, upper("noatime"), lower("02/00", mkdirOption+"{{ mount 0 }}/upper:0755", mkdirOption+"{{ mount 0 }}/work"))
	nodes := []string{ext4(t, "word"), layerstest.Loop(t, layerstest.Bottom)}
	for i, want := range []string{"bottom", "kept"} { // what was written stays on the disk
		a, err := m.Mount(t.Context(), "", g, nodes)
		must(t, err)
		has(t, dir+"/c/rootfs/word", want)
		must(t, os.WriteFile(dir+"/c/rootfs/word", []byte("kept"), 0o600))
		if got := mounts(t, dir); len(got) != 1 {
			t.Errorf("mounted: %v", got)
		}
		if i == 1 { // in use: it goes with its last user
			f, err := os.Open(dir + "/c/rootfs/word")
			must(t, err)
			defer f.Close()
		}
		must(t, a.Release())
		nothing(t, dir, "c")
	}
}

func TestManyLayers(t *testing.T) {
	dir, m := run(t)
	members := []volume.Storage{lower("02/00")}
	nodes := []string{layerstest.Loop(t, layerstest.Top)}
	for len(nodes) < 128 { // as many as a host sends; an overlay takes each layer once
		members = append(members, lower("03/00"))
		nodes = append(nodes, layerstest.Loop(t, layerstest.Bottom))
	}
	a, err := m.Mount(t.Context(), "c", group(t, dir, members...), nodes)
	must(t, err)
	has(t, dir+"/c/rootfs/word", "top")
	has(t, dir+"/c/rootfs/bottom", "bottom")
	must(t, a.Release())
	nothing(t, dir)
}

// verityTable is any that makes sense.
func verityTable() []string {
	return []string{checkedOption + "=true", verityPrefix + "roothash=" + hash, verityPrefix + "hashoffset=4096"}
}

func TestFailureLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		member func() volume.Storage // the second lower layer
		node   func(t *testing.T) string
		change func(t *testing.T, dir string, m *Mounter, nodes []string)
		want   string
	}{
		"no image": {node: func(t *testing.T) string { return layerstest.Blank(t, 1<<20) }, want: "as erofs"},
		"no disk":  {node: func(*testing.T) string { return "/dev/no-such-disk" }, want: "no-such-disk"},
		"no upper": {change: func(t *testing.T, _ string, _ *Mounter, nodes []string) {
			nodes[0] = layerstest.Blank(t, 1<<20)
		}, want: "as ext4"},
		"unchecked": {
			member: func() volume.Storage { return part("1", verityTable()...) },
			change: func(_ *testing.T, _ string, m *Mounter, _ []string) {
				m.openVerity = func(string, devicemapper.Verity) (mapping, error) { return mapping{}, broken }
			}, want: "broken",
		},
		"no device-mapper": {
			member: func() volume.Storage { return part("1", verityTable()...) },
			change: func(t *testing.T, _ string, m *Mounter, _ []string) { m.Devices.Dev = t.TempDir() },
			want:   devicemapper.ErrUnavailable.Error(),
		},
		"directory in a read-only layer": {member: func() volume.Storage { return lower("02/00", mkdirOption+"{{ mount 1 }}/new") }, want: "read-only"},
		"target is a file": {change: func(t *testing.T, dir string, _ *Mounter, _ []string) {
			must(t, os.WriteFile(dir+"/c", nil, 0o600))
		}, want: "not a directory"},
		"target is a link": {change: func(t *testing.T, dir string, _ *Mounter, _ []string) {
			must(t, os.Mkdir(dir+"/c", 0o755))
			must(t, os.Symlink("/mnt", dir+"/c/rootfs"))
		}, want: "symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, m := run(t)
			second := lower("02/00")
			if tt.member != nil {
				second = tt.member()
			}
			nodes := []string{ext4(t), layerstest.Loop(t, layerstest.Bottom), layerstest.Loop(t, layerstest.Bottom)}
			if tt.node != nil {
				nodes[2] = tt.node(t)
			}
			if tt.change != nil {
				tt.change(t, dir, m, nodes)
			}
			_, err := m.Mount(t.Context(), "c", group(t, dir, upper(), lower("02/00"), second), nodes)
			if !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			os.Remove(dir + "/c/rootfs")
			os.Remove(dir + "/c")
			nothing(t, dir)
		})
	}
}

func TestGivenUp(t *testing.T) {
	dir, m := run(t)
	ctx, cancel := context.WithCancel(t.Context())
	closed := 0
	// The caller goes while a layer is being opened.
	m.openVerity = func(node string, _ devicemapper.Verity) (mapping, error) {
		cancel()
		return mapping{node, func() error { closed++; return nil }}, nil
	}
	g := group(t, dir, part("1", verityTable()...))
	if _, err := m.Mount(ctx, "c", g, []string{layerstest.Loop(t, layerstest.Top)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if closed != 1 {
		t.Errorf("the mapping was closed %d times", closed)
	}
	nothing(t, dir)
	if _, err := m.Mount(t.Context(), "c", g, nil); err == nil {
		t.Error("a layer without a device")
	}
	for _, id := range []string{"..", "a/b", "."} {
		if _, err := m.Mount(t.Context(), id, g, []string{"/dev/x"}); err == nil {
			t.Errorf("container id %q was taken", id)
		}
	}
	nothing(t, dir)
}

// A mapping is closed when the overlay is gone, not before, and on a failure after the
// layer is unmounted.
func TestMappingsOutliveTheOverlay(t *testing.T) {
	dir, m := run(t)
	node := layerstest.Loop(t, layerstest.Top)
	closed := 0
	m.openVerity = func(from string, v devicemapper.Verity) (mapping, error) {
		if from != "/dev/disk" || v.RootHash != hash {
			t.Errorf("opened %s, %+v", from, v)
		}
		return mapping{node, func() error {
			if left := mounts(t, dir); len(left) != 0 {
				t.Errorf("closed under %v", left)
			}
			closed++
			return nil
		}}, nil
	}
	g := group(t, dir, part("1", verityTable()...))
	a, err := m.Mount(t.Context(), "c", g, []string{"/dev/disk"})
	must(t, err)
	has(t, a.MountPoint+"/word", "top")
	if closed != 0 {
		t.Error("closed under the overlay")
	}
	must(t, a.Release())
	g = group(t, dir, part("1", append(verityTable(), mkdirOption+"{{ mount 1 }}/new")...))
	if _, err := m.Mount(t.Context(), "c", g, []string{"/dev/disk"}); err == nil {
		t.Error("a directory in a read-only layer")
	}
	if closed != 2 {
		t.Errorf("closed %d mappings of 2", closed)
	}
	nothing(t, dir)
}

// The writable disk comes from the host: links on it lead nowhere.
func TestHostileUpper(t *testing.T) {
	dir, m := run(t)
	outside := t.TempDir()
	lowerNode := layerstest.Loop(t, layerstest.Bottom)
	for _, tt := range []struct {
		entries []string
		mkdir   string
		want    error
	}{
		{entries: []string{"upper -> " + outside}, want: unix.ELOOP},
		{entries: []string{"work -> " + outside}, want: unix.ELOOP},
		{entries: []string{"upper -> ."}, want: unix.ELOOP},
		{entries: []string{"upper"}, want: unix.ENOTDIR},
		{entries: []string{"way -> " + outside}, mkdir: "{{ mount 0 }}/way/in", want: unix.ENOENT}, // a link to nothing below its root
		{entries: []string{"way -> /proc/self/root/" + outside}, mkdir: "{{ mount 0 }}/way/in", want: unix.ENOENT},
		{entries: []string{"way -> ../../../.." + outside}, mkdir: "{{ mount 0 }}/way/in", want: unix.ENOENT},
		{entries: []string{"way -> /"}, mkdir: "{{ mount 0 }}/way/in"}, // its own root
	} {
		options := []string{}
		if tt.mkdir != "" {
			options = append(options, mkdirOption+tt.mkdir)
		}
		a, err := m.Mount(t.Context(), "c", group(t, dir, upper(options...), lower("02/00")), []string{ext4(t, tt.entries...), lowerNode})
		if tt.want == nil {
			must(t, err)
			must(t, a.Release())
		} else if !errors.Is(err, tt.want) && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%q: %v, want %v", tt.entries, err, tt.want)
		}
		nothing(t, dir)
		if names, _ := os.ReadDir(outside); len(names) != 0 {
			t.Fatalf("%q led outside: %v", tt.entries, names)
		}
	}
}

// The real device-mapper and a partitioned disk, as a host sends it.
func TestCheckedPartitions(t *testing.T) {
	dir, m := run(t)
	if _, err := os.Stat("/dev/mapper/control"); err != nil {
		t.Skip("this kernel has no device-mapper; the tests in virtual machines run this:", err)
	}
	top, topRoot, topOffset := layerstest.Protect(layerstest.Top, []byte{7}, true)
	bottom, bottomRoot, bottomOffset := layerstest.Protect(layerstest.Bottom, nil, false)
	if topOffset != 4096 || bottomOffset != 4096 {
		t.Fatal(topOffset, bottomOffset)
	}
	disk := layerstest.Loop(t, layerstest.GPT(top, bottom))
	nodes := []string{disk + "p1", disk + "p2"}
	if _, err := os.Stat(nodes[1]); err != nil {
		t.Skip("this kernel reads no GPT; the tests in virtual machines run this:", err)
	}
	members := func(bottomRoot string) []volume.Storage {
		option := func(root string, more ...string) []string {
			return append(more, checkedOption+"=true", verityPrefix+"roothash="+root, verityPrefix+"hashoffset=4096")
		}
		return []volume.Storage{
			part("1", option(topRoot, verityPrefix+"salt=07")...), part("2", option(bottomRoot, verityPrefix+"no-superblock=true")...),
		}
	}
	a, err := m.Mount(t.Context(), "c", group(t, dir, members(bottomRoot)...), nodes)
	must(t, err)
	has(t, a.MountPoint+"/word", "top")
	has(t, a.MountPoint+"/bottom", "bottom")
	must(t, a.Release())
	// Another root: the layer is refused at the first read.
	if _, err := m.Mount(t.Context(), "c", group(t, dir, members(topRoot)...), nodes); !errors.Is(err, unix.EIO) {
		t.Errorf("a layer with another root hash: %v", err)
	}
	nothing(t, dir)
	if left, _ := os.ReadDir("/dev/mapper"); len(left) != 1 {
		t.Errorf("in /dev/mapper: %v", left)
	}
	if left, _ := os.ReadDir("/sys/block"); slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(path.Base(e.Name()), "dm-") }) {
		t.Errorf("mappings left: %v", left)
	}
}
