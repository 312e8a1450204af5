// SPDX-License-Identifier: Apache-2.0

package stdio

import "golang.org/x/sys/unix"

// Unread is how many bytes wait to be read (FIONREAD, which Linux also calls TIOCINQ); 0 after Close.
func (r *Reader) Unread() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.fd < 0 {
		return 0
	}
	n, err := unix.IoctlGetInt(r.fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
