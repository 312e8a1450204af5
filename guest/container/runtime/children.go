// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// libcontainer starts a process in three stages, each the agent's own child (nsexec.c).
// When one of them is killed, as by a removal in the middle of an exec, libcontainer forgets
// the later ones. Alive they keep the container's cgroup; dead and not reaped, one in the
// container's pid namespace keeps the namespace's init from ending. So they are ended here.
//
// Whose they are is known from the kernel: to Linux the parent of a process is the thread
// that made it, a stage keeps that parent (CLONE_PARENT), and wait(2) asks for the children
// of the calling thread alone with __WNOTHREAD. A start has its thread to itself, so a stage
// that is this thread's child and no Process yet has been left by a start that has ended.

// stagePrefix begins the names of stages; see nsexec.c.
const stagePrefix = "runc:["

// owned are the processes that have an owner, by pid: from before the end of their start
// until they have been reaped.
var owned sync.Map // int to *Process

// launch has libcontainer start a process, and adopts it. When that fails, or panics,
// nothing that was started is left.
func launch(proc string, lc *libcontainer.Container, lp *libcontainer.Process) (p *Process, err error) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	defer func() {
		if p == nil {
			endOrphans(proc)
			garbage.left()
		}
	}()
	if err := lc.Start(lp); err != nil {
		return nil, err
	}
	return adopt(proc, lp)
}

// endOrphans kills and reaps the stages that nobody owns among this thread's children. One
// of them may have made another one before it was killed, so it looks until there is none.
func endOrphans(proc string) {
	for {
		list := orphans(proc)
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = unix.Kill(pid, unix.SIGKILL) // not reaped yet, so the number is still its own
		}
		for _, pid := range list {
			for {
				if _, err := unix.Wait4(pid, nil, unix.WALL, nil); !errors.Is(err, unix.EINTR) {
					break
				}
			}
		}
	}
}

// orphans lists this thread's children that are stages and have no owner.
func orphans(proc string) []int {
	if !hasChild(unix.P_ALL, 0) {
		return nil
	}
	var out []int
	stats, _ := filepath.Glob(filepath.Join(proc, "[0-9]*/stat"))
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || !isStage(path, os.Getpid()) || !hasChild(unix.P_PID, pid) {
			continue
		}
		if _, ok := owned.Load(pid); !ok {
			out = append(out, pid)
		}
	}
	return out
}

// hasChild tells whether the calling thread has such a child, alive or dead.
func hasChild(kind, id int) bool {
	const look = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT | unix.WNOTHREAD | unix.WALL
	return !errors.Is(unix.Waitid(kind, id, nil, look, nil), unix.ECHILD)
}

// isStage tells whether a process has the name of a stage and that parent. The file is
// "pid (name) state ppid ...", the name holding anything: proc(5).
func isStage(stat string, parent int) bool {
	b, err := os.ReadFile(stat)
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if err != nil || open < 0 || end < open || !strings.HasPrefix(string(b[open+1:end]), stagePrefix) {
		return false
	}
	f := strings.Fields(string(b[end+1:]))
	return len(f) > 1 && f[1] == strconv.Itoa(parent)
}

// garbage collects what failed starts leave: some of their descriptors are closed only by the
// finalizers of libcontainer's files.
var garbage collector

// collectAfter is the time before a collection: by then nothing refers to the failed start any more.
const collectAfter = 300 * time.Millisecond

// collector collects garbage some time after it was told of it, one collection at a time.
type collector struct{ told atomic.Int64 }

func (c *collector) left() {
	if c.told.Add(1) > 1 {
		return // a collection is under way; its goroutine makes another one
	}
	go func() {
		for {
			n := c.told.Load()
			time.Sleep(collectAfter)
			goruntime.GC()
			if c.told.CompareAndSwap(n, 0) {
				return
			}
		}
	}()
}
