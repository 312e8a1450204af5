// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"os"
	"os/signal"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"golang.org/x/sys/unix"
)

// Signals passes on to the process the signals that this program gets, until ctx ends: ^C ends
// the process, whose exit then ends this program.
func Signals(ctx context.Context, p client.Process) {
	got := make(chan os.Signal, 8)
	signal.Notify(got, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(got)
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-got:
			_ = p.Signal(ctx, int(s.(unix.Signal))) // the process may be gone
		}
	}
}
