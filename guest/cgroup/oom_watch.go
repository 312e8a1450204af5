// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	eventsFile  = "memory.events"        // v2
	controlFile = "memory.oom_control"   // v1
	requestFile = "cgroup.event_control" // v1
	killKey     = "oom_kill"
)

// OOMWatch is the watch on one group.
type OOMWatch struct {
	watcher *OOMWatcher
	dir     string
	unified bool
	id      int32 // eventfd on v1, watch descriptor on v2
	fn      func(kills uint64)

	mu     sync.Mutex // held during fn, so that reports come one at a time
	last   uint64
	closed bool
}

// Close looks a last time, so that a kill just before the end of a container is not
// lost, and ends the watch. fn does not run after Close has returned. It may be called
// twice, and after the group or the watcher is gone.
func (o *OOMWatch) Close() {
	o.look()
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.watcher.unregister(o)
}

// look reads the count and reports what is new. A group that is gone has nothing new, and
// a sum that shrank lost a group below it.
func (o *OOMWatch) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	now, err := o.read()
	if err != nil {
		return
	}
	last := o.last
	o.last = now
	if now > last {
		o.fn(now - last)
	}
}

// read returns the kills counted in the group and in those below it. v2 adds them up
// itself. v1 counts a kill only in the victim's own group, while it notifies the one
// whose limit was hit.
func (o *OOMWatch) read() (uint64, error) {
	if o.unified {
		return readKey(filepath.Join(o.dir, eventsFile), killKey)
	}
	sum, err := readKey(filepath.Join(o.dir, controlFile), killKey)
	if err != nil {
		return 0, err
	}
	if !hasGroupsBelow(o.dir) {
		return sum, nil
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return sum, nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			sum += readBelow(filepath.Join(o.dir, entry.Name()))
		}
	}
	return sum, nil
}

// hasGroupsBelow tells whether there are cgroups in a cgroup, or may be: a directory has two links and one
// more for each directory in it.
func hasGroupsBelow(dir string) bool {
	var st unix.Stat_t
	err := unix.Stat(dir, &st)
	return err != nil || st.Nlink != 2
}

// readBelow adds up the counts of a tree, leaving out what vanishes meanwhile.
func readBelow(dir string) (sum uint64) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			n, _ := readKey(filepath.Join(path, controlFile), killKey)
			sum += n
		}
		return nil
	})
	return sum
}

// gone tells that the group was removed. The kernel signals a v1 eventfd then too.
func (o *OOMWatch) gone() bool {
	_, err := os.Stat(o.dir)
	return os.IsNotExist(err)
}

func (w *OOMWatcher) registerInotify(o *OOMWatch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrWatcherClosed
	}
	wd, err := unix.InotifyAddWatch(w.inotify, filepath.Join(o.dir, eventsFile), unix.IN_MODIFY)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	if w.byWatch[int32(wd)] != nil {
		return errors.New("the group is being watched already")
	}
	o.id = int32(wd)
	w.byWatch[o.id] = o
	return nil
}

func (w *OOMWatcher) unregister(o *OOMWatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pending, o)
	switch {
	case o.unified && w.byWatch[o.id] == o:
		delete(w.byWatch, o.id)
		_, _ = unix.InotifyRmWatch(w.inotify, uint32(o.id))
	case !o.unified && w.byEvent[o.id] == o:
		delete(w.byEvent, o.id)
		// Closing also takes it out of the epoll set and of the kernel's list.
		unix.Close(int(o.id))
	}
}
