// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// serve writes until no write is left or the stream is full, and gives the descriptor
// back. The caller has set busy. mine holds its caller's bytes, which are copied if it
// has to wait; serve tells whether it was answered.
func (w *Writer) serve(mine *writeOp) (answered bool) {
	for share := fairShare; ; share-- {
		op, closed := w.begin(share)
		if op == nil {
			return answered
		}
		n, err := 0, os.ErrClosed
		if !closed {
			n, err = writeMost(w.fd, op.data)
		}
		if err = w.end(op, n, err, op == mine); errors.Is(err, errFull) {
			return answered
		}
		if err != nil {
			err = fmt.Errorf("write stream: %w", err)
		}
		op.done(err)
		answered = answered || op == mine
	}
}

// begin takes up the next write. When there is none, or the stream had its share, it
// gives the descriptor back and returns nil.
func (w *Writer) begin(share int) (op *writeOp, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.busy = false
		if w.last && w.fd >= 0 {
			w.poller.unwatch(w.fd, &w.key)
			unix.Close(w.fd)
			w.fd = -1
		}
		return nil, w.closed
	}
	if share <= 0 && !w.closed && w.poller.arm(w.fd, &w.key, unix.EPOLLOUT, w) == nil {
		w.busy = false
		return nil, false
	}
	w.queue[0].state = moving
	return w.queue[0], w.closed
}

// end takes the write out of the queue and returns the error to answer it with. If some
// of it has to wait it stays, the descriptor is armed and given back, and the error is
// errFull.
func (w *Writer) end(op *writeOp, n int, err error, borrowed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	op.data = op.data[n:]
	if errors.Is(err, errFull) {
		switch {
		case op.state == canceled:
			err = ErrCanceled
		case w.closed:
			err = os.ErrClosed
		default:
			if borrowed {
				if refused := op.own(); refused != nil {
					err = refused
					break
				}
			}
			if armed := w.poller.arm(w.fd, &w.key, unix.EPOLLOUT, w); armed != nil {
				err = armed
			}
		}
	}
	if errors.Is(err, errFull) {
		op.state, w.busy = waiting, false
		return err
	}
	op.drop()
	popOp(&w.queue, &op.state)
	return err
}

// writeMost writes until everything is written or the stream is full.
func writeMost(fd int, data []byte) (int, error) {
	written := 0
	for written < len(data) {
		n, err := unix.Write(fd, data[written:])
		written += max(n, 0)
		switch err {
		case nil, unix.EINTR:
		case unix.EAGAIN:
			return written, errFull
		default:
			return written, err
		}
	}
	return written, nil
}
