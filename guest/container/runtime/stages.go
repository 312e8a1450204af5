// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// libcontainer starts a process in three stages, each the agent's own child (nsexec.c).
// When a stage is killed, as by a removal in the middle of an exec, libcontainer forgets
// the later ones. Dead and not reaped, one of them in the container's pid namespace keeps
// the namespace's init from ending, and so the container from being removed. Their
// descriptors it leaves to the garbage collector.

const (
	// stagePrefix begins the names of stages; see nsexec.c.
	stagePrefix = "runc:["
	// stageLook is the time between two looks. Who owns a process that has exited has
	// reaped it by the second one.
	stageLook = 300 * time.Millisecond
	// stageLooks bounds the search after a start that has failed.
	stageLooks = 6
)

// tidier cleans up after failed starts, one cleaning at a time. It is not part of its
// container, which it must not hold while the garbage is collected.
type tidier struct{ failed atomic.Int64 }

// startFailed begins to clean up after a start, and returns.
func (t *tidier) startFailed(proc string) {
	if t.failed.Add(1) > 1 {
		return // whoever is at it begins anew
	}
	go func() {
		for {
			n := t.failed.Load()
			time.Sleep(stageLook) // until nobody holds what has failed
			goruntime.GC()
			reapStages(proc)
			if t.failed.CompareAndSwap(n, 0) {
				return
			}
		}
	}()
}

// reapStages reaps stages that nobody else does.
func reapStages(proc string) {
	seen := map[string]bool{}
	for range stageLooks {
		now := map[string]bool{}
		for _, z := range deadStages(proc, os.Getpid()) {
			if now[z.key()] = true; seen[z.key()] {
				_, _ = unix.Wait4(z.pid, nil, unix.WNOHANG, nil)
			}
		}
		seen = now
		time.Sleep(stageLook)
	}
}

// stage is a dead one; a number alone may be another process's at the next look.
type stage struct {
	pid   int
	start string // in clock ticks since boot
}

func (s stage) key() string { return fmt.Sprint(s.pid, "@", s.start) }

// deadStages lists the zombies among parent's children that have been stages.
func deadStages(proc string, parent int) []stage {
	var out []stage
	stats, _ := filepath.Glob(filepath.Join(proc, "[0-9]*/stat"))
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// "pid (name) state ppid ... starttime ...", the name holding anything: proc(5).
		open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
		if open < 0 || end < open {
			continue
		}
		f := strings.Fields(string(b[end+1:]))
		if len(f) < 20 || f[0] != "Z" || f[1] != strconv.Itoa(parent) || !strings.HasPrefix(string(b[open+1:end]), stagePrefix) {
			continue
		}
		out = append(out, stage{pid: pid, start: f[19]})
	}
	return out
}
