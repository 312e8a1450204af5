// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"golang.org/x/sys/unix"
)

// pause freezes a container of its own with a session in it. What is written to the session meanwhile has to come
// back once the container is thawed.
func (l *run) pause(ctx context.Context, i int) (int64, error) {
	id, c := l.id(i), l.client(i)
	if err := l.createOn(ctx, c, id); err != nil {
		return 0, err
	}
	n, err := l.frozen(ctx, client.Process{Client: c, Container: id, Exec: id + "-cat"})
	return n, errors.Join(err, endContainer(ctx, c, id))
}

func (l *run) frozen(ctx context.Context, p client.Process) (int64, error) {
	const message = "written to a frozen session\n"
	err := p.Do(ctx, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: p.Container, ExecId: p.Exec, Process: process("cat")})
	if err != nil {
		return 0, err
	}
	if err := p.Do(ctx, "PauseContainer", &protocols.PauseContainerRequest{ContainerId: p.Container}); err != nil {
		return 0, err
	}
	_, wrote := p.Write(ctx, []byte(message))
	closed := p.CloseStdin(ctx)
	resumed := p.Do(ctx, "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: p.Container})
	if err := errors.Join(wrote, closed, resumed); err != nil {
		return 0, err
	}
	at := 0
	n, code, err := l.collect(ctx, p, func(data []byte) error {
		if at+len(data) > len(message) || string(data) != message[at:at+len(data)] {
			return fmt.Errorf("%q came back, not %q", data, message[at:])
		}
		at += len(data)
		return nil
	})
	if err == nil && at < len(message) {
		err = fmt.Errorf("%d bytes came back of %d", at, len(message))
	}
	if err == nil {
		err = ended(code, 0)
	}
	return n, err
}

// leave starts a session on a connection of its own, waits for the session and reads from it, and hangs up. Another
// connection ends the session.
func (l *run) leave(ctx context.Context, i int) (int64, error) {
	c, err := l.Dial(ctx, l.observe)
	if err != nil {
		return 0, err
	}
	p, err := l.start(ctx, i, process("sleep", "1000000"))
	if err != nil {
		return 0, errors.Join(err, c.Close())
	}
	gone := p
	gone.Client = c
	answers := make(chan error, 2)
	go func() { _, err := gone.Wait(ctx); answers <- err }()
	go func() { _, err := gone.Read(ctx, client.Stdout, int(l.Chunk)); answers <- err }()
	// An answer on the same connection: the agent has the calls before it.
	_, err = c.Ask(ctx, "Check", new(protocols.CheckRequest))
	err = errors.Join(err, c.Close())
	for range cap(answers) {
		if <-answers == nil {
			err = errors.Join(err, errors.New("a call was answered before the session's end"))
		}
	}
	if err := errors.Join(err, p.Signal(ctx, int(unix.SIGKILL))); err != nil {
		return 0, err
	}
	n, code, err := l.collect(ctx, p, func(data []byte) error { return fmt.Errorf("%.200q came", data) })
	if err == nil {
		err = ended(code, killed)
	}
	return n, err
}
