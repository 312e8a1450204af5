// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// join is what of this program is joined to a process.
type join struct {
	tty, stdin bool
	// keepInput leaves the process's input as it is where stdin is not joined; else it ends.
	keepInput bool
}

// stay joins this program's streams, terminal and signals to a process until it has ended, and
// returns its exit status as an error if it is not 0.
func stay(ctx context.Context, p client.Process, signals *attach.Signals, how join) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := attach.Streams{Out: os.Stdout, Err: os.Stderr, Terminal: how.tty, KeepInput: how.keepInput}
	if how.stdin {
		s.In = os.Stdin
	}
	if how.tty {
		restore, err := attach.Raw(os.Stdin)
		if err != nil {
			return err
		}
		defer restore()
		go attach.FollowSize(ctx, p, os.Stdin)
	}
	go signals.PassOn(ctx, p)
	status, err := attach.Run(ctx, p, s)
	if err != nil {
		return err
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}
