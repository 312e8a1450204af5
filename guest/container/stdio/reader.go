// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrCanceled ends a call that was canceled while its bytes were just being moved:
// cancel was false, and none or only a part of them could be moved.
var ErrCanceled = errors.New("stream call canceled")

// fairShare is how many calls of one stream are answered in a row before the others
// have their turn.
const fairShare = 16

// Reader is the agent's end of a process's stdout or stderr: a pipe or a pty master.
//
// Whoever sets busy owns the descriptor and answers the queue; the lock is not held
// over read(2) or an answer, so no other call ever waits for either.
type Reader struct {
	poller  *Poller
	mu      sync.Mutex
	fd      int
	key     key
	queue   []*readOp
	busy    bool
	closed  bool
	begun   bool // somebody has read
	over    bool // no writer is left and everything was read
	drained bool // see Drain
	exited  bool
	late    bool      // the grace time is over: reads wait for lateTime
	until   time.Time // after the exit: when reads that wait end
	timed   bool      // in the poller's grace queue; protected by its lock
	drops   uint32    // odd: what comes is dropped; see Discard
	back    back
}

type readOp struct {
	reader *Reader
	max    int
	done   func([]byte, error)
	state  opState
	drops  bool   // a read of Discard's or Drain's
	back   []byte // what it gets, of what came back
	at     int64  // where in the stream its bytes are
}

// Waiting is how many reads wait.
func (r *Reader) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// NewReader takes f over: it is closed when NewReader returns, and the reader has a
// nonblocking duplicate, closed by Close. After an error f is as it was.
func (p *Poller) NewReader(f *os.File) (*Reader, error) {
	fd, err := takeOver(f)
	if err != nil {
		return nil, err
	}
	return &Reader{poller: p, fd: fd}, nil
}

// Read reads once, at most max bytes (and at most 64 KiB). done is called exactly once:
// at once, on the caller's goroutine, if there are bytes or the stream has ended, else on
// the poller's goroutine. data is valid only until done returns; done must not block.
// Reads of one stream are answered in the order they were made: while another read is
// being answered, or waits, this one is answered after it by the same goroutine. So done
// may call Read without growing the stack. A max of 0 or less reads nothing and is
// answered at once with (nil, nil).
//
// End of stream is (nil, io.EOF): all writers closed, the tty hung up (EIO), or the
// process has exited (see Exited) and nothing came for a while though a descendant still
// holds the stream. Close and Drain end pending reads with (nil, io.EOF) too.
//
// cancel takes back a read that has consumed nothing: true when done will not be called.
// When false, done has been called or is called promptly, with ErrCanceled if there
// turned out to be nothing to read. cancel never blocks.
func (r *Reader) Read(max int, done func(data []byte, err error)) (cancel func() bool) {
	if max <= 0 {
		done(nil, nil)
		return never
	}
	return r.enqueue(&readOp{reader: r, max: max, done: done})
}

// enqueue answers a read when it is its turn, at once if it can.
func (r *Reader) enqueue(op *readOp) (cancel func() bool) {
	r.mu.Lock()
	if r.drained && !op.drops {
		r.mu.Unlock()
		op.done(nil, io.EOF)
		return never
	}
	if !op.drops {
		r.comes()
	}
	first := !r.busy && len(r.queue) == 0
	r.queue = append(r.queue, op)
	if !first {
		r.mu.Unlock()
		return op.cancel
	}
	r.busy = true
	r.mu.Unlock()
	if r.serve(op) {
		return never
	}
	return op.cancel
}

func never() bool { return false }

func (op *readOp) cancel() bool {
	r := op.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	return cancelOp(&r.queue, op, &op.state)
}

// Close ends pending reads and closes the descriptor, after the read that is being
// answered just now if there is one. Idempotent; it does not wait for that answer.
func (r *Reader) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	if r.busy {
		r.mu.Unlock()
		return nil
	}
	r.busy = true
	r.mu.Unlock()
	r.serve(nil)
	return nil
}

func (r *Reader) ready()   { r.expire() }
func (r *Reader) abandon() { r.Close() }

// expire looks at the queue again.
func (r *Reader) expire() {
	r.mu.Lock()
	if r.busy || len(r.queue) == 0 {
		r.mu.Unlock()
		return
	}
	r.busy = true
	r.mu.Unlock()
	r.serve(nil)
}

// takeOver returns a nonblocking duplicate of f and closes f.
func takeOver(f *os.File) (int, error) {
	fd, err := duplicate(f)
	if err != nil {
		return -1, err
	}
	f.Close()
	return fd, nil
}

// duplicate is not in Go's netpoller, whatever f is: an idle stream must not be woken by it.
func duplicate(f *os.File) (int, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var errno error
	err = conn.Control(func(old uintptr) {
		fd, errno = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3)
		if errno == nil {
			errno = unix.SetNonblock(fd, true)
		}
	})
	if err == nil {
		err = errno
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, &os.PathError{Op: "duplicate", Path: f.Name(), Err: err}
	}
	return fd, nil
}
