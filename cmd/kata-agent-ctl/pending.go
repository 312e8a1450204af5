// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"golang.org/x/sys/unix"
)

// undoLimit is how long undoing an interrupted call may take.
const undoLimit = 30 * time.Second

// A birth is the calls that bring a container or a session about.
type birth struct {
	calls func(context.Context) error
	// made says that the first of the calls was answered: what has the id now may be undone.
	made func() bool
	// fresh: nobody else can have the id, since it is a new random one. It may also be undone if the
	// answer was not waited for.
	fresh bool
	undo  func(context.Context, *client.Client)
	// signals are meanwhile noted for the process. While an undo runs, one ends this program.
	signals *attach.Signals
}

// bear makes the calls. It leaves nothing behind: if one fails or INT or TERM ends ctx, what is there
// is undone on a connection of its own. The old one is closed first, which ends a call that the
// agent still works on.
func (g *global) bear(ctx context.Context, c *client.Client, b birth) error {
	err := b.calls(ctx)
	if err == nil {
		err = ctx.Err() // the answer came, but somebody has asked for the end
	}
	if err == nil || !b.made() && !(b.fresh && ctx.Err() != nil) {
		return err
	}
	_ = c.Close()
	b.signals.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	if again, dialErr := g.dial(ctx); dialErr == nil {
		b.undo(ctx, again)
		_ = again.Close()
	}
	return err
}

// removeContainer undoes a create. That it fails is no news: mostly the agent has undone it.
func removeContainer(id string) func(context.Context, *client.Client) {
	return func(ctx context.Context, c *client.Client) {
		_ = c.Do(ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id})
	}
}

// killSession undoes an exec, and fetches its status so that its id is free again.
func killSession(p client.Process) func(context.Context, *client.Client) {
	return func(ctx context.Context, c *client.Client) {
		p.Client = c
		if p.Signal(ctx, int(unix.SIGKILL)) == nil {
			_, _ = p.Wait(ctx)
		}
	}
}
