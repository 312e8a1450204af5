// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
)

// start starts a session for the i-th operation, in one container after another.
func (l *run) start(ctx context.Context, i int, process *protocols.Process) (client.Process, error) {
	p := client.Process{
		Client:    l.client(i),
		Container: l.containers[i%len(l.containers)],
		Exec:      l.id(i),
	}
	return p, p.Do(ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: p.Container, ExecId: p.Exec, Process: process,
	})
}

// id names the session or container of the i-th operation, in characters that every id may have.
func (l *run) id(i int) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, l.Name)
	return fmt.Sprintf("load-%s-%d", name, i)
}

// process is what the Go runtime sends: nothing of capabilities and limits.
func process(args ...string) *protocols.Process {
	return &protocols.Process{
		Args: args, Cwd: "/", User: new(protocols.User),
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
	}
}

// A checker is given the output piece by piece.
type checker func(data []byte) error

// collect does what a host does until a process is over: it reads both streams to their ends at the
// same time, then asks for the status. Anything on stderr is a failure.
func (l *run) collect(ctx context.Context, p client.Process, check checker) (int64, int, error) {
	complaint := make(chan error, 1)
	go func() {
		var text bytes.Buffer
		_, err := l.drain(ctx, p, client.Stderr, func(data []byte) error {
			if text.Len() < 200 {
				text.Write(data)
			}
			return nil
		})
		if err == nil && text.Len() > 0 {
			err = fmt.Errorf("stderr: %q", text.String())
		}
		complaint <- err
	}()
	n, err := l.drain(ctx, p, client.Stdout, check)
	if err := errors.Join(err, <-complaint); err != nil {
		return n, 0, err
	}
	status, err := p.Wait(ctx)
	return n, status, err
}

// drain reads a stream to its end. After a failed check it reads on, so that the process can end.
func (l *run) drain(ctx context.Context, p client.Process, s client.Stream, check checker) (int64, error) {
	var total int64
	var wrong error
	for {
		data, err := p.Read(ctx, s, int(l.Chunk))
		if err != nil || len(data) == 0 {
			return total, errors.Join(wrong, err)
		}
		if len(data) > int(l.Chunk) {
			return total, fmt.Errorf("%d bytes were read, %d asked for", len(data), l.Chunk)
		}
		if wrong == nil {
			wrong = check(data)
		}
		total += int64(len(data))
	}
}

// expectText checks output that fits in memory.
func expectText(got *bytes.Buffer) checker {
	return func(data []byte) error {
		got.Write(data)
		return nil
	}
}

// expectCycle checks output that is the pattern over and over.
func expectCycle(pattern []byte) checker {
	at := 0
	var total int64
	return func(data []byte) error {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), len(pattern)-at)
			if !bytes.Equal(rest[:n], pattern[at:at+n]) {
				return fmt.Errorf("wrong bytes between %d and %d", total, total+int64(len(data)))
			}
			rest, at = rest[n:], (at+n)%len(pattern)
		}
		total += int64(len(data))
		return nil
	}
}

// ended checks the status of a process.
func ended(status, want int) error {
	if status != want {
		return fmt.Errorf("exit status %d, not %d", status, want)
	}
	return nil
}
