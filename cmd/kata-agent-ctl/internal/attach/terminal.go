// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Raw hands every key to the process: the terminal f makes nothing of them any more. The returned
// function undoes it. A file that is no terminal is left alone.
func Raw(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return func() {}, nil
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("raw mode of the terminal: %w", err)
	}
	return func() { _ = term.Restore(fd, before) }, nil
}

// Size returns rows and columns of the terminal f, or zeros if it is none.
func Size(f *os.File) (rows, columns int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return rows, columns
}

// FollowSize gives the process the size of the terminal f now and whenever it changes, until ctx
// ends. An error is not reported: the process may be gone.
func FollowSize(ctx context.Context, p client.Process, f *os.File) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	defer signal.Stop(changed)
	for {
		if rows, columns := Size(f); rows > 0 {
			_ = p.Resize(ctx, rows, columns)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
