// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"io"
	"net"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// inner is the connection the ttRPC server sees: requests that carry nothing but the name of a
// method and a number under which the real call is found, and empty replies. The real reply has
// been sent before the empty one comes back, which only says that the handler has returned.
//
// The server demands stream ids that rise (v1.2.10: "StreamID cannot be re-used and must
// increment") and never comes back to a lower one; before they run out an inner connection is
// replaced by a new one.
type inner struct {
	net.Conn // nil: the server uses only the methods below
	c        *Conn

	// All of these are guarded by Conn.mu.
	calls   map[uint32]*Call
	next    uint32 // stream id of the next request
	retired bool   // no more requests
	closed  bool   // the server has let go of it

	unread    []byte // rest of a request the server's buffer had no room for
	unwritten []byte // beginning of a reply
}

// lastStream is the last stream id used on an inner connection.
const lastStream = 1<<32 - 3

type innerKey struct{}

// startInner begins a fresh inner connection. Conn.mu is held.
func (c *Conn) startInner() {
	in := &inner{c: c, calls: map[uint32]*Call{}, next: 1}
	c.inner = in
	c.servers.Add(1)
	ctx := context.WithValue(c.ctx, innerKey{}, in)
	go func() {
		// Serve accepts the one connection, starts serving it and ends at the EOF after it.
		if err := c.mux.server.Serve(ctx, &once{conn: in}); err == ttrpc.ErrServerClosed {
			in.Close()
		}
	}()
}

// Read gives the server one whole request at a time.
func (in *inner) Read(p []byte) (int, error) {
	if len(in.unread) > 0 {
		return in.readRest(p), nil
	}
	c := in.c
	c.mu.Lock()
	call := in.take()
	if call == nil {
		c.mu.Unlock()
		return 0, io.EOF
	}
	id := in.next
	in.next += 2
	in.calls[id] = call
	c.running++
	in.rotate(id)
	c.mu.Unlock()

	in.unread = call.ticket(id)
	return in.readRest(p), nil
}

func (in *inner) readRest(p []byte) int {
	n := copy(p, in.unread)
	in.unread = in.unread[n:]
	return n
}

// take waits for a call to hand on; nil means there will be none. Conn.mu is held.
func (in *inner) take() *Call {
	c := in.c
	for {
		switch {
		case c.closed || in.closed || in.retired && len(in.calls) == 0:
			return nil
		case in.retired || c.running >= c.mux.config.Limits.Running:
		default:
			if call := c.nextCold(); call != nil {
				return call
			}
		}
		c.work.Wait()
	}
}

// nextCold takes the oldest cold call that still wants an answer. Conn.mu is held.
func (c *Conn) nextCold() *Call {
	for c.backlog.len() > 0 {
		call := c.backlog.pop()
		if call.state.Load() == waiting {
			return call
		}
		c.release(call)
	}
	return nil
}

// release gives back the room of a cold call that has come to its end. Conn.mu is held.
func (c *Conn) release(call *Call) {
	c.requests -= int(call.size)
	c.wake()
	c.noteDrained()
}

// rotate replaces the inner connection after its last id. Conn.mu is held.
func (in *inner) rotate(id uint32) {
	if id < in.c.mux.lastStream {
		return
	}
	in.retired = true
	in.c.startInner()
}

// Write takes the server's replies.
func (in *inner) Write(p []byte) (int, error) {
	if len(in.unwritten) > 0 {
		in.unwritten = append(in.unwritten, p...)
		in.unwritten = in.replies(in.unwritten)
		return len(p), nil
	}
	if rest := in.replies(p); len(rest) > 0 {
		in.unwritten = append([]byte(nil), rest...)
	}
	return len(p), nil
}

// replies handles the whole frames in b and returns the rest.
func (in *inner) replies(b []byte) []byte {
	for len(b) >= headerLength {
		h := parseHeader(b)
		end := headerLength + int(h.length)
		if len(b) < end {
			break
		}
		in.reply(h.stream, b[headerLength:end])
		b = b[end:]
	}
	return b
}

// reply notes that the server is through with a call.
func (in *inner) reply(id uint32, payload []byte) {
	c := in.c
	c.mu.Lock()
	call := in.calls[id]
	delete(in.calls, id)
	if call == nil {
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	if call.state.Load() == waiting {
		call.Fail(innerError(payload)) // the server has refused what it was given
	}
	c.mu.Lock()
	c.running--
	c.release(call)
	if c.backlog.len() > 0 || in.retired {
		c.work.Broadcast()
	}
	c.mu.Unlock()
}

func innerError(payload []byte) error {
	var resp ttrpc.Response
	if err := proto.Unmarshal(payload, &resp); err != nil || resp.GetStatus().GetCode() == 0 {
		return Errorf(codes.Internal, "no answer")
	}
	return Errorf(codes.Code(resp.GetStatus().GetCode()), "%s", resp.GetStatus().GetMessage())
}

// Close is the server letting go of the connection. It does so by itself only when it is closed or
// cannot go on.
func (in *inner) Close() error {
	in.c.mu.Lock()
	first := !in.closed
	in.closed = true
	fatal := first && !in.retired
	in.c.work.Broadcast()
	in.c.mu.Unlock()
	if first {
		in.c.servers.Done()
	}
	if fatal {
		in.c.Close()
	}
	return nil
}

// once is a listener with one connection.
type once struct{ conn net.Conn }

func (o *once) Accept() (net.Conn, error) {
	conn := o.conn
	if o.conn = nil; conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}
func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: "inner"} }
