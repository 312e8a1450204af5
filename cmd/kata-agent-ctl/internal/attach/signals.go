// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"os"
	"os/signal"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"golang.org/x/sys/unix"
)

// Signals are those that this program has got and that are meant for a process.
type Signals struct{ got chan os.Signal }

// Notify notes from now on the signals that are passed on, so that none is lost which comes while
// the process is being started. The caller must call Stop.
func Notify() *Signals {
	s := &Signals{got: make(chan os.Signal, 8)}
	signal.Notify(s.got, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	return s
}

// Stop ends the noting.
func (s *Signals) Stop() { signal.Stop(s.got) }

// PassOn sends the signals to the process until ctx ends: ^C ends the process, whose exit then ends
// this program.
func (s *Signals) PassOn(ctx context.Context, p client.Process) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-s.got:
			_ = p.Signal(ctx, int(n.(unix.Signal))) // the process may be gone
		}
	}
}
