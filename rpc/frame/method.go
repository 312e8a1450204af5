// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// Method is a method of a service and its handler. Exactly one of Async and Blocking is set.
type Method struct {
	// Service is the full name ("grpc.AgentService"), Name the method's name within it.
	Service, Name string
	// New makes an empty request message.
	New func() protocols.Message
	// Async serves the call on the goroutine that reads the connection. It must not block: it
	// answers at once, or keeps the call and answers later from any goroutine. The request is not
	// used again by the frame, except to call Async anew if Bulk is set.
	Async func(*Call, protocols.Message)
	// Recycle, if set, lets an async method use its request messages again: it clears one whose Async has
	// returned, and may leave it buffers to decode into. Async must then not keep the request, nor
	// its byte slices. Not with Bulk.
	Recycle func(protocols.Message)
	// Bulk marks an async method whose replies are large and whose calls can be served again after they
	// were canceled (Call.OnCancel): reads. While the peer does not take the replies it has
	// asked for, such calls are canceled, so that their bytes stay where they come from.
	Bulk bool
	// Again marks an async method whose calls, while they wait, have had no effect and may be served again
	// by another process: waits and reads (Options.Keep).
	Again bool
	// Blocking serves the call on a goroutine of its own. The context ends at the call's deadline,
	// with the connection, and when Blocking returns. A nil message with a nil error is an empty one.
	Blocking func(context.Context, protocols.Message) (protocols.Message, error)
	// Urgent marks a blocking method that may be what ends the calls that run: a signal, a removal.
	// It runs also when as many as may (Limits.Running) do.
	Urgent bool

	// spare holds requests to use again.
	spare *sync.Pool
}

// Options is what all connections of a Mux share.
type Options struct {
	Methods []Method
	// Status turns an error of a handler into an answer. Nil: the function Status.
	Status func(error) (codes.Code, string)
	// Panicked is told of a panic in a handler, on the goroutine that panicked, with the value and
	// the stack. The call has an answer by itself. May be nil.
	Panicked func(r *Method, value any, stack []byte)
	// Rejected is told of a frame that reached no handler, with the answer it got. May be nil.
	Rejected func(service, method string, code codes.Code, text string)
	Limits   Limits
	// HeldByAll is how many bytes of requests async calls that wait may keep on all connections
	// together (Call.Hold). Zero: 64 MiB.
	HeldByAll int
	// Keep, if set, gives each connection what remembers it beyond the end of this process; nil: nobody
	// does. Connections without a raw descriptor have none.
	Keep func(net.Conn) Keeper
	// Freed is told how many bytes have become garbage with a call that kept some, or with a
	// connection. It must not block, and may be called under locks. May be nil.
	Freed func(bytes int)
}

// Limits bounds what one connection may occupy. Zero means the default. Beyond a limit, except for
// Running and Held, the connection is not read until there is room again.
type Limits struct {
	// Running is how many blocking calls run at a time. Further ones wait, not decoded yet, while
	// async calls are still served. As many Urgent ones may run on top. Default 512, some 10 KiB each.
	Running int
	// Waiting is how many further ones may wait. What goes beyond it is refused, but for Urgent ones.
	// Default 8192.
	Waiting int
	// Requests is how many bytes of blocking requests may wait or run, each counted with 256 bytes on
	// top. One request is always let in. Default 8 MiB.
	Requests int
	// Parked is how many async calls may wait for their answer. Default 65536, some 400 bytes each.
	Parked int
	// Held is how many bytes of their requests async calls that wait may keep (Call.Hold). What goes
	// beyond it is refused, for the connection must be read: a signal may be what ends the wait.
	// Default 32 MiB.
	Held int
	// Queued is how many bytes of replies may wait for the peer to read. Bulk calls are canceled
	// at half of it. Default 1 MiB.
	Queued int
}

func (l Limits) orDefault() Limits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Running, 512)
	set(&l.Waiting, 8192)
	set(&l.Requests, 8<<20)
	set(&l.Parked, 1<<16)
	set(&l.Held, 32<<20)
	set(&l.Queued, 1<<20)
	return l
}

// callOverhead is what a waiting request is counted for beside its body.
const callOverhead = 256

// prepare makes the pool of a method whose requests are used again.
func (r *Method) prepare() {
	if r.Recycle != nil {
		r.spare = &sync.Pool{New: func() any { return r.New() }}
	}
}

// request returns an empty request message; recycle takes it back when it has been served.
func (r *Method) request() protocols.Message {
	if r.spare != nil {
		return r.spare.Get().(protocols.Message)
	}
	return r.New()
}

func (r *Method) recycle(m protocols.Message) {
	if r.spare != nil {
		r.Recycle(m)
		r.spare.Put(m)
	}
}
