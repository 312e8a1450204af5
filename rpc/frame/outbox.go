// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// outbox writes the frames of one connection. Whoever has a frame tries to write it on the spot,
// without waiting; what the socket does not take is queued, and a goroutine that lives only until
// the queue is empty writes it. So send never blocks and an idle connection has no writer.
type outbox struct {
	nc  net.Conn
	raw syscall.RawConn // nil: no way to write without waiting, everything is queued

	// changed is told, outside the lock, whenever a flush has written some or ended; failed is told
	// why writing has ended.
	changed func()
	failed  func(error)
	// size is how many bytes wait for the peer: queued or being flushed, by the capacity of their
	// buffers. It is positive only while a flush runs, so that a call of changed follows.
	size atomic.Int64

	mu     sync.Mutex
	queue  []*buffer
	unsent unsentList
	busy   bool // somebody is writing: all others queue
	closed bool
	over   sync.Cond // busy is over, after closed

	// What the one who set busy writes at present, and how it went: fields, not variables, so
	// that a write allocates nothing.
	iov   [][]byte
	wait  bool
	wrote int
	err   error
	step  func(fd uintptr) bool
	first [2][]byte
}

func (o *outbox) init(nc net.Conn) {
	o.nc = nc
	o.over.L = &o.mu
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			o.raw = raw
			o.step = o.writev
		}
	}
}

// send writes or queues a frame: buf, which it takes over, and after it data, which it copies
// unless it can be written at once. origin, unless nil, gets back what cannot be sent.
func (o *outbox) send(buf *buffer, data []byte, origin Origin) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		buf.free()
		if origin != nil {
			origin.Refused(data)
		}
		return
	}
	if o.busy || o.raw == nil {
		o.unsent.add(origin, o.push(buf, data))
		if !o.busy {
			o.busy = true
			go o.flush()
		}
		o.mu.Unlock()
		return
	}
	o.busy = true
	o.mu.Unlock()

	o.first[0], o.first[1] = buf.b, data
	o.iov = o.first[:1]
	if len(data) > 0 {
		o.iov = o.first[:2]
	}
	o.write(false)
	o.sent(buf, data, origin)
}

// sent ends a write on the spot: it queues the rest in front of what others have queued meanwhile.
func (o *outbox) sent(buf *buffer, data []byte, origin Origin) {
	n, err := o.wrote, o.err
	rest := len(buf.b) + len(data) - n
	o.mu.Lock()
	if err != nil || o.closed {
		if rest > 0 {
			o.unsent.front(origin, data, int64(rest))
		}
		o.mu.Unlock()
		o.end(err)
		return
	}
	if rest > 0 {
		o.unsent.front(origin, data, int64(rest))
		behind := o.queue
		o.queue = nil
		o.pushRest(buf, data, n)
		o.queue = append(o.queue, behind...)
	} else {
		buf.free()
	}
	if len(o.queue) == 0 {
		o.busy = false
	} else {
		go o.flush()
	}
	o.mu.Unlock()
}

// push queues buf and a copy of data, which it returns. Small frames are put together in one chunk.
func (o *outbox) push(buf *buffer, data []byte) (kept []byte) {
	need := len(buf.b) + len(data)
	o.unsent.queued += int64(need)
	if last := len(o.queue) - 1; last >= 0 {
		if tail := o.queue[last]; cap(tail.b)-len(tail.b) >= need {
			tail.b = append(append(tail.b, buf.b...), data...)
			buf.free()
			return tail.b[len(tail.b)-len(data):]
		}
	}
	return o.pushRest(buf, data, 0)
}

// pushRest queues buf and a copy of data without their first n bytes, and returns what it has queued
// of data.
func (o *outbox) pushRest(buf *buffer, data []byte, n int) (kept []byte) {
	if n == 0 && len(data) == 0 && cap(buf.b)-len(buf.b) < len(buf.b) {
		o.append(buf) // well filled: no copy
		return nil
	}
	rest := getBuffer(max(len(buf.b)+len(data)-n, smallChunk))
	if n < len(buf.b) {
		rest.b = append(rest.b, buf.b[n:]...)
		n = 0
	} else {
		n -= len(buf.b)
	}
	rest.b = append(rest.b, data[n:]...)
	buf.free()
	o.append(rest)
	return rest.b[len(rest.b)-len(data[n:]):]
}

// smallChunk is the least size of a queued chunk: a peer that is slow once is mostly slow for more
// than one reply.
const smallChunk = 4 << 10

func (o *outbox) append(b *buffer) {
	o.queue = append(o.queue, b)
	o.size.Add(int64(cap(b.b)))
}

// flush writes the queue until it is empty, waiting for the peer as long as that takes.
func (o *outbox) flush() {
	var spare []*buffer
	for {
		o.mu.Lock()
		if len(o.queue) == 0 || o.closed {
			closed := o.closed
			o.busy = closed
			o.mu.Unlock()
			if closed {
				o.end(nil)
			}
			o.changed()
			return
		}
		batch := o.queue
		o.queue = spare[:0]
		o.mu.Unlock()
		for i, b := range batch {
			o.writeAll(b.b)
			if o.err != nil {
				o.flushed(o.wrote)
				o.end(o.err)
				return
			}
			o.flushed(len(b.b))
			o.size.Add(-int64(cap(b.b)))
			b.free()
			batch[i] = nil
			o.changed()
		}
		spare = batch
	}
}

// flushed notes what has been written.
func (o *outbox) flushed(n int) {
	o.mu.Lock()
	sent := o.unsent.wrote(n)
	o.mu.Unlock()
	for _, r := range sent {
		r.origin.Sent(r.token)
	}
}

// end ends the last write of all: the outbox is closed, or err is why it has to be.
func (o *outbox) end(err error) {
	if err != nil {
		o.fail(err)
	}
	o.mu.Lock()
	o.busy = false
	o.over.Broadcast()
	o.mu.Unlock()
}

// giveBack returns what has not been sent to where it was taken from, after close and when writes to the
// socket cannot wait any more: it waits for the one under way.
func (o *outbox) giveBack() {
	o.mu.Lock()
	for o.busy {
		o.over.Wait()
	}
	lost := o.unsent.replies
	o.unsent.replies = nil
	o.mu.Unlock()
	for _, r := range lost {
		r.origin.Returned(r.token, r.data)
	}
}

// idle says that everything sent has been handed to the kernel.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.busy && len(o.queue) == 0
}

// fail ends writing because of an error of the socket.
func (o *outbox) fail(err error) {
	o.close()
	o.failed(err)
}

// close drops what is queued and all that is sent later. The writer, if there is one, ends when
// the connection is closed.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.queue = nil
	o.mu.Unlock()
}
