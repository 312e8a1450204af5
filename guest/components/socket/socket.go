// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Present tells whether path is a socket, of somebody who lives or not.
func Present(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

// Await returns when path is a socket, or with the cause of ctx's end. The directory must be there.
func Await(ctx context.Context, path string) error {
	w, err := watch(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer w.close()
	for !Present(path) {
		if err := w.wait(ctx, 0); err != nil {
			return fmt.Errorf("socket %s: %w", path, err)
		}
	}
	return nil
}

// Pauses between two attempts to connect to a socket on which nobody listens yet, or any more.
const (
	shortPause = time.Millisecond
	longPause  = time.Second
)

// Dial connects as soon as somebody listens on path, or returns the cause of ctx's end. The directory
// must be there (fs.ErrNotExist).
func Dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := dial(ctx, path)
	if !mayCome(err) {
		return conn, err
	}
	w, err := watch(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer w.close()
	pause := shortPause
	for {
		conn, err := dial(ctx, path)
		if !mayCome(err) {
			return conn, err
		}
		limit := pause
		if errors.Is(err, unix.ENOENT) {
			limit = 0 // until the directory changes
		}
		if err := w.wait(ctx, limit); err != nil {
			return nil, fmt.Errorf("socket %s: %w", path, err)
		}
		pause = min(2*pause, longPause)
		if w.changed {
			pause = shortPause
		}
	}
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done() // package net has a clock of its own for the deadline of ctx, and may be the first
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("socket %s: %w", path, context.Cause(ctx))
	}
	return conn, err
}

// mayCome tells whether an attempt can succeed later: there is no socket, nobody listens, or too many
// wait to be accepted.
func mayCome(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EAGAIN)
}
