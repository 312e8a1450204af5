// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// notifiedInterval is between two looks at a source whose changes inotify reports.
const notifiedInterval = 30 * time.Second

// settleTime is how long after a change the source is left to finish it.
const settleTime = 20 * time.Millisecond

// waker tells when to look at the source again: after an interval, and on a file
// system that reports its changes as soon as there is one. A virtio-fs share reports
// only what this guest itself did, so there the interval is all.
type waker struct {
	interval time.Duration
	pollOnly bool
	notify   *os.File      // nil without inotify
	raw      int           // its descriptor; File.Fd may make it blocking
	dirs     map[int]bool  // watch descriptors of the directories covered
	events   chan struct{} // capacity 1; sent by the reading goroutine, never closed
}

// cover watches the directories of the source, which may be new ones.
func (w *waker) cover(root *os.File, now snapshot) {
	if w.pollOnly || !reportsChanges(root) || w.notify == nil && !w.open() {
		return
	}
	const what = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVE | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB |
		unix.IN_MODIFY | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	dirs, fresh := map[int]bool{}, false
	for rel, e := range now {
		if rel != "." && e.kind() != unix.S_IFDIR {
			continue
		}
		wd, err := w.add(root, rel, what)
		if errors.Is(err, errTorn) {
			continue // gone already: the watch of its parent tells so
		}
		if err != nil { // out of watches: look at intervals
			w.close()
			w.pollOnly = true
			return
		}
		fresh = fresh || !w.dirs[wd]
		dirs[wd] = true
	}
	w.dirs = dirs
	if fresh { // changes since the scan came before the watch
		w.ring()
	}
}

// reportsChanges is true for file systems nobody outside this guest writes to.
func reportsChanges(f *os.File) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) != nil {
		return false
	}
	switch int64(fs.Type) {
	case unix.TMPFS_MAGIC, unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return true
	}
	return false
}

func (w *waker) add(root *os.File, rel string, what uint32) (wd int, err error) {
	f := root
	if rel != "." {
		if f, err = safepath.At(root, safepath.Refuse).Open(rel, unix.O_PATH, 0); err != nil {
			return 0, torn(err)
		}
		defer f.Close()
	}
	return unix.InotifyAddWatch(w.raw, safepath.FDPath(f), what)
}

func (w *waker) ring() {
	select {
	case w.events <- struct{}{}:
	default:
	}
}

func (w *waker) open() bool {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return false
	}
	w.raw, w.notify = fd, os.NewFile(uintptr(fd), "inotify")
	if w.events == nil {
		w.events = make(chan struct{}, 1)
	}
	go w.drain(w.notify)
	return true
}

// drain ends when the file is closed.
func (w *waker) drain(f *os.File) {
	buf := make([]byte, 4096)
	for {
		if _, err := f.Read(buf); err != nil {
			return
		}
		w.ring()
	}
}

// wait returns when it is time to look, or with ctx.
func (w *waker) wait(ctx context.Context, torn bool) {
	d := w.interval
	switch {
	case torn:
		d = min(d, tornRetry)
	case w.notify != nil:
		d = max(d, notifiedInterval)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-w.events:
		// Changes come in bursts: one look after the burst.
		t.Reset(settleTime)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

func (w *waker) close() {
	if w.notify != nil {
		w.notify.Close()
		w.notify, w.dirs = nil, nil
	}
}
