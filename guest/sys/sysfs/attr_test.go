// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAttributes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "online")
	if err := Write(path, "1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("write: got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := os.WriteFile(path, []byte(" 0 \n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got != "0" {
		t.Errorf("read: %q, %v", got, err)
	}
	if err := Write(path, "1"); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got != "1" {
		t.Errorf("read back: %q, %v", got, err)
	}
	if names, err := Names(dir); err != nil || !slices.Equal(names, []string{"online"}) {
		t.Errorf("names: %v, %v", names, err)
	}
	if names, err := Names(filepath.Join(dir, "none")); err != nil || names != nil {
		t.Errorf("names of nothing: %v, %v", names, err)
	}
	if _, err := Names(path); err == nil {
		t.Error("a file has names")
	}
	if !IsDir(dir) || IsDir(path) || IsDir(filepath.Join(dir, "none")) {
		t.Error("IsDir is wrong")
	}
}
