// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/containerd/ttrpc"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// eachCall marks a context in which each call has its own guard against a hang.
type eachCall struct{}

// Context ends with the test. Each call that a Client makes with it may take guard.Hang, so a test
// may make any number of them.
func Context(tb testing.TB) context.Context {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), eachCall{}, true))
	tb.Cleanup(cancel)
	return ctx
}

func callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, limited := ctx.Deadline(); limited || ctx.Value(eachCall{}) == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, guard.Hang)
}

// Client is a ttRPC client with the methods tests use by name; Call makes any call.
type Client struct{ rpc *ttrpc.Client }

// Dial connects to unix://path or unix://@name.
func Dial(address string) (*Client, error) {
	path := strings.TrimPrefix(address, "unix://")
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:]
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &Client{ttrpc.NewClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.rpc.Close() }

// Call calls a method of grpc.AgentService.
func (c *Client) Call(ctx context.Context, method string, request, reply protocols.Message) error {
	ctx, cancel := callContext(ctx)
	defer cancel()
	return c.rpc.Call(ctx, "grpc.AgentService", method, protocols.Wire(request), protocols.Wire(reply))
}

// Do is Call for methods without a reply.
func (c *Client) Do(ctx context.Context, method string, request protocols.Message) error {
	return c.Call(ctx, method, request, &protocols.Empty{})
}

// Check asks for health.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := callContext(ctx)
	defer cancel()
	return c.rpc.Call(ctx, "grpc.Health", "Check", protocols.Wire(&protocols.CheckRequest{}), protocols.Wire(&protocols.HealthCheckResponse{}))
}

// DestroySandbox ends the pod and the agent.
func (c *Client) DestroySandbox(ctx context.Context) error {
	return c.Do(ctx, "DestroySandbox", &protocols.DestroySandboxRequest{})
}

// Create, StartContainer, Remove, Exec, Signal, Wait, Read... as in the protocol.
func (c *Client) Create(ctx context.Context, cid string, spec *protocols.Spec) error {
	return c.Do(ctx, "CreateContainer", &protocols.CreateContainerRequest{ContainerId: cid, ExecId: cid, OCI: spec})
}

// StartContainer starts a created container.
func (c *Client) StartContainer(ctx context.Context, cid string) error {
	return c.Do(ctx, "StartContainer", &protocols.StartContainerRequest{ContainerId: cid})
}

// Remove removes a container without a time limit.
func (c *Client) Remove(ctx context.Context, cid string) error {
	return c.Do(ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: cid})
}

// Exec starts a session.
func (c *Client) Exec(ctx context.Context, cid, exec string, p *protocols.Process) error {
	return c.Do(ctx, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: cid, ExecId: exec, Process: p})
}

// Signal sends a signal.
func (c *Client) Signal(ctx context.Context, cid, exec string, sig uint32) error {
	return c.Do(ctx, "SignalProcess", &protocols.SignalProcessRequest{ContainerId: cid, ExecId: exec, Signal: sig})
}

// Wait waits for a process to exit.
func (c *Client) Wait(ctx context.Context, cid, exec string) (int32, error) {
	var r protocols.WaitProcessResponse
	err := c.Call(ctx, "WaitProcess", &protocols.WaitProcessRequest{ContainerId: cid, ExecId: exec}, &r)
	return r.Status, err
}

// ReadStdout reads once; no data is the end.
func (c *Client) ReadStdout(ctx context.Context, cid, exec string, n uint32) ([]byte, error) {
	var r protocols.ReadStreamResponse
	err := c.Call(ctx, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: n}, &r)
	return r.Data, err
}

// ReadStderr reads once; no data is the end.
func (c *Client) ReadStderr(ctx context.Context, cid, exec string, n uint32) ([]byte, error) {
	var r protocols.ReadStreamResponse
	err := c.Call(ctx, "ReadStderr", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: n}, &r)
	return r.Data, err
}

// readSize is what the Go host reads at a time.
const readSize = 32 << 10

// ReadAll reads stdout to its end.
func (c *Client) ReadAll(ctx context.Context, cid, exec string) ([]byte, error) {
	var all []byte
	for {
		b, err := c.ReadStdout(ctx, cid, exec, readSize)
		if err != nil || len(b) == 0 {
			return all, err
		}
		all = append(all, b...)
	}
}

// WriteStdin writes; no data is the end of input.
func (c *Client) WriteStdin(ctx context.Context, cid, exec string, data []byte) (uint32, error) {
	var r protocols.WriteStreamResponse
	err := c.Call(ctx, "WriteStdin", &protocols.WriteStreamRequest{ContainerId: cid, ExecId: exec, Data: data}, &r)
	return r.Len, err
}

// Run starts a session, reads its output and returns it with the exit status.
func (c *Client) Run(ctx context.Context, cid, exec string, args ...string) (string, int32, error) {
	if err := c.Exec(ctx, cid, exec, Process(args...)); err != nil {
		return "", 0, err
	}
	out, err := c.ReadAll(ctx, cid, exec)
	if err != nil {
		return string(out), 0, err
	}
	status, err := c.Wait(ctx, cid, exec)
	return string(out), status, err
}
