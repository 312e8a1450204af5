// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells of new entries of a directory.
type watcher struct {
	events  *os.File
	changed bool // there was an event at the last wait
}

func watch(dir string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	const what = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, dir, what); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	return &watcher{events: os.NewFile(uintptr(fd), "inotify")}, nil
}

// wait returns nil when the directory has changed or the pause is over, 0 for none, and else the cause
// of ctx's end.
func (w *watcher) wait(ctx context.Context, pause time.Duration) error {
	var until time.Time
	if pause > 0 {
		until = time.Now().Add(pause)
	}
	if err := w.events.SetReadDeadline(until); err != nil {
		return err
	}
	// After the line above, or it would take back what ctx has set.
	unlink := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Now()) })
	defer unlink()
	var buf [4096]byte
	n, err := w.events.Read(buf[:])
	w.changed = n > 0
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

func (w *watcher) close() { _ = w.events.Close() }
