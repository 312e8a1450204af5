// SPDX-License-Identifier: Apache-2.0

package stdio

import "golang.org/x/sys/unix"

// Unread is how many bytes wait to be read (FIONREAD, which Linux also calls TIOCINQ); 0 after
// Close, and 1 while somebody reads: there may be more. Like read(2) it can be held up by a
// writer that has the pipe's lock, so other calls do not wait for it.
func (r *Reader) Unread() int {
	r.mu.Lock()
	if r.closed || r.fd < 0 {
		r.mu.Unlock()
		return 0
	}
	if r.busy {
		r.mu.Unlock()
		return 1
	}
	r.busy = true
	r.mu.Unlock()
	n, err := unix.IoctlGetInt(r.fd, unix.TIOCINQ)
	r.serve(nil) // what was asked for meanwhile
	if err != nil {
		return 0
	}
	return n
}
