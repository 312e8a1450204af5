// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"

	"github.com/kata-containers/kata-agent/protocols"
)

// Do makes a call of the agent's service that has no answer.
func (c *Client) Do(ctx context.Context, method string, request protocols.Message) error {
	return c.call(ctx, protocols.AgentService, method, c.timeout, request, &protocols.Empty{})
}

// A Process is one in a container: its first (Exec "" or the container's id) or a session.
type Process struct {
	*Client
	Container, Exec string
}

// Wait waits for the process to exit and returns its status, 128 + n after signal n. It has no
// time limit but ctx's.
func (p Process) Wait(ctx context.Context) (int, error) {
	var r protocols.WaitProcessResponse
	err := p.call(ctx, protocols.AgentService, "WaitProcess", 0,
		&protocols.WaitProcessRequest{ContainerId: p.Container, ExecId: p.Exec}, &r)
	return int(r.Status), err
}

// Stream is an output stream of a process, by the name of the call that reads it.
type Stream string

// The output streams. A terminal has stdout only.
const (
	Stdout Stream = "ReadStdout"
	Stderr Stream = "ReadStderr"
)

// Read reads at most n bytes; no data is the end of the stream. It has no time limit but ctx's.
func (p Process) Read(ctx context.Context, s Stream, n int) ([]byte, error) {
	var r protocols.ReadStreamResponse
	err := p.call(ctx, protocols.AgentService, string(s), 0,
		&protocols.ReadStreamRequest{ContainerId: p.Container, ExecId: p.Exec, Len: uint32(n)}, &r)
	return r.Data, err
}

// Write writes to the standard input and returns how much was taken. It has no time limit but
// ctx's: a process need not read.
func (p Process) Write(ctx context.Context, data []byte) (int, error) {
	var r protocols.WriteStreamResponse
	err := p.call(ctx, protocols.AgentService, "WriteStdin", 0,
		&protocols.WriteStreamRequest{ContainerId: p.Container, ExecId: p.Exec, Data: data}, &r)
	return int(r.Len), err
}

// CloseStdin is the end of the standard input.
func (p Process) CloseStdin(ctx context.Context) error {
	return p.Do(ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: p.Container, ExecId: p.Exec})
}

// Signal sends signal n.
func (p Process) Signal(ctx context.Context, n int) error {
	return p.Do(ctx, "SignalProcess",
		&protocols.SignalProcessRequest{ContainerId: p.Container, ExecId: p.Exec, Signal: uint32(n)})
}

// Resize sets the size of the process's terminal, in characters.
func (p Process) Resize(ctx context.Context, rows, columns int) error {
	return p.Do(ctx, "TtyWinResize", &protocols.TtyWinResizeRequest{
		ContainerId: p.Container, ExecId: p.Exec, Row: uint32(rows), Column: uint32(columns),
	})
}
