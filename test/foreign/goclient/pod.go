// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/client"
	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
)

const (
	container = "c1"
	sigkill   = 9
	// readSize is the buffer of io.Copy, by which the host copies streams.
	readSize = 32 << 10
)

// pod is the life of a pod with one container and many exec sessions, call by call as the Go
// runtime makes them: init addressed by the container's id, sessions without capabilities,
// CloseStdin, a second wait for init before its removal.
func pod(ctx context.Context, c *client.AgentClient, o *options, out *outcome) {
	a := c.AgentServiceClient
	out.count("Check", limited(ctx, c.HealthClient.Check, &pb.CheckRequest{}))
	out.count("CreateSandbox", limited(ctx, a.CreateSandbox, &pb.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb"}))
	out.count("GetGuestDetails", limited(ctx, a.GetGuestDetails, &pb.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true}))
	out.count("CreateContainer", limited(ctx, a.CreateContainer, &pb.CreateContainerRequest{
		ContainerId: container, ExecId: container, OCI: spec(o.rootfs, o.cgroup),
	}))
	out.count("StartContainer", limited(ctx, a.StartContainer, &pb.StartContainerRequest{ContainerId: container}))
	oom := make(chan error, 1)
	go func() {
		_, err := a.GetOOMEvent(ctx, &pb.GetOOMEventRequest{})
		oom <- err
	}()

	slots := make(chan struct{}, max(o.atOnce, 1))
	var sessions sync.WaitGroup
	for i := range o.sessions {
		slots <- struct{}{}
		sessions.Go(func() {
			out.count("session", session(ctx, a, fmt.Sprintf("e%d", i)))
			<-slots
		})
	}
	sessions.Wait()
	out.count("StatsContainer", limited(ctx, a.StatsContainer, &pb.StatsContainerRequest{ContainerId: container}))
	stop(ctx, a, out)
	select {
	case err := <-oom:
		out.count("GetOOMEvent", fmt.Errorf("ended by itself: %w", err))
	default:
	}
	if o.destroy {
		out.count("DestroySandbox", limited(ctx, a.DestroySandbox, &pb.DestroySandboxRequest{}))
	}
	c.Close()
	if err := <-oom; !errors.Is(err, ttrpc.ErrClosed) && out.failed.Load() == 0 && !o.destroy {
		out.count("GetOOMEvent", fmt.Errorf("after closing: %w", err))
	}
}

// stop is what the host does with a container that is to end.
func stop(ctx context.Context, a pb.AgentServiceService, out *outcome) {
	out.count("SignalProcess", limited(ctx, a.SignalProcess, &pb.SignalProcessRequest{ContainerId: container, Signal: sigkill}))
	reply, err := a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: container, ExecId: container})
	if err == nil && reply.Status != 128+sigkill {
		err = fmt.Errorf("status %d", reply.Status)
	}
	out.count("WaitProcess", err)
	// Once more, as its StopContainer does: answered at once, by an error or not.
	_, _ = a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: container, ExecId: container})
	out.count("RemoveContainer", limited(ctx, a.RemoveContainer, &pb.RemoveContainerRequest{ContainerId: container}))
	out.count("RemoveStaleVirtiofsShareMounts", limited(ctx, a.RemoveStaleVirtiofsShareMounts, &pb.RemoveStaleVirtiofsShareMountsRequest{}))
}

// session sends a line through cat and checks what comes back.
func session(ctx context.Context, a pb.AgentServiceService, id string) error {
	if err := limited(ctx, a.ExecProcess, &pb.ExecProcessRequest{
		ContainerId: container, ExecId: id, Process: process("sh", "-c", "cat; echo err >&2; exit 7"),
	}); err != nil {
		return fmt.Errorf("ExecProcess: %w", err)
	}
	line := "hello " + id + "\n"
	var stdout, stderr bytes.Buffer
	var outErr, errErr error
	var reads sync.WaitGroup
	reads.Go(func() { _, outErr = io.CopyBuffer(&stdout, &stream{ctx, a.ReadStdout, id}, make([]byte, readSize)) })
	reads.Go(func() { _, errErr = io.CopyBuffer(&stderr, &stream{ctx, a.ReadStderr, id}, make([]byte, readSize)) })
	reply, err := a.WriteStdin(ctx, &pb.WriteStreamRequest{ContainerId: container, ExecId: id, Data: []byte(line)})
	if err != nil || int(reply.Len) != len(line) {
		return fmt.Errorf("WriteStdin: %v, %w", reply, err)
	}
	if err := limited(ctx, a.CloseStdin, &pb.CloseStdinRequest{ContainerId: container, ExecId: id}); err != nil {
		return fmt.Errorf("CloseStdin: %w", err)
	}
	reads.Wait()
	if err := errors.Join(outErr, errErr); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if stdout.String() != line || stderr.String() != "err\n" {
		return fmt.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
	wait, err := a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: container, ExecId: id})
	if err != nil {
		return fmt.Errorf("WaitProcess: %w", err)
	}
	if wait.Status != 7 {
		return fmt.Errorf("status %d", wait.Status)
	}
	return nil
}

// stream reads as the host does: a reply without data is the end.
type stream struct {
	ctx  context.Context
	read func(context.Context, *pb.ReadStreamRequest) (*pb.ReadStreamResponse, error)
	id   string
}

func (s *stream) Read(p []byte) (int, error) {
	reply, err := s.read(s.ctx, &pb.ReadStreamRequest{ContainerId: container, ExecId: s.id, Len: uint32(len(p))})
	if err != nil {
		return 0, err
	}
	if len(reply.Data) == 0 {
		return 0, io.EOF
	}
	return copy(p, reply.Data), nil
}
