// SPDX-License-Identifier: Apache-2.0

package cpio_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/test/vm/lab/cpio"
)

// TestUnpacksWithCpio lets the cpio tool judge the archive.
func TestUnpacksWithCpio(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio tool to unpack with")
	}
	var archive bytes.Buffer
	w := cpio.NewWriter(&archive)
	w.File("/a/b/odd", 0o640, []byte("odd"))
	w.File("a/b/even", 0o755, []byte("even"))
	w.Symlink("/a/link", "b/odd")
	w.Dir("/empty")
	w.Dir("/empty")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	cmd := exec.Command(tool, "-id", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v: %s", err, out)
	}
	for name, want := range map[string]string{"a/b/odd": "odd", "a/b/even": "even", "a/link": "odd"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if fi, err := os.Stat(filepath.Join(dir, "a/b/odd")); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode of a/b/odd: %v, %v", fi, err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "empty")); err != nil || !fi.IsDir() {
		t.Errorf("empty directory: %v, %v", fi, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestCloseTellsTheFirstError(t *testing.T) {
	w := cpio.NewWriter(full{})
	w.File("a", 0o600, nil)
	if err := w.Close(); err == nil {
		t.Fatal("no error from a writer that fails")
	}
}
