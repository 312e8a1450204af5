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
