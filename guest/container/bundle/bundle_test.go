// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// lab is a place for bundles and a root file system with a file in it.
type lab struct {
	t            *testing.T
	root, source string
}

func newLab(t *testing.T) lab {
	t.Helper()
	guesttest.NeedRoot(t, "to mount")
	dir := t.TempDir()
	l := lab{t: t, root: filepath.Join(dir, "bundles"), source: filepath.Join(dir, "image")}
	for _, d := range []string{l.root, filepath.Join(l.source, "etc")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l.write(filepath.Join(l.source, "etc/passwd"), "root")
	t.Cleanup(func() { _ = detachBelow(dir) })
	return l
}

func (l lab) write(path, text string) {
	l.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l lab) make(id string, spec *specs.Spec) *Bundle {
	l.t.Helper()
	b, err := Make(l.root, id, spec, os.Open)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l lab) spec() *specs.Spec { return &specs.Spec{Root: &specs.Root{Path: l.source}} }

// mounts is how many there are below a directory.
func (l lab) mounts(dir string) int {
	l.t.Helper()
	m, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		l.t.Fatal(err)
	}
	return len(m)
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func TestMakeAndRemove(t *testing.T) {
	l := newLab(t)
	spec := l.spec()
	b := l.make("c1", spec)
	rootfs := filepath.Join(l.root, "c1/rootfs")
	if spec.Root.Path != rootfs || b.Dir() != filepath.Dir(rootfs) {
		t.Errorf("root %q, bundle %q", spec.Root.Path, b.Dir())
	}
	if text, err := os.ReadFile(filepath.Join(rootfs, "etc/passwd")); err != nil || string(text) != "root" {
		t.Errorf("%q, %v, want %q", text, err, "root")
	}
	file := filepath.Join(b.Dir(), "config.json")
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("config.json holds the environment: mode %v, %v", st.Mode(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var saved specs.Spec
	if err := json.Unmarshal(data, &saved); err != nil || saved.Root.Path != rootfs {
		t.Errorf("saved root %q, %v", saved.Root.Path, err)
	}
	for range 2 {
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if !missing(b.Dir()) || l.mounts(l.root) != 0 {
		t.Error("something is left")
	}
	if missing(filepath.Join(l.source, "etc/passwd")) {
		t.Fatal("the image was deleted through the bundle")
	}
}

// TestRemoveKeepsVolumes: what is mounted below a bundle, however deep and often, is
// detached and not deleted; a bundle with a longer name is another one.
func TestRemoveKeepsVolumes(t *testing.T) {
	l := newLab(t)
	b, other := l.make("c1", l.spec()), l.make("c10", l.spec())
	volume := filepath.Join(l.root, "../volume")
	if err := os.MkdirAll(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	l.write(filepath.Join(volume, "data"), "precious")
	for _, place := range []string{"rootfs/etc", "rootfs/etc", "mnt"} {
		dir := filepath.Join(b.Dir(), place)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(volume, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Remove(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(volume, "data")); err != nil || string(text) != "precious" {
		t.Errorf("the volume has lost its content: %v", err)
	}
	if !missing(b.Dir()) || l.mounts(b.Dir()) != 0 {
		t.Error("something of the bundle is left")
	}
	if l.mounts(other.Dir()) != 1 {
		t.Error("the mount of another bundle was detached")
	}
	if err := other.Remove(); err != nil {
		t.Error(err)
	}
}

// TestRemoveKeepsVolumesOverTheBundle: what looks like a bundle is a volume that lies over it, or over its rootfs.
func TestRemoveKeepsVolumesOverTheBundle(t *testing.T) {
	for _, over := range []string{"", "rootfs"} {
		t.Run("over "+filepath.Join("bundle", over), func(t *testing.T) {
			l := newLab(t)
			b := l.make("c1", &specs.Spec{Root: &specs.Root{Path: l.source}})
			volume := t.TempDir()
			guesttest.Must(t, os.Mkdir(filepath.Join(volume, "rootfs"), 0o755))
			l.write(filepath.Join(volume, "config.json"), "precious")
			guesttest.Must(t, unix.Mount(volume, filepath.Join(b.Dir(), over), "", unix.MS_BIND, ""))
			guesttest.Must(t, b.Remove())
			if text, err := os.ReadFile(filepath.Join(volume, "config.json")); err != nil || string(text) != "precious" {
				t.Errorf("the volume's file is %q, %v: want it untouched", text, err)
			}
			if missing(filepath.Join(volume, "rootfs")) {
				t.Error("the volume's directory is gone, want it kept")
			}
			if !missing(b.Dir()) || l.mounts(b.Dir()) != 0 {
				t.Error("something of the bundle is left")
			}
		})
	}
}

// TestRootfsInPlace is one that a storage has put there: it is used as it is.
func TestRootfsInPlace(t *testing.T) {
	l := newLab(t)
	rootfs := filepath.Join(l.root, "c1/rootfs")
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		t.Fatal(err)
	}
	l.write(filepath.Join(rootfs, "pulled"), "")
	spec := &specs.Spec{Root: &specs.Root{Path: "/nowhere"}}
	b := l.make("c1", spec)
	if spec.Root.Path != rootfs || l.mounts(b.Dir()) != 0 {
		t.Errorf("root %q, %d mounts", spec.Root.Path, l.mounts(b.Dir()))
	}
	if err := b.Remove(); err != nil {
		t.Error(err)
	}
}

func TestMakeFails(t *testing.T) {
	l := newLab(t)
	for name, c := range map[string]struct {
		root *specs.Root
		word string
	}{
		"no root":    {nil, "no root"},
		"empty path": {&specs.Root{}, "no root"},
		"not there":  {&specs.Root{Path: "/nowhere/rootfs"}, "/nowhere/rootfs"},
		"a file":     {&specs.Root{Path: filepath.Join(l.source, "etc/passwd")}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Make(l.root, "c1", &specs.Spec{Root: c.root}, os.Open)
			if err == nil || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), `"c1"`) {
				t.Errorf("got %v, want an error with %q and %q", err, c.word, `"c1"`)
			}
			if !missing(filepath.Join(l.root, "c1")) {
				t.Error("a directory is left")
			}
		})
	}
}

// TestRemoveEmpty leaves what is not empty, and what is not there.
func TestRemoveEmpty(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"empty", "full/x"} {
		guesttest.Must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, id := range []string{"empty", "full", "none"} {
		guesttest.Must(t, RemoveEmpty(root, id))
	}
	if !missing(filepath.Join(root, "empty")) || missing(filepath.Join(root, "full/x")) {
		t.Error("want the empty directory removed, and the other one kept")
	}
}
