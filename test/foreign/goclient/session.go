// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
)

// readSize is the buffer of io.Copy, by which the host copies streams.
const readSize = 32 << 10

// echo sends a line through cat and checks what comes back.
func echo(ctx context.Context, a pb.AgentServiceService, id string) error {
	line := "hello " + id + "\n"
	got, err := session(ctx, a, id, process(false, "sh", "-c", "cat; echo err >&2; exit 7"), line)
	if err != nil {
		return err
	}
	if got.stdout != line || got.stderr != "err\n" || got.status != 7 {
		return fmt.Errorf("%+v", got)
	}
	return nil
}

// output runs a program of a container, which must end well, and gives what it wrote.
func output(ctx context.Context, a pb.AgentServiceService, id string, args ...string) (string, error) {
	got, err := session(ctx, a, id, process(false, args...), "")
	if err == nil && got.status != 0 {
		err = fmt.Errorf("%+v", got)
	}
	return got.stdout, err
}

type ended struct {
	stdout, stderr string
	status         int32
}

// session runs a process: both streams read to their end, then the wait.
func session(ctx context.Context, a pb.AgentServiceService, id string, p *pb.Process, input string) (ended, error) {
	cid, _, _ := strings.Cut(id, "/")
	if err := limited(ctx, a.ExecProcess, &pb.ExecProcessRequest{ContainerId: cid, ExecId: id, Process: p}); err != nil {
		return ended{}, fmt.Errorf("ExecProcess: %w", err)
	}
	var stdout, stderr bytes.Buffer
	var outErr, errErr error
	var reads sync.WaitGroup
	reads.Go(func() {
		_, outErr = io.CopyBuffer(&stdout, &stream{ctx, a.ReadStdout, cid, id}, make([]byte, readSize))
	})
	reads.Go(func() {
		_, errErr = io.CopyBuffer(&stderr, &stream{ctx, a.ReadStderr, cid, id}, make([]byte, readSize))
	})
	if input != "" {
		reply, err := a.WriteStdin(ctx, &pb.WriteStreamRequest{ContainerId: cid, ExecId: id, Data: []byte(input)})
		if err != nil || int(reply.Len) != len(input) {
			return ended{}, fmt.Errorf("WriteStdin: %v, %w", reply, err)
		}
	}
	if err := limited(ctx, a.CloseStdin, &pb.CloseStdinRequest{ContainerId: cid, ExecId: id}); err != nil {
		return ended{}, fmt.Errorf("CloseStdin: %w", err)
	}
	reads.Wait()
	if err := errors.Join(outErr, errErr); err != nil {
		return ended{}, fmt.Errorf("read: %w", err)
	}
	wait, err := a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: cid, ExecId: id})
	if err != nil {
		return ended{}, fmt.Errorf("WaitProcess: %w", err)
	}
	return ended{stdout.String(), stderr.String(), wait.Status}, nil
}

// terminal runs a program on a terminal, whose size is set before it is read.
func terminal(ctx context.Context, a pb.AgentServiceService, cid string) error {
	id := cid + "/tty"
	if err := limited(ctx, a.ExecProcess, &pb.ExecProcessRequest{
		ContainerId: cid, ExecId: id, Process: process(true, "sh", "-c", "read go; stty size"),
	}); err != nil {
		return fmt.Errorf("ExecProcess: %w", err)
	}
	if err := limited(ctx, a.TtyWinResize, &pb.TtyWinResizeRequest{ContainerId: cid, ExecId: id, Row: 31, Column: 97}); err != nil {
		return fmt.Errorf("TtyWinResize: %w", err)
	}
	if _, err := a.WriteStdin(ctx, &pb.WriteStreamRequest{ContainerId: cid, ExecId: id, Data: []byte("go\n")}); err != nil {
		return fmt.Errorf("WriteStdin: %w", err)
	}
	// The host drops the error that ends a stream: of a terminal it is EIO.
	out, _ := io.ReadAll(&stream{ctx, a.ReadStdout, cid, id})
	if !strings.Contains(string(out), "31 97") {
		return fmt.Errorf("the terminal's size is not 31 97: %q", out)
	}
	wait, err := a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: cid, ExecId: id})
	if err != nil || wait.Status != 0 {
		return fmt.Errorf("WaitProcess: %v, %w", wait, err)
	}
	return nil
}

// stream reads as the host does: a reply without data is the end.
type stream struct {
	ctx     context.Context
	read    func(context.Context, *pb.ReadStreamRequest) (*pb.ReadStreamResponse, error)
	cid, id string
}

func (s *stream) Read(p []byte) (int, error) {
	reply, err := s.read(s.ctx, &pb.ReadStreamRequest{ContainerId: s.cid, ExecId: s.id, Len: uint32(len(p))})
	if err != nil {
		return 0, err
	}
	if len(reply.Data) == 0 {
		return 0, io.EOF
	}
	return copy(p, reply.Data), nil
}
