// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// On v1 a group is told of kills for its own limit or one above it. When the whole guest is
// out of memory nobody is told; the kills are only counted. But before the kernel kills it
// has looked for memory in vain, and says so: "Memory Pressure" in the kernel's
// admin-guide/cgroup-v1/memory.rst, level critical, at the root of the hierarchy.

const pressureFile = "memory.pressure_level"

// watchPressure asks for word when the guest runs out of memory, once for a hierarchy. A
// kernel that does not offer it has kills reported when their container ends.
func (w *OOMWatcher) watchPressure(dir string) {
	root := hierarchyRoot(dir)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, have := w.pressure[root]; have || root == "" || w.closed {
		return
	}
	fd, err := signalFor(root, pressureFile, "critical")
	if err != nil {
		return
	}
	if err := w.add(fd); err != nil {
		unix.Close(fd)
		return
	}
	w.pressure[root] = int32(fd)
}

// hierarchyRoot is the highest directory above a v1 memory group that is one too; "" if
// there is none, or if it cannot be known now: a group in its place would be watched for good.
func hierarchyRoot(dir string) (root string) {
	for ; ; dir = filepath.Dir(dir) {
		switch _, err := os.Stat(filepath.Join(dir, pressureFile)); {
		case errors.Is(err, fs.ErrNotExist):
			return root
		case err != nil:
			return ""
		}
		root = dir
	}
}

func (w *OOMWatcher) isPressure(fd int32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.pressure {
		if p == fd {
			return true
		}
	}
	return false
}

// lookSoon has all v1 groups looked at for a while. The kernel may say it many times in a
// second, so each has its next look after a long pause and not at once.
func (w *OOMWatcher) lookSoon(fd int32) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	var count [8]byte
	_, _ = unix.Read(int(fd), count[:])
	for _, o := range w.byEvent {
		r, have := w.pending[o]
		if !have {
			r = retry{at: now.Add(longPause), pause: longPause}
		}
		r.until = now.Add(retryFor)
		w.pending[o] = r
	}
}
