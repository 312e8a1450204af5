// SPDX-License-Identifier: Apache-2.0

package share

import (
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkCopy(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			root := b.TempDir()
			tree := NewTree(root)
			r := Request{Path: root + "/d/f", FileSize: int64(size), FileMode: unix.S_IFREG | 0o644, UID: -1, GID: -1, Data: make([]byte, size)}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := tree.Copy(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
