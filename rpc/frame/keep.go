// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

// Keeper remembers, outside this process, what another one needs to go on with a connection. It may only
// do so while the connection is quiet, that is neither Reading nor Writing: every byte of the peer's has
// then become an entry or an answer, and every answer is whole with the kernel. Its methods are called
// from any goroutine and must not block.
type Keeper interface {
	// Reading says that bytes of the peer's are being taken in; false: all have been.
	Reading(on bool)
	// Writing says that an answer is on its way; false: none is.
	Writing(on bool)
	// Enter remembers a request without an answer: the whole frame if it can be served again from the
	// beginning (Method.Again), else nil. The number is for Leave.
	Enter(stream uint32, frame []byte) (n int)
	// Leave forgets it: it has its answer, or the connection has ended.
	Leave(n int)
	// Close forgets the connection.
	Close()
}

// Left is what a process has left of a connection.
type Left struct {
	// Again has the frames of requests to serve again, in the order in which they came.
	Again [][]byte
	// Unanswered has the streams of the other requests without an answer.
	Unanswered []uint32
}

// RestartedText answers the calls that were being done when the agent died.
const RestartedText = "the agent was restarted; whether this was done is not known"

// keep is the Keeper of a connection, with what is to be told to it.
type keep struct {
	Keeper
	inFrame bool // the reader is in the middle of a frame; its own

	mu      sync.Mutex
	answers int // claimed and not given to the outbox yet
}

// GoOnConn is ServeConn for a connection that another process has served.
func (m *Mux) GoOnConn(ctx context.Context, nc net.Conn, left Left, started func(*Conn)) {
	m.ServeConn(ctx, nc, func(c *Conn) {
		if started != nil {
			started(c)
		}
		for _, stream := range left.Unanswered {
			c.send(errorFrame(stream, codes.Unavailable, RestartedText), nil, nil)
		}
		again := make([]io.Reader, 0, len(left.Again)+1)
		for _, frame := range left.Again {
			again = append(again, bytes.NewReader(frame))
		}
		c.in.Reset(io.MultiReader(append(again, c.source())...))
	})
}

// source is what the peer sends, read in such a way that the Keeper knows of each byte.
func (c *Conn) source() io.Reader {
	if c.keep == nil {
		return c.nc
	}
	return &keptReader{c}
}

// keptReader reads from the connection. The Keeper is told before a byte can have been taken.
type keptReader struct{ c *Conn }

func (r *keptReader) Read(p []byte) (n int, err error) {
	k := r.c.keep
	failed := r.c.box.raw.Read(func(fd uintptr) bool {
		k.Reading(true)
		for {
			n, err = unix.Read(int(fd), p)
			if err != unix.EINTR {
				break
			}
		}
		if err == unix.EAGAIN {
			k.Reading(k.inFrame || r.c.in.Buffered() > 0)
			return false
		}
		return true
	})
	switch {
	case failed != nil:
		return 0, failed
	case err != nil:
		return 0, err
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// keepable notes what there is to remember of a request.
func (c *Conn) keepable(call *Call, h header, body []byte) {
	if c.keep == nil {
		return
	}
	if call.extra == nil {
		call.extra = &extra{}
	}
	if call.method.Again {
		frame := make([]byte, headerLength+len(body))
		putHeader(frame, h)
		copy(frame[headerLength:], body)
		call.extra.frame = frame
	}
}

// enterKept has a request remembered, before it can be served.
func (c *Conn) enterKept(call *Call) {
	if c.keep != nil {
		call.extra.kept = c.keep.Enter(call.stream, call.extra.frame)
		call.extra.frame = nil
	}
}

// leaveKept has it forgotten.
func (c *Conn) leaveKept(call *Call) {
	if c.keep != nil {
		c.keep.Leave(call.extra.kept)
	}
}

// answering notes that answers have been claimed (1), or given to the outbox (-1), or that the outbox
// has written some (0).
func (c *Conn) answering(claimed int) {
	k := c.keep
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answers += claimed
	k.Writing(k.answers > 0 || !c.box.idle())
}

// within notes whether the reader is in the middle of a frame.
func (c *Conn) within(frame bool) {
	if c.keep != nil {
		c.keep.inFrame = frame
	}
}
