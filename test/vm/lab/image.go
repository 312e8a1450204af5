// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Blank makes a raw image of zeros.
func Blank(t testing.TB, mebibytes int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(mebibytes) << 20); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ext4 makes a raw image with an ext4 file system that holds files, by path.
func Ext4(t testing.TB, mebibytes int, files map[string]string) string {
	t.Helper()
	tree := t.TempDir()
	for name, content := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := Blank(t, mebibytes)
	if err := makeExt4(image, tree); err != nil {
		t.Fatal(err)
	}
	return image
}

// makeExt4 fills an image from a directory. The journal's zeroing is left to
// nobody: the image is zeros already.
func makeExt4(image, tree string) error {
	out, err := exec.Command("mkfs.ext4", "-q", "-F", "-d", tree,
		"-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0", image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return nil
}

// Swap makes a raw image to swap on.
func Swap(t testing.TB, mebibytes int) string {
	t.Helper()
	image := Blank(t, mebibytes)
	if out, err := exec.Command("mkswap", image).CombinedOutput(); err != nil {
		t.Fatalf("mkswap: %v: %s", err, out)
	}
	return image
}

// BusyboxTree makes a busybox root file system in a host directory.
func BusyboxTree(t testing.TB, root string) {
	t.Helper()
	script := `mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/tmp" "$1/etc" "$1/root" &&
		cp "$2" "$1/bin/busybox" && for a in $("$2" --list); do [ $a = busybox ] || ln -s busybox "$1/bin/$a"; done`
	if out, err := exec.Command("sh", "-c", script, "sh", root, busyboxPath).CombinedOutput(); err != nil {
		t.Fatalf("busybox root: %v: %s", err, out)
	}
}

// Busybox makes a raw ext4 image with a busybox root file system in its
// directory rootfs.
func Busybox(t testing.TB, mebibytes int) string {
	t.Helper()
	tree := t.TempDir()
	BusyboxTree(t, filepath.Join(tree, "rootfs"))
	image := Blank(t, mebibytes)
	if err := makeExt4(image, tree); err != nil {
		t.Fatal(err)
	}
	return image
}
