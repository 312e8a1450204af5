// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"bytes"
	"os"
	"path/filepath"
)

// RootIsInitramfs tells whether / is the kernel's rootfs, which pivot_root(2) refuses. proc is
// where procfs is mounted.
func RootIsInitramfs(proc string) bool {
	b, err := os.ReadFile(filepath.Join(proc, "self/mountstats"))
	if err != nil {
		return false
	}
	root := false
	for _, line := range bytes.Split(b, []byte("\n")) {
		if f := bytes.Fields(line); len(f) >= 8 && string(f[4]) == "/" {
			root = string(f[7]) == "rootfs" // the latest mount on / counts
		}
	}
	return root
}
