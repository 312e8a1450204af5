// SPDX-License-Identifier: Apache-2.0

package frame

import "golang.org/x/sys/unix"

// writeAll writes b, waiting for the peer as long as that takes.
func (o *outbox) writeAll(b []byte) {
	if o.raw == nil {
		o.wrote, o.err = o.nc.Write(b)
		return
	}
	o.first[0] = b
	o.iov = o.first[:1]
	o.write(true)
}

// write writes o.iov; it waits for the peer to read if wait is set.
func (o *outbox) write(wait bool) {
	o.wait, o.wrote, o.err = wait, 0, nil
	if err := o.raw.Write(o.step); err != nil && o.err == nil {
		o.err = err
	}
	o.first = [2][]byte{}
}

// writev is one step of write: true ends it, false waits until the socket takes more.
func (o *outbox) writev(fd uintptr) bool {
	for len(o.iov) > 0 {
		n, err := unix.Writev(int(fd), o.iov)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return !o.wait
		case err != nil:
			o.err = err
			return true
		}
		o.wrote += n
		o.advance(n)
	}
	return true
}

func (o *outbox) advance(n int) {
	for len(o.iov) > 0 && n >= len(o.iov[0]) {
		n -= len(o.iov[0])
		o.iov = o.iov[1:]
	}
	if n > 0 {
		o.iov[0] = o.iov[0][n:]
	}
}
