// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrWatcherClosed is returned by [OOMWatcher.Watch] after Close.
var ErrWatcherClosed = errors.New("OOM watcher is closed")

// OOMWatcher reports kills by the out-of-memory killer in any number of groups. One
// goroutine serves them all, on one epoll instance that itself waits in the Go runtime's
// poller: a watched group costs a descriptor on v1 (an eventfd), an inotify watch on v2,
// and no thread.
type OOMWatcher struct {
	epoll   *os.File
	inotify int // shared by all v2 groups
	done    chan struct{}

	mu      sync.Mutex
	closed  bool
	byEvent map[int32]*OOMWatch // v1: the eventfd
	byWatch map[int32]*OOMWatch // v2: the inotify watch descriptor
	pending map[*OOMWatch]retry
	// pressure are eventfds of v1, by the root of the hierarchy: see oom_pressure.go.
	pressure map[string]int32
}

// NewOOMWatcher starts the watcher. The caller closes it.
func NewOOMWatcher() (*OOMWatcher, error) {
	w := &OOMWatcher{
		inotify: -1, done: make(chan struct{}),
		byEvent: map[int32]*OOMWatch{}, byWatch: map[int32]*OOMWatch{},
		pending: map[*OOMWatch]retry{}, pressure: map[string]int32{},
	}
	if err := w.open(); err != nil {
		w.closeFiles()
		return nil, fmt.Errorf("watch for OOM kills: %w", err)
	}
	go w.loop()
	return w, nil
}

func (w *OOMWatcher) open() error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// Nonblocking is what makes os.NewFile register the descriptor with the poller; an
	// epoll instance has no other use for it.
	if err := unix.SetNonblock(epoll, true); err != nil {
		unix.Close(epoll)
		return os.NewSyscallError("fcntl", err)
	}
	w.epoll = os.NewFile(uintptr(epoll), "oom-epoll")
	if w.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	return w.add(w.inotify)
}

func (w *OOMWatcher) add(fd int) error {
	var err error
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	raw, rawErr := w.epoll.SyscallConn()
	if rawErr != nil {
		return rawErr
	}
	if rawErr = raw.Control(func(epoll uintptr) {
		err = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, fd, &event)
	}); rawErr != nil {
		return rawErr
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// Close ends all watches without a last look and waits for the goroutine. Callbacks
// must not call it.
func (w *OOMWatcher) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.done
		return nil
	}
	w.closed = true
	for fd := range w.byEvent {
		unix.Close(int(fd))
	}
	for _, fd := range w.pressure {
		unix.Close(int(fd))
	}
	clear(w.byEvent)
	clear(w.pressure)
	clear(w.byWatch)
	clear(w.pending)
	w.mu.Unlock()
	err := w.epoll.Close()
	<-w.done
	w.closeFiles()
	return err
}

func (w *OOMWatcher) closeFiles() {
	if w.epoll != nil {
		w.epoll.Close()
	}
	if w.inotify >= 0 {
		unix.Close(w.inotify)
	}
}

// Watch calls fn with the number of new kills whenever there are some in the group at
// dir: its directory in the v1 memory hierarchy or in the unified tree. Kills that
// happened before are not reported. fn runs on the watcher's goroutine or on the one
// that calls [OOMWatch.Close]; it must not block and must not call this package.
func (w *OOMWatcher) Watch(dir string, fn func(kills uint64)) (*OOMWatch, error) {
	o := &OOMWatch{watcher: w, dir: dir, fn: fn}
	register := w.registerEventfd
	if _, err := os.Stat(filepath.Join(dir, eventsFile)); err == nil {
		o.unified = true
		register = w.registerInotify
	}
	// The count is read before the kernel is asked to notify, so that a kill in between
	// is noticed by the look after it.
	last, err := o.read()
	if err != nil {
		return nil, fmt.Errorf("watch for OOM kills: %w", err)
	}
	o.last = last
	if err := register(o); err != nil {
		return nil, fmt.Errorf("watch for OOM kills in %s: %w", dir, err)
	}
	o.look()
	return o, nil
}

// retry says when to read a count again after the kernel notified.
type retry struct {
	at    time.Time
	pause time.Duration
	until time.Time
}
