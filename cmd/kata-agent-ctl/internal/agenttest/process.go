// SPDX-License-Identifier: Apache-2.0

package agenttest

import (
	"bytes"
	"context"
	"sync"

	"github.com/kata-containers/kata-agent/protocols"
)

// A Process is what the stream calls and WaitProcess of a server talk to: it has its output ready,
// keeps its input, and exits when that has ended.
type Process struct {
	Stdout, Stderr []byte
	Status         int32
	// Taken is how much of each write is accepted at most; 0 is all of it.
	Taken int

	mu     sync.Mutex
	input  bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

// Serve makes every process of the server p.
func (s *Server) Serve(p *Process) {
	p.closed = make(chan struct{})
	s.Handle("ReadStdout", p.read(&p.Stdout))
	s.Handle("ReadStderr", p.read(&p.Stderr))
	s.Handle("WriteStdin", p.write)
	s.Handle("CloseStdin", func(context.Context, protocols.Message, protocols.Message) error {
		p.once.Do(func() { close(p.closed) })
		return nil
	})
	s.Handle("WaitProcess", func(_ context.Context, _, reply protocols.Message) error {
		reply.(*protocols.WaitProcessResponse).Status = p.Status
		return nil
	})
}

// Input is what the process has been sent.
func (p *Process) Input() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.input.String()
}

// read gives the output in small pieces and ends the stream when the input has ended.
func (p *Process) read(from *[]byte) Handler {
	return func(ctx context.Context, request, reply protocols.Message) error {
		p.mu.Lock()
		n := min(len(*from), int(request.(*protocols.ReadStreamRequest).Len), 3)
		reply.(*protocols.ReadStreamResponse).Data = (*from)[:n]
		*from = (*from)[n:]
		p.mu.Unlock()
		if n > 0 {
			return nil
		}
		select {
		case <-p.closed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Process) write(_ context.Context, request, reply protocols.Message) error {
	data := request.(*protocols.WriteStreamRequest).Data
	if p.Taken > 0 {
		data = data[:min(len(data), p.Taken)]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.input.Write(data)
	reply.(*protocols.WriteStreamResponse).Len = uint32(len(data))
	return nil
}
