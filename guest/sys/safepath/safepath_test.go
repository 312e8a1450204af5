// SPDX-License-Identifier: Apache-2.0

package safepath_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// hostile makes root/ with links that try to leave it, and outside/ beside it.
func hostile(t *testing.T) (root, outside string) {
	t.Helper()
	base := t.TempDir()
	root, outside = filepath.Join(base, "root"), filepath.Join(base, "outside")
	for _, d := range []string{root + "/dir", outside} {
		guesttest.Must(t, os.MkdirAll(d, 0o755))
	}
	guesttest.Must(t, os.WriteFile(outside+"/secret", []byte("s"), 0o600))
	guesttest.Must(t, os.Symlink(outside, root+"/abs"))
	guesttest.Must(t, os.Symlink("../outside", root+"/rel"))
	guesttest.Must(t, os.Symlink("dir", root+"/inside"))
	guesttest.Must(t, os.Symlink("loop", root+"/loop"))
	guesttest.Must(t, os.Symlink("/proc/self/cwd", root+"/magic"))
	return root, outside
}

func open(t *testing.T, root string, links safepath.Links) *safepath.Dir {
	t.Helper()
	d, err := safepath.Open(root, links)
	guesttest.Must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpenStaysBelow(t *testing.T) {
	root, _ := hostile(t)
	tests := []struct {
		links safepath.Links
		rel   string
		want  error
	}{
		{safepath.Refuse, "dir", nil},
		{safepath.Refuse, "/dir", nil},
		{safepath.Refuse, ".", nil},
		{safepath.Refuse, "inside", unix.ELOOP},
		{safepath.Refuse, "abs/secret", unix.ELOOP},
		{safepath.Refuse, "dir/../dir", safepath.ErrPath},
		{safepath.Refuse, "", safepath.ErrPath},
		{safepath.Inside, "inside", nil},
		{safepath.Inside, "rel/secret", unix.EXDEV},
		{safepath.Inside, "abs/secret", unix.EXDEV},
		{safepath.Rebase, "inside", nil},
		{safepath.Rebase, "abs/secret", unix.ENOENT},
		{safepath.Rebase, "rel/secret", unix.ENOENT},
		{safepath.Rebase, "loop", unix.ELOOP},
	}
	for _, tt := range tests {
		f, err := open(t, root, tt.links).Open(tt.rel, unix.O_PATH, 0)
		if !errors.Is(err, tt.want) {
			t.Errorf("links %#x, open %q: %v, want %v", tt.links, tt.rel, err, tt.want)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestMkdirAll(t *testing.T) {
	root, outside := hostile(t)
	d := open(t, root, safepath.Refuse)
	f, made, err := d.MkdirAll("a/b/c", 0o700)
	guesttest.Must(t, err)
	f.Close()
	if made != 3 {
		t.Errorf("made %d directories, want 3", made)
	}
	f, made, err = d.MkdirAll("a/b/c", 0o700)
	guesttest.Must(t, err)
	f.Close()
	if made != 0 {
		t.Errorf("made %d directories the second time", made)
	}
	if _, _, err := d.MkdirAll("abs/new", 0o700); !errors.Is(err, unix.ELOOP) {
		t.Errorf("through an absolute link: %v, want %v", err, unix.ELOOP)
	}
	f, _, err = open(t, root, safepath.Rebase).MkdirAll("abs/new", 0o700)
	if err == nil {
		f.Close()
		t.Error("a dangling link was taken for a directory")
	}
	if _, err := os.Stat(outside + "/new"); err == nil {
		t.Error("a directory was made outside")
	}
}

func TestRemoveAllFollowsNoLinks(t *testing.T) {
	root, outside := hostile(t)
	guesttest.Must(t, os.MkdirAll(root+"/dir/deep/er", 0o755))
	guesttest.Must(t, os.Symlink(outside, root+"/dir/deep/link"))
	for i := range 600 {
		guesttest.Must(t, os.WriteFile(root+"/dir/"+strings.Repeat("x", i%50+1)+string(rune('a'+i%26)), nil, 0o600))
	}
	d := open(t, root, safepath.Refuse)
	for _, name := range []string{"dir", "abs", "missing"} {
		guesttest.Must(t, d.RemoveAll(name))
		if _, err := os.Lstat(filepath.Join(root, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if _, err := os.Stat(outside + "/secret"); err != nil {
		t.Error("removal went through a link:", err)
	}
}

func TestRemoveAllStopsAtMounts(t *testing.T) {
	guesttest.NeedRoot(t, "to mount")
	root, outside := hostile(t)
	target := root + "/dir/mnt"
	guesttest.Must(t, os.Mkdir(target, 0o755))
	guesttest.Must(t, unix.Mount(outside, target, "", unix.MS_BIND, ""))
	t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
	if err := open(t, root, safepath.Refuse).RemoveAll("dir"); err == nil {
		t.Error("a tree with a mount in it was removed without an error")
	}
	if _, err := os.Stat(outside + "/secret"); err != nil {
		t.Error("removal crossed a bind mount:", err)
	}
}

func TestRemoveAllDeep(t *testing.T) {
	root := t.TempDir()
	at := root
	for range 300 {
		at += "/d"
	}
	guesttest.Must(t, os.MkdirAll(at, 0o755))
	d := open(t, root, safepath.Refuse)
	if err := d.RemoveAll("d"); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("a tree deeper than the limit: %v, want %v", err, unix.ENAMETOOLONG)
	}
}
