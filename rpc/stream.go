// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// Streams are answered at the frame: bytes go from the pipe straight into the reply, and
// a call that waits costs no goroutine.
func (s *Service) streamMethods() []server.Method {
	return []server.Method{
		async("ReadStdout", s.readStdout, server.Bulk, server.Again, server.Denied(s.dropStdout)),
		async("ReadStderr", s.readStderr, server.Bulk, server.Again, server.Denied(s.dropStderr)),
		async("WriteStdin", s.writeStdin, server.Recycled(emptied)),
		empty("CloseStdin", s.closeStdin, server.Quiet),
	}
}

func (s *Service) readStdout(c *frame.Call, q *protocols.ReadStreamRequest) {
	s.read(c, q, (*process.IO).ReadStdout, (*process.IO).Stdout)
}

func (s *Service) readStderr(c *frame.Call, q *protocols.ReadStreamRequest) {
	s.read(c, q, (*process.IO).ReadStderr, (*process.IO).Stderr)
}

func (s *Service) dropStdout(c *frame.Call, q *protocols.ReadStreamRequest) {
	s.drop(c, q, (*process.IO).DropStdout)
}

func (s *Service) dropStderr(c *frame.Call, q *protocols.ReadStreamRequest) {
	s.drop(c, q, (*process.IO).DropStderr)
}

type dropStream func(o *process.IO, n int, dropped func(int), done func([]byte, error)) (cancel func() bool)

// drop answers a read that the policy denies: when there is something to read, as if that were the
// end of the stream. The process must not notice, so its output is read and dropped from then on.
func (s *Service) drop(c *frame.Call, q *protocols.ReadStreamRequest, from dropStream) {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		c.Fail(err)
		return
	}
	if !h.IO.Drops() {
		s.options.Log.Warn("output is dropped: the policy denies reading it",
			zap.String("container", q.ContainerId), zap.String("exec", q.ExecId))
	}
	count := func(n int) { s.dropped.Add(uint64(n)) }
	c.OnCancel(from(h.IO, fitted(q.Len), count, func(data []byte, _ error) {
		count(len(data))
		c.ReplyBytes(nil)
	}))
}

// keptWrite is the largest buffer that is kept for the next write, in bytes; hosts write
// 32 KiB at a time.
const keptWrite = 64 << 10

// emptied readies a write for the next request.
func emptied(q *protocols.WriteStreamRequest) {
	data := q.Data[:0]
	if cap(data) > keptWrite {
		data = nil
	}
	*q = protocols.WriteStreamRequest{Data: data}
}

// maxRead bounds one read, in bytes: a reply over the frame limit would be an error.
const maxRead = 1 << 20

// messageOverhead is what a read's answer takes beside the data, at most, in bytes: the
// message's and the frame's headers, the vsock packet's, and the kernel's own at its end
// (struct skb_shared_info, some 320).
const messageOverhead = 512

// fitted is how much a read for so many bytes may return. The kernel takes memory for a
// vsock packet in powers of two: the answer to a host's 32 KiB would take 64, all of which
// most kernels clear first, and in one piece of a size that a guest short of memory has
// trouble to find (PAGE_ALLOC_COSTLY_ORDER). Hosts ask again for what is left.
func fitted(length uint32) int {
	n := int(min(length, maxRead))
	if n < 16*messageOverhead {
		return n
	}
	block := 1 << bits.Len(uint(n-1)) // the power of two that holds n
	return min(n, block-messageOverhead)
}

type readStream func(o *process.IO, n int, done func([]byte, error)) (cancel func() bool)

// read answers with what is there, or parks the call. The end of the stream is an answer
// without data, which is what hosts take for it. What cannot be sent, because the host has gone,
// goes back to the stream and is the next reader's.
func (s *Service) read(c *frame.Call, q *protocols.ReadStreamRequest, from readStream, stream func(*process.IO) process.Stream) {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		c.Fail(err)
		return
	}
	origin := stream(h.IO)
	c.OnCancel(from(h.IO, fitted(q.Len), func(data []byte, err error) {
		if err != nil && !errors.Is(err, io.EOF) {
			c.Fail(fmt.Errorf("read from container %q: %w", q.ContainerId, err))
			return
		}
		c.ReplyBytesOf(data, origin)
	}))
}

// writeStdin writes all of the data and answers with their length. No data means the end
// of input, which is how runtime-rs says it.
func (s *Service) writeStdin(c *frame.Call, q *protocols.WriteStreamRequest) {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		c.Fail(opaque{err}) // INTERNAL, unlike the reads: hosts know it so
		return
	}
	cid, n := q.ContainerId, uint32(len(q.Data)) // q is not ours once this returns
	if n == 0 {
		h.IO.CloseStdin()
		c.Reply(&protocols.WriteStreamResponse{})
		return
	}
	c.OnCancel(h.IO.WriteStdin(q.Data, c, func(err error) {
		if err != nil {
			c.Fail(fmt.Errorf("write to stdin of container %q: %w", cid, err))
			return
		}
		c.Reply(&protocols.WriteStreamResponse{Len: n})
	}))
}

func (s *Service) closeStdin(_ context.Context, q *protocols.CloseStdinRequest) error {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		return err
	}
	h.IO.CloseStdin()
	return nil
}
