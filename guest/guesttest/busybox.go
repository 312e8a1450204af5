// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Busybox makes a root file system of the machine's busybox with all that it can be called, in a directory of
// the test's that everybody may enter. more are directories beside the usual ones. Without a busybox the
// test is skipped.
func Busybox(tb testing.TB, more ...string) (dir string) {
	tb.Helper()
	dir = filepath.Join(tb.TempDir(), "rootfs")
	for _, d := range append([]string{"bin", "proc", "dev", "sys", "tmp", "etc", "root"}, more...) {
		Must(tb, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		tb.Skip("needs busybox-static: ", err)
	}
	Must(tb, os.WriteFile(filepath.Join(dir, "bin/busybox"), program, 0o755))
	names, err := exec.Command("/bin/busybox", "--list").Output()
	Must(tb, err)
	for name := range strings.FieldsSeq(string(names)) {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); !errors.Is(err, fs.ErrExist) {
			Must(tb, err)
		}
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		Must(tb, os.Chmod(d, 0o755))
	}
	return dir
}
