// SPDX-License-Identifier: Apache-2.0

package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrKind is a path that is neither a file, a directory nor a device.
var ErrKind = errors.New("is neither a directory, a file nor a block device")

// Count is how much of something there is.
type Count struct{ Total, Available, Used uint64 }

// Usage is how full a file system is. Available counts what only root may use too.
type Usage struct {
	Bytes  Count
	Inodes Count
}

// Stat gives the usage of the file system path lies on. Links are followed.
func Stat(ctx context.Context, path string) (Usage, error) {
	return within(ctx, func() (Usage, error) {
		f, err := open(path)
		if err != nil {
			return Usage{}, err
		}
		defer f.Close()
		var fs unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
			return Usage{}, fmt.Errorf("stat file system of %s: %w", path, err)
		}
		size := uint64(fs.Frsize)
		if size == 0 {
			size = uint64(fs.Bsize)
		}
		return Usage{
			Bytes:  count(fs.Blocks*size, fs.Bfree*size),
			Inodes: count(fs.Files, fs.Ffree),
		}, nil
	})
}

func count(total, available uint64) Count {
	return Count{Total: total, Available: available, Used: total - min(available, total)}
}

// open opens path without effect on what is there: O_PATH neither waits for the other
// end of a pipe nor touches a device.
func open(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR, unix.S_IFREG, unix.S_IFBLK:
		return f, nil
	}
	f.Close()
	return nil, fmt.Errorf("%s %w", path, ErrKind)
}

// within runs work on a goroutine and stops waiting for it with ctx.
func within[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := work()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

// Lost tells whether the disk under the file system that holds path has gone; what the kernel has
// cached of it can still be read then. sysRoot is "/sys". A file system without a disk of its own is
// never lost.
func Lost(ctx context.Context, sysRoot, path string) (bool, error) {
	return within(ctx, func() (bool, error) {
		f, err := open(path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return false, fmt.Errorf("stat %s: %w", path, err)
		}
		major, minor := unix.Major(st.Dev), unix.Minor(st.Dev)
		if major == 0 { // an anonymous device number: the file system is on no block device
			return false, nil
		}
		_, err = os.Stat(fmt.Sprintf("%s/dev/block/%d:%d", sysRoot, major, minor))
		return errors.Is(err, fs.ErrNotExist), nil
	})
}
