// SPDX-License-Identifier: Apache-2.0

package frame

import "golang.org/x/sys/unix"

// Probe has the kernel send the peer a packet that a live one takes no notice of and one that does not
// know the connection answers with a reset, which ends it: a virtual machine that was restored may
// hold connections that nobody has told it are gone. Only vsock has such a packet; for other sockets
// Probe does nothing. It does not block.
func (c *Conn) Probe() {
	if c.box.raw == nil {
		return
	}
	_ = c.box.raw.Control(func(fd uintptr) { // a closed socket has no peer
		size, err := unix.GetsockoptUint64(int(fd), unix.AF_VSOCK, unix.SO_VM_SOCKETS_BUFFER_SIZE)
		if err != nil {
			return // another kind of socket
		}
		// A change of the room that is left is announced to the peer; back again, so that it stays.
		for _, n := range [...]uint64{size - 1, size} {
			_ = unix.SetsockoptUint64(int(fd), unix.AF_VSOCK, unix.SO_VM_SOCKETS_BUFFER_SIZE, n)
		}
	})
}
