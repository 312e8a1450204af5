// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
	"golang.org/x/sys/unix"
)

func (s *Service) processMethods() []server.Method {
	return []server.Method{
		empty("ExecProcess", s.execProcess),
		empty("SignalProcess", s.signalProcess, server.Urgent),
		async("WaitProcess", s.waitProcess, server.Again),
		empty("TtyWinResize", s.ttyWinResize),
	}
}

func (s *Service) execProcess(ctx context.Context, q *protocols.ExecProcessRequest) error {
	if q.Process == nil {
		return fmt.Errorf("exec in container %q: the request has no process", q.ContainerId)
	}
	p, err := convert.Process(q.Process)
	if err != nil {
		return fmt.Errorf("exec in container %q: %w", q.ContainerId, err)
	}
	_, err = ask(ctx, s, q.ContainerId, &container.Exec{
		ExecID: id.Exec(q.ExecId), Process: p,
		Ports: container.Ports{Stdin: q.StdinPort, Stdout: q.StdoutPort, Stderr: q.StderrPort},
	})
	return internalIfUnknown(err)
}

// signalProcess sends a signal to one process, init for an empty exec id. SIGKILL for an
// empty exec id kills everything in the container, before and after init's exit.
func (s *Service) signalProcess(ctx context.Context, q *protocols.SignalProcessRequest) error {
	sig := unix.Signal(q.Signal)
	if q.Signal > 64 {
		return fmt.Errorf("signal %d: EINVAL: Invalid argument", q.Signal)
	}
	if q.ExecId == "" && sig == unix.SIGKILL {
		_, err := ask(ctx, s, q.ContainerId, &container.KillAll{})
		return internalIfUnknown(err)
	}
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		return err
	}
	init := q.ExecId == "" || q.ExecId == q.ContainerId
	_, err = core.Ask(ctx, h.Ref, &process.Signal{Number: sig, TermKills: init})
	return s.processError(err, q.ContainerId, q.ExecId)
}

// waitProcess parks the call until the exit: as many as hosts like to make cost no goroutine.
func (s *Service) waitProcess(c *frame.Call, q *protocols.WaitProcessRequest) {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		c.Fail(err)
		return
	}
	c.OnCancel(core.AskFunc(h.Ref, &process.Wait{}, func(status int, err error) {
		if err != nil {
			c.Fail(s.processError(err, q.ContainerId, q.ExecId))
			return
		}
		c.ReplyOf(&protocols.WaitProcessResponse{Status: int32(status)}, h)
	}))
}

// maxWindow is the largest number of rows or columns of a terminal.
const maxWindow = 1<<16 - 1

func (s *Service) ttyWinResize(ctx context.Context, q *protocols.TtyWinResizeRequest) error {
	h, err := s.process(q.ContainerId, q.ExecId)
	if err != nil {
		return err
	}
	rows, columns := min(q.Row, maxWindow), min(q.Column, maxWindow)
	_, err = core.Ask(ctx, h.Ref, &process.Resize{Rows: uint16(rows), Columns: uint16(columns)})
	return s.processError(err, q.ContainerId, q.ExecId)
}

// processError names the process in an error of its actor. An actor that has ended says
// the same as one that is not there.
func (s *Service) processError(err error, cid, exec string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, core.ErrPanicked):
	case errors.Is(err, core.ErrStopped), errors.Is(err, process.ErrUnknown):
		return noProcess(cid, exec)
	}
	return fmt.Errorf("process %q of container %q: %w", exec, cid, err)
}
