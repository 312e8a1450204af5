// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
)

// TestFitted holds for each length that a host may ask for: never more than that, something
// if it wants something, and an answer of a few KiB up takes no more memory as a packet than
// its data does.
func TestFitted(t *testing.T) {
	const packet = 44 + 320 // struct virtio_vsock_skb_cb's headroom and struct skb_shared_info
	for _, length := range []uint32{0, 1, 511, 512, 513, 4096, 8192, 10000, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 1 << 20, 1<<32 - 1} {
		n := fitted(length)
		if n > int(length) || n > maxRead || (n == 0) != (length == 0) {
			t.Errorf("a read for %d bytes may return %d", length, n)
		}
		message := 10 + (&protocols.ReadStreamResponse{Data: make([]byte, n)}).Size() + 16 // the frame's header, the envelope
		if n >= 8000 && block(message+packet) != block(n) {
			t.Errorf("a read for %d bytes returns %d, which take %d as a packet", length, n, block(message+packet))
		}
	}
}

// block is the power of two that holds n.
func block(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}
