// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"golang.org/x/sys/unix"
)

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
		"no image": {node: func(t *testing.T) string { return erofstest.Blank(t, 1<<20) }, want: "as erofs"},
		"no disk":  {node: func(*testing.T) string { return "/dev/no-such-disk" }, want: "no-such-disk"},
		"no upper": {change: func(t *testing.T, _ string, _ *Mounter, nodes []string) {
			nodes[0] = erofstest.Blank(t, 1<<20)
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
			guesttest.Must(t, os.WriteFile(dir+"/c", nil, 0o600))
		}, want: "not a directory"},
		"target is a link": {change: func(t *testing.T, dir string, _ *Mounter, _ []string) {
			guesttest.Must(t, os.Mkdir(dir+"/c", 0o755))
			guesttest.Must(t, os.Symlink("/mnt", dir+"/c/rootfs"))
		}, want: "symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, m := run(t)
			second := lower("02/00")
			if tt.member != nil {
				second = tt.member()
			}
			nodes := []string{ext4(t), erofstest.Loop(t, erofstest.Bottom), erofstest.Loop(t, erofstest.Bottom)}
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
	if _, err := m.Mount(ctx, "c", g, []string{erofstest.Loop(t, erofstest.Top)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
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
	node := erofstest.Loop(t, erofstest.Top)
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
	guesttest.Must(t, err)
	has(t, a.MountPoint+"/word", "top")
	if closed != 0 {
		t.Error("closed under the overlay")
	}
	guesttest.Must(t, a.Release())
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
	lowerNode := erofstest.Loop(t, erofstest.Bottom)
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
			guesttest.Must(t, err)
			guesttest.Must(t, a.Release())
		} else if !errors.Is(err, tt.want) && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%q: %v, want %v", tt.entries, err, tt.want)
		}
		nothing(t, dir)
		if names, _ := os.ReadDir(outside); len(names) != 0 {
			t.Fatalf("%q led outside: %v", tt.entries, names)
		}
	}
}
