// SPDX-License-Identifier: Apache-2.0

package frame

import "sync"

// buffer is a byte slice on loan from a pool, or an unpooled one if it is large.
type buffer struct {
	b     []byte
	class int // index into sizes; -1: not pooled
}

// sizes of pooled buffers: a small reply or request; a chunk of small replies for a peer that is
// slow; a read of 32 KiB with its envelope. Larger ones are rare (CopyFile, CreateContainer with a
// large spec) and are left to the collector, so that one such call does not keep 4 MiB for good.
var sizes = [...]int{512, 8 << 10, 36 << 10, 68 << 10}

var pools [len(sizes)]sync.Pool

// getBuffer returns an empty buffer with room for n bytes.
func getBuffer(n int) *buffer {
	for class, size := range sizes {
		if n <= size {
			if v := pools[class].Get(); v != nil {
				return v.(*buffer)
			}
			return &buffer{b: make([]byte, 0, size), class: class}
		}
	}
	return &buffer{b: make([]byte, 0, n), class: -1}
}

// free gives the buffer back. The caller must be its only user.
func (b *buffer) free() {
	if b == nil || b.class < 0 {
		return
	}
	b.b = b.b[:0]
	pools[b.class].Put(b)
}
