// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// errEmpty says that a read would have to wait.
var errEmpty = errors.New("stream is empty")

// serve answers reads until none is left or the stream is empty, and gives the
// descriptor back. The caller has set busy. It tells whether mine was among them.
func (r *Reader) serve(mine *readOp) (answered bool) {
	for share := fairShare; ; share-- {
		op, closed := r.begin(share)
		if op == nil {
			return answered
		}
		b := buffers.Get().(*buffer)
		data, err := op.back, error(nil)
		if data == nil {
			err = io.EOF
		}
		r.poller.moves(1)
		if data == nil && !closed {
			data, err = readOnce(r.fd, b[:min(op.max, bufferSize)])
		}
		if err = r.end(op, data, err); errors.Is(err, errEmpty) {
			buffers.Put(b)
			r.poller.moves(-1)
			return answered
		}
		op.done(data, err)
		r.poller.moves(-1)
		buffers.Put(b)
		answered = answered || op == mine
	}
}

// begin takes up the next read. When there is none, or the stream had its share, it
// gives the descriptor back and returns nil.
func (r *Reader) begin(share int) (op *readOp, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.back.settle()
	if len(r.queue) == 0 {
		r.busy = false
		if r.closed && r.fd >= 0 {
			r.poller.unwatch(r.fd, &r.key)
			unix.Close(r.fd)
			r.fd = -1
		}
		return nil, r.closed
	}
	if share <= 0 && !r.closed && len(r.back.parts) == 0 && r.poller.arm(r.fd, &r.key, unix.EPOLLIN, r) == nil {
		r.busy = false
		return nil, false
	}
	op = r.queue[0]
	op.state = moving
	if !r.closed {
		op.at, op.back = r.back.take(op.max)
	}
	return op, r.closed
}

// end takes the read out of the queue and returns the error to answer it with. If it has
// to wait it stays, the descriptor is armed and given back, and the error is errEmpty.
func (r *Reader) end(op *readOp, data []byte, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exited && len(data) > 0 {
		r.prolong()
	}
	if errors.Is(err, errEmpty) {
		err = r.whenEmpty(op)
	} else if errors.Is(err, io.EOF) {
		r.over = true
	}
	if errors.Is(err, errEmpty) {
		op.state, r.busy = waiting, false
		return err
	}
	if op.back == nil {
		op.at = r.back.fresh
		r.back.fresh += int64(len(data))
	}
	r.back.now, r.back.open = op.at, len(data) > 0
	popOp(&r.queue, &op.state)
	return err
}

// whenEmpty decides what becomes of a read that found nothing.
func (r *Reader) whenEmpty(op *readOp) error {
	timed := r.exited && !op.drops
	switch {
	case op.state == canceled:
		return ErrCanceled
	case r.closed, r.drained && !op.drops:
		return io.EOF
	case timed && !time.Now().Before(r.until):
		r.late = true
		return io.EOF
	}
	if err := r.poller.arm(r.fd, &r.key, unix.EPOLLIN, r); err != nil {
		return err
	}
	if timed {
		r.poller.expireAt(r.until, r)
	}
	return errEmpty
}

// hangups is how many times in a row a pty master must report its end. When the last
// slave is closed while the master is being read, Linux (6.18) now and then says EIO with
// bytes still on their way between the two: seen in 1 of 1,000 to 5,000 terminals, never
// twice in a row, and the next read delivered them.
const hangups = 3

// readOnce is read(2). The end of the stream is io.EOF, for a pty master too, which says
// EIO when the last slave has been closed and everything was read.
func readOnce(fd int, b []byte) ([]byte, error) {
	for hangup := 0; ; {
		n, err := unix.Read(fd, b)
		switch {
		case n > 0:
			return b[:n], nil
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return nil, errEmpty
		case err == unix.EIO:
			if hangup++; hangup == hangups {
				return nil, io.EOF
			}
		case err == nil:
			return nil, io.EOF
		default:
			return nil, fmt.Errorf("read stream: %w", err)
		}
	}
}
