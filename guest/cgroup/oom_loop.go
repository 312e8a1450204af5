// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel notifies a v1 group before it picks and counts the victim, so a count that is read at
// once has mostly not changed yet. In between the kernel prints its report of the kill, which takes
// seconds on a serial console: that is why retryFor is so long.
const (
	firstPause = time.Millisecond
	longPause  = 250 * time.Millisecond
	retryFor   = 5 * time.Second
)

// loop is the watcher's goroutine. It ends when the epoll instance is closed.
func (w *OOMWatcher) loop() {
	defer close(w.done)
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 16)
	for {
		_ = w.epoll.SetReadDeadline(w.nextRetry())
		var n int
		err := raw.Read(func(fd uintptr) bool {
			var waitErr error
			n, waitErr = unix.EpollWait(int(fd), events, 0)
			return n > 0 || waitErr != nil && waitErr != unix.EINTR
		})
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		for _, event := range events[:max(n, 0)] {
			w.handle(event.Fd)
		}
		w.runRetries()
	}
}

func (w *OOMWatcher) handle(fd int32) {
	if int(fd) == w.inotify {
		w.drainInotify()
		return
	}
	if w.isPressure(fd) {
		w.lookSoon(fd)
		return
	}
	w.notified(fd)
}

// notified handles one v1 group. The descriptor is drained under the lock: unregister
// closes it there, and another could have the number by now.
func (w *OOMWatcher) notified(fd int32) {
	w.mu.Lock()
	o := w.byEvent[fd]
	if o != nil {
		var count [8]byte
		_, _ = unix.Read(int(fd), count[:])
	}
	w.mu.Unlock()
	if o == nil {
		return
	}
	if o.gone() {
		w.unregister(o)
		return
	}
	o.look()
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byEvent[fd] == o {
		w.pending[o] = retry{at: now.Add(firstPause), pause: firstPause, until: now.Add(retryFor)}
	}
}

// nextRetry returns when the earliest retry is due, the zero time for never.
func (w *OOMWatcher) nextRetry() (next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.pending {
		if next.IsZero() || r.at.Before(next) {
			next = r.at
		}
	}
	return next
}

// runRetries looks again at the groups that are due. A group stays on the list to the end
// of its time even when its count has moved: two notifications can come before the first
// kill is counted.
func (w *OOMWatcher) runRetries() {
	now := time.Now()
	var due []*OOMWatch
	w.mu.Lock()
	for o, r := range w.pending {
		if r.at.After(now) {
			continue
		}
		due = append(due, o)
		r.pause = min(2*r.pause, longPause)
		r.at = now.Add(r.pause)
		w.pending[o] = r
		if r.at.After(r.until) {
			delete(w.pending, o)
		}
	}
	w.mu.Unlock()
	for _, o := range due {
		o.look()
	}
}

// drainInotify looks once at each v2 group that changed, however often it did.
func (w *OOMWatcher) drainInotify() {
	changed := map[int32]bool{}
	var buf [4096]byte
	for {
		n, err := unix.Read(w.inotify, buf[:])
		if n <= 0 || err != nil {
			break
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			changed[int32(binary.NativeEndian.Uint32(buf[at:]))] = true
			nameLen := binary.NativeEndian.Uint32(buf[at+12:])
			at += unix.SizeofInotifyEvent + int(nameLen)
		}
	}
	for _, o := range w.changedGroups(changed) {
		o.look()
	}
}

// changedGroups returns the groups behind watch descriptors. A descriptor of -1 says that
// the kernel's queue ran over: then it may have been any of them.
func (w *OOMWatcher) changedGroups(changed map[int32]bool) []*OOMWatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	var groups []*OOMWatch
	for wd, o := range w.byWatch {
		if changed[wd] || changed[-1] {
			groups = append(groups, o)
		}
	}
	return groups
}
