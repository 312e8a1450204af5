// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// makeRootfs makes a busybox root file system in dir. Busybox's own installer
// links to where it lies in the guest, which need not be its place here.
func makeRootfs(dir string) error {
	for _, d := range []string{"bin", "proc", "sys", "dev", "tmp", "etc", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.WriteFile(filepath.Join(bin, "busybox"), program, 0o755); err != nil {
		return err
	}
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(applets)) {
		if name == "busybox" {
			continue
		}
		err := os.Symlink("busybox", filepath.Join(bin, name))
		if err != nil && !errors.Is(err, fs.ErrExist) { // Debian's for 64-bit ARM names one twice
			return err
		}
	}
	return nil
}
