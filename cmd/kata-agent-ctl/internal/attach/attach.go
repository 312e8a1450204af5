// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// chunk is how much hosts read and write at a time.
const chunk = 32 << 10

// Streams are the local ends of a process's streams.
type Streams struct {
	In       io.Reader // nil: the process's input ends at once
	Out, Err io.Writer
	// KeepInput leaves the process's input alone: nothing is written to it, and it is not ended.
	KeepInput bool
	// Terminal: the process has a terminal, so everything comes on Out.
	Terminal bool
	// Quiet ends the reading of a stream once nothing has come for so long; 0 is never.
	Quiet time.Duration
}

// Run carries bytes until the process's output ends, and returns its exit status.
func Run(ctx context.Context, p client.Process, s Streams) (int, error) {
	input, stop := context.WithCancel(ctx)
	defer stop()
	if !s.KeepInput {
		// A read of In cannot be interrupted, so nobody waits for this one.
		go send(input, p, s.In)
	}
	if err := Output(ctx, p, s); err != nil {
		return 0, err
	}
	return p.Wait(ctx)
}

// Output carries the bytes of the process's output until it ends. One that is over because it was
// quiet ends with the code DEADLINE_EXCEEDED.
func Output(ctx context.Context, p client.Process, s Streams) error {
	var outErr, errErr error
	var wg sync.WaitGroup
	wg.Go(func() { outErr = receive(ctx, p, client.Stdout, s.Out, s) })
	if !s.Terminal {
		wg.Go(func() { errErr = receive(ctx, p, client.Stderr, s.Err, s) })
	}
	wg.Wait()
	return errors.Join(outErr, errErr)
}

// receive copies an output stream to w until it ends.
func receive(ctx context.Context, p client.Process, name client.Stream, w io.Writer, s Streams) error {
	for {
		data, err := readQuiet(ctx, p, name, s.Quiet)
		if len(data) > 0 {
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		switch {
		case err != nil && s.Terminal && !lost(ctx, err):
			return nil // a terminal may end with an I/O error
		case err != nil:
			return err
		case len(data) == 0:
			return nil
		}
	}
}

// readQuiet reads what is there. The agent keeps what comes after the limit for the next reader.
func readQuiet(ctx context.Context, p client.Process, name client.Stream, limit time.Duration) ([]byte, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return p.Read(ctx, name, chunk)
}

// lost tells a broken connection from an answer of the agent.
func lost(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ttrpc.ErrClosed)
}

// send copies r to the process's input, and ends the input with r. Errors are not reported: the
// process may close its input or exit at any time.
func send(ctx context.Context, p client.Process, r io.Reader) {
	defer func() { _ = p.CloseStdin(ctx) }()
	if r == nil {
		return
	}
	buf := make([]byte, chunk)
	for {
		n, err := r.Read(buf)
		for data := buf[:n]; len(data) > 0; {
			taken, err := p.Write(ctx, data)
			if err != nil || taken <= 0 {
				return
			}
			data = data[min(taken, len(data)):]
		}
		if err != nil {
			return
		}
	}
}
