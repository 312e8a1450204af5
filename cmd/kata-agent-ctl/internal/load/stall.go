// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"golang.org/x/sys/unix"
)

// endless is what a stalled reader would read.
const endless = "0123456789abcdef\n"

// stallReads is how many reads a reader makes before it stalls, and after.
const stallReads = 8

// stall starts Count programs that write for ever. Their readers stop after a few reads and go on
// when the load ends: then the stream has to go on where it was.
func (l *run) stall(ctx, until context.Context) {
	var all sync.WaitGroup
	for i := range l.Count {
		all.Go(func() {
			start := time.Now()
			l.active.Add(1)
			defer l.active.Add(-1)
			n, err := l.stallOne(ctx, until, i)
			if err != nil && ctx.Err() != nil {
				return
			}
			l.main.record(start, n, err)
			if err != nil {
				l.fail(l.Name, err)
			}
		})
	}
	all.Wait()
}

func (l *run) stallOne(ctx, until context.Context, i int) (int64, error) {
	limited, cancel := l.operation(ctx)
	defer cancel()
	p, err := l.start(limited, i, process("yes", endless[:len(endless)-1]))
	if err != nil {
		return 0, err
	}
	check := expectCycle([]byte(endless))
	var total int64
	reads := func(ctx context.Context) error {
		for range stallReads {
			data, err := p.Read(ctx, client.Stdout, int(l.Chunk))
			if err != nil {
				return err
			}
			if len(data) == 0 {
				return fmt.Errorf("the stream ends after %d bytes", total)
			}
			if err := check(data); err != nil {
				return err
			}
			total += int64(len(data))
		}
		return nil
	}
	if err := reads(limited); err != nil {
		return total, err
	}
	<-until.Done()
	last, stop := l.operation(context.WithoutCancel(ctx))
	defer stop()
	if err := reads(last); err != nil {
		return total, err
	}
	if err := p.Signal(last, int(unix.SIGKILL)); err != nil {
		return total, err
	}
	n, code, err := l.collect(last, p, check)
	return total + n, errors.Join(err, ended(code, 128+int(unix.SIGKILL)))
}
