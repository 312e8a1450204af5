// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Target is a container: its namespaces and cgroups, opened once and used for each
// process. As long as it is open the namespaces stay, even if their first process goes.
// It can be used by many goroutines at once.
type Target struct {
	flags      int
	namespaces []*os.File // pid first, user last
	cgroups    []*os.File // tasks of each v1 hierarchy, or the v2 directory

	cgroupPath string   // of v2
	init       *os.File // the process's directory in /proc, with cgroup v2

	using  sync.RWMutex // held for reading while descriptors are being sent
	closed bool
}

// namespaceOrder puts pid first and user last, as the helper wants it.
var namespaceOrder = []string{"pid", "ipc", "uts", "net", "mnt", "cgroup", "time", "user"}

// OpenTarget opens the namespaces of pid, the container's init, that are not the
// caller's own, and the cgroups. cgroupPaths are absolute directories by controller, as
// libcontainer's state has them; the only key "" means cgroup v2.
//
// The caller must know that pid has not been reaped. Call it when the container has been
// created and before its program runs, so that it cannot have changed its namespaces.
func OpenTarget(pid int, cgroupPaths map[string]string) (*Target, error) {
	return openTarget("/proc", pid, cgroupPaths)
}

func openTarget(proc string, pid int, cgroupPaths map[string]string) (_ *Target, err error) {
	t := &Target{}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	for _, name := range namespaceOrder {
		if err := t.openNamespace(proc, pid, name); err != nil {
			return nil, fmt.Errorf("open %s namespace of process %d: %w", name, pid, err)
		}
	}
	if err := t.openCgroups(cgroupPaths); err != nil {
		return nil, fmt.Errorf("open cgroup of process %d: %w", pid, err)
	}
	if t.flags&flagCgroup2 != 0 {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if t.init, err = open(dir, unix.O_PATH|unix.O_DIRECTORY); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Target) openNamespace(proc string, pid int, name string) error {
	var own, other unix.Stat_t
	if err := unix.Stat(filepath.Join(proc, "self/ns", name), &own); err != nil {
		if err == unix.ENOENT {
			return nil // a kernel without it
		}
		return err
	}
	f, err := open(filepath.Join(proc, strconv.Itoa(pid), "ns", name), unix.O_RDONLY)
	if err != nil {
		return err
	}
	if err := unix.Fstat(int(f.Fd()), &other); err != nil {
		f.Close()
		return err
	}
	// Joining the user namespace one is in is an error, joining any other a waste.
	if own.Dev == other.Dev && own.Ino == other.Ino {
		return f.Close()
	}
	t.namespaces = append(t.namespaces, f)
	switch name {
	case "pid":
		t.flags |= flagPidNS
	case "user":
		t.flags |= flagUserNS
	}
	return nil
}

func (t *Target) openCgroups(paths map[string]string) error {
	if path := paths[""]; path != "" && len(paths) == 1 {
		t.flags |= flagCgroup2
		t.cgroupPath = path
		return t.openCgroup(path, unix.O_PATH|unix.O_DIRECTORY)
	}
	controllers := slices.Sorted(maps.Keys(paths))
	// The freezer comes last: a process that is frozen on the way in is in the others.
	if i := slices.Index(controllers, "freezer"); i >= 0 {
		controllers = append(slices.Delete(controllers, i, i+1), "freezer")
	}
	seen := map[string]bool{"": true}
	for _, controller := range controllers {
		path := paths[controller]
		// Controllers of one hierarchy share a directory.
		if seen[path] {
			continue
		}
		seen[path] = true
		// A process writes itself into the list of tasks before it has other threads. For
		// this the kernel needs no lock over all forks and exits, as for cgroup.procs.
		err := t.openCgroup(filepath.Join(path, "tasks"), os.O_WRONLY)
		if errors.Is(err, os.ErrNotExist) { // the v2 tree beside those of v1
			err = t.openCgroup(filepath.Join(path, "cgroup.procs"), os.O_WRONLY)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) openCgroup(path string, flags int) error {
	f, err := open(path, flags)
	if err == nil {
		t.cgroups = append(t.cgroups, f)
	}
	return err
}

// open opens a file of which nothing can be waited for: os.OpenFile would make it known to Go's poller.
func open(path string, flags int) (*os.File, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Close closes the descriptors. Processes in the container do not mind; Spawn fails from
// now on.
func (t *Target) Close() error {
	t.using.Lock()
	defer t.using.Unlock()
	t.closed = true
	for _, f := range append(t.namespaces, t.cgroups...) {
		f.Close()
	}
	if t.init != nil {
		t.init.Close()
	}
	t.namespaces, t.cgroups, t.init = nil, nil, nil
	return nil
}

// use keeps the descriptors open until release is called.
func (t *Target) use() (release func(), err error) {
	t.using.RLock()
	if t.closed {
		t.using.RUnlock()
		return nil, fmt.Errorf("container: %w", os.ErrClosed)
	}
	return t.using.RUnlock, nil
}

func (t *Target) descriptors() (namespaces, cgroups []int) {
	for _, f := range t.namespaces {
		namespaces = append(namespaces, int(f.Fd()))
	}
	for _, f := range t.cgroups {
		cgroups = append(cgroups, int(f.Fd()))
	}
	return namespaces, cgroups
}
