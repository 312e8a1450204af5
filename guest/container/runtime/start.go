// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Start lets init run the program. Init has opened the fifo's path and waits for a
// reader (libcontainer's exec.fifo): opening it for reading lets it go on, and the byte
// that it writes says that it has. The open is non-blocking and the wait also watches
// init itself, so that a dead init is an error and not a hang. Poststart hooks run last;
// their errors are warnings (OCI runtime-spec, "Poststart").
func (c *Container) Start(ctx context.Context) (warnings []error, err error) {
	// Before the fifo is opened: from then on init may run, exit and be reaped at any time.
	gone, err := c.init.watch()
	if err != nil {
		return nil, fmt.Errorf("start container %q: %w", c.id, errDeadInit)
	}
	defer unix.Close(gone)
	// The last moment to give up: an init whose fifo has been opened runs, or dies of its close.
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start container %q: %w", c.id, err)
	}
	if c.last != nil {
		err = c.startLast()
	} else {
		err = c.openFifo(context.WithoutCancel(ctx), gone)
	}
	if err != nil {
		return nil, fmt.Errorf("start container %q: %w", c.id, err)
	}
	if c.hooks == nil {
		return nil, nil
	}
	return c.runHooks(ctx, string(configs.Poststart), c.hooks.Poststart, specs.StateRunning), nil
}

// openFifo has an init that waits at the fifo go on.
func (c *Container) openFifo(ctx context.Context, gone int) error {
	path := filepath.Join(c.state, execFifo)
	fifo, err := os.OpenFile(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotCreated
	}
	if err != nil {
		return err
	}
	defer fifo.Close()
	if err := awaitInit(ctx, fifo, gone); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

var errDeadInit = fmt.Errorf("its init is dead: %w", ErrNotCreated)

// awaitInit waits until init has written to the fifo. gone is readable when init is dead.
func awaitInit(ctx context.Context, fifo *os.File, gone int) error {
	fd := int(fifo.Fd())
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(gone), Events: unix.POLLIN}}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := unix.Poll(fds, pollInterval); err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		// Whatever poll saw of the fifo: an init that is dead may have written before.
		if n, _ := unix.Read(fd, make([]byte, 16)); n > 0 {
			return nil
		}
		if fds[1].Revents != 0 {
			return errDeadInit
		}
	}
}
