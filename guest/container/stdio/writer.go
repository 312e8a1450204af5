// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// errFull says that a write would have to wait.
var errFull = errors.New("stream is full")

// Writer is the agent's end of a process's stdin: a pipe or a pty master. As with
// Reader, whoever sets busy owns the descriptor.
type Writer struct {
	poller *Poller
	mu     sync.Mutex
	fd     int
	key    key
	queue  []*writeOp
	kept   int // bytes of those in the queue that have been copied
	busy   bool
	last   bool // no more writes are taken; close after those in the queue
	closed bool
}

// Holder bounds the memory of writes that wait. Hold is asked before n bytes are copied, which
// then are kept until the write has been answered; it must not block. An error refuses the write;
// when bounded is false it may only note them.
type Holder interface {
	Hold(n int, bounded bool) error
}

// What the writes of one stream that wait may keep, in bytes.
const (
	// sureRoom they may keep whatever the Holder has left: a process that is slow for a moment does
	// not pay for others that never read. Hosts write 32 KiB at a time.
	sureRoom = 64 << 10
	// mostRoom they may keep at most, so that one process does not take what there is for all.
	mostRoom = 8 << 20
)

// ErrFull says that a stream keeps mostRoom already.
var ErrFull = errors.New("full")

type writeOp struct {
	writer *Writer
	holder Holder // nil: unbounded
	data   []byte // what is still to be written
	kept   int    // bytes that have been copied
	done   func(error)
	state  opState
}

// NewWriter takes f over as NewReader does.
func (p *Poller) NewWriter(f *os.File) (*Writer, error) {
	fd, err := takeOver(f)
	if err != nil {
		return nil, err
	}
	return &Writer{poller: p, fd: fd}, nil
}

// Write writes all of data, in the order of the calls. What the pipe does not take at
// once is copied and written as it drains, if h allows; an error of h is the write's, of which a
// part may have been taken. h may be nil, and cannot refuse the first 64 KiB that wait. done
// is called once, when the last byte has been taken or with an error (EPIPE: reader gone;
// os.ErrClosed: closed; ErrFull, with h: 8 MiB wait already); it must not
// block. It runs on the caller's goroutine if data was taken at once, else on the
// poller's; a write made while another is being answered is answered after it.
//
// cancel drops what has not been taken yet and is true when done will not be called; a
// part may have been taken before. When false, done has been called or is called
// promptly, with ErrCanceled if not all could be written. cancel never blocks.
func (w *Writer) Write(data []byte, h Holder, done func(error)) (cancel func() bool) {
	op := &writeOp{writer: w, holder: h, data: data, done: done}
	w.mu.Lock()
	first := !w.busy && len(w.queue) == 0
	var err error
	if w.last || w.closed {
		err = os.ErrClosed
	} else if !first {
		err = op.own()
	}
	if err != nil {
		w.mu.Unlock()
		done(fmt.Errorf("write stream: %w", err))
		return never
	}
	w.queue = append(w.queue, op)
	if !first {
		w.mu.Unlock()
		return op.cancel
	}
	w.busy = true
	w.mu.Unlock()
	if w.serve(op) {
		return never
	}
	return op.cancel
}

// own replaces the caller's bytes by a copy.
func (op *writeOp) own() error {
	w, n := op.writer, len(op.data)
	if op.holder != nil {
		if w.kept+n > mostRoom {
			return fmt.Errorf("the room of one process for input that it has not read is %w: %d of %d bytes are taken, %d more wanted",
				ErrFull, w.kept, mostRoom, n)
		}
		if err := op.holder.Hold(n, w.kept+n > sureRoom); err != nil {
			return err
		}
	}
	op.data = slices.Clone(op.data)
	op.kept = n
	w.kept += n
	return nil
}

// drop forgets the bytes of a write that leaves the queue.
func (op *writeOp) drop() {
	op.writer.kept -= op.kept
	op.data, op.kept = nil, 0
}

func (op *writeOp) cancel() bool {
	w := op.writer
	w.mu.Lock()
	canceled := cancelOp(&w.queue, op, &op.state)
	if canceled {
		op.drop()
	}
	// Nothing may be left to keep the descriptor open for.
	settle := canceled && w.last && !w.busy && len(w.queue) == 0
	w.busy = w.busy || settle
	w.mu.Unlock()
	if settle {
		w.serve(nil)
	}
	return canceled
}

// CloseAfterWrites closes stdin once everything written so far has been taken.
// Idempotent. For a terminal made by NewTerminal it hangs up nothing, for the reader has
// a descriptor of its own.
func (w *Writer) CloseAfterWrites() {
	w.mu.Lock()
	idle := !w.busy && len(w.queue) == 0 && !w.last
	w.last = true
	w.busy = w.busy || idle
	w.mu.Unlock()
	if idle {
		w.serve(nil)
	}
}

// Close ends pending writes with os.ErrClosed and closes the descriptor, after the write
// that is being answered just now if there is one. Idempotent.
func (w *Writer) Close() error {
	w.mu.Lock()
	idle := !w.busy && !w.closed
	w.last, w.closed = true, true
	w.busy = w.busy || idle
	w.mu.Unlock()
	if idle {
		w.serve(nil)
	}
	return nil
}

func (w *Writer) ready() {
	w.mu.Lock()
	idle := !w.busy && len(w.queue) > 0
	w.busy = w.busy || idle
	w.mu.Unlock()
	if idle {
		w.serve(nil)
	}
}

func (w *Writer) abandon() { w.Close() }
