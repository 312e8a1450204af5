// SPDX-License-Identifier: Apache-2.0

package sharedmount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// recheck is how often, in milliseconds, the source is looked at beside the changes of its mounts:
// renaming a directory above a mount point is none.
const recheck = 1000

// answering are file systems that answer by themselves. On the way to a mount point no other is
// entered, unless it is the container's root: a program that serves it could hold the caller for ever.
var answering = []string{"btrfs", "devtmpfs", "erofs", "ext2", "ext3", "ext4", "ramfs", "squashfs", "tmpfs", "virtiofs", "xfs"}

// Found is a mount of a source container, held open.
type Found struct {
	// Dir tells that it is of a directory, and not of a file.
	Dir   bool
	mount *os.File // O_PATH
	from  *View
}

// Close lets go of the mount.
func (f *Found) Close() { f.mount.Close() }

// Wait waits until a mount point is at the path, and opens the mount. It ends with ctx, and with
// ErrSource when the container's first process exits. It blocks a thread meanwhile.
func (v *View) Wait(ctx context.Context, name string) (*Found, error) {
	wake, err := wakeAtEnd(ctx)
	if err != nil {
		return nil, err
	}
	defer wake.close()
	for {
		found, err := v.find(name)
		if found != nil || err != nil {
			return found, err
		}
		if exited(v.pid) {
			return nil, fmt.Errorf("%w: its first process has exited", ErrSource)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("nothing is mounted on %q in the source container: %w", name, err)
		}
		poll := []unix.PollFd{
			{Fd: int32(v.mounts.Fd()), Events: unix.POLLPRI},
			{Fd: int32(v.pid.Fd()), Events: unix.POLLIN},
			{Fd: int32(wake.file.Fd()), Events: unix.POLLIN},
		}
		if _, err := unix.Poll(poll, recheck); err != nil && err != unix.EINTR {
			return nil, os.NewSyscallError("poll", err)
		}
	}
}

// find opens the mount at a path; nil if there is none yet.
func (v *View) find(name string) (*Found, error) {
	names := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	at, dir := v.root, true
	for i, n := range names {
		next, isDir, err := v.step(at, n, i == len(names)-1)
		if at != v.root {
			at.Close()
		}
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q in the source container: %w", name, err)
		}
		at, dir = next, isDir
	}
	if isMount, err := mountRoot(at); !isMount || err != nil {
		at.Close()
		return nil, err
	}
	return &Found{Dir: dir, mount: at, from: v}, nil
}

// step opens one name of a path and tells whether it is a directory. Only the last one may be something else than a directory; a link
// is none, and never the root of a mount.
func (v *View) step(at *os.File, name string, last bool) (next *os.File, dir bool, err error) {
	if err := v.mayEnter(at); err != nil {
		return nil, false, err
	}
	next, err = safepath.OpenChild(at, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if last && errors.Is(err, unix.ENOTDIR) {
		next, err = safepath.OpenChild(at, name, unix.O_PATH, 0)
		return next, false, err
	}
	return next, true, err
}

// mayEnter refuses a directory on a file system that may not answer.
func (v *View) mayEnter(dir *os.File) error {
	id, err := mountID(dir)
	if err != nil {
		return err
	}
	root, err := mountID(v.root)
	if err != nil || id == root {
		return err
	}
	if _, err := v.mounts.Seek(0, io.SeekStart); err != nil {
		return err
	}
	infos, err := mountinfo.GetMountsFromReader(v.mounts, func(i *mountinfo.Info) (skip, stop bool) {
		return uint64(i.ID) != id, false
	})
	if err != nil {
		return fmt.Errorf("mounts of the source container: %w", err)
	}
	if len(infos) == 0 {
		return fmt.Errorf("a directory on the way is on a mount that has been taken away: %w", unix.ESTALE)
	}
	if t := infos[0].FSType; !slices.Contains(answering, t) {
		return fmt.Errorf("it lies in another mount, of type %s, whose file system may be served by the container: %w", t, unix.EXDEV)
	}
	return nil
}

// statx asks for nothing that a file system would have to answer.
func statx(f *os.File, mask int) (unix.Statx_t, error) {
	var stx unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, mask, &stx)
	return stx, os.NewSyscallError("statx", err)
}

func mountID(f *os.File) (uint64, error) {
	stx, err := statx(f, unix.STATX_MNT_ID)
	return stx.Mnt_id, err
}

func mountRoot(f *os.File) (bool, error) {
	stx, err := statx(f, 0)
	return stx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, err
}

// wake is readable from the end of a context on.
type wake struct {
	file *os.File
	stop func() bool
	done chan struct{}
}

func wakeAtEnd(ctx context.Context) (*wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &wake{file: os.NewFile(uintptr(fd), "eventfd"), done: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		defer close(w.done)
		_, _ = w.file.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	return w, nil
}

func (w *wake) close() {
	if !w.stop() {
		<-w.done
	}
	w.file.Close()
}
