// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// strayTime bounds the wait for an init whose strays have been reaped.
const strayTime = 5 * time.Second

// reapStrays is the last resort for an init that has been killed and does not end: the kernel
// lets it go when every process of its pid namespace has been reaped (zap_pid_ns_processes),
// and those that the agent has put there are the agent's to reap. It reaps the dead ones that
// have no owner, and tells whether init is gone then.
func (c *Container) reapStrays() bool {
	namespace, err := os.Readlink(pidNamespace(c.options.Proc, c.init.Pid))
	if err != nil {
		return c.init.exited()
	}
	found := false
	for _, pid := range children(c.options.Proc) {
		if _, has := owned.Load(pid); has || pid == c.init.Pid || !isZombie(c.options.Proc, pid) {
			continue
		}
		if in, err := os.Readlink(pidNamespace(c.options.Proc, pid)); err != nil || in != namespace {
			continue
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		found = true
	}
	if found {
		ctx, cancel := context.WithTimeout(context.Background(), strayTime)
		defer cancel()
		c.init.waitGone(ctx)
	}
	return c.init.exited()
}

// pidNamespace is the path of the link to the pid namespace of a process. It can be read of a zombie too.
func pidNamespace(proc string, pid int) string {
	return filepath.Join(proc, strconv.Itoa(pid), "ns/pid")
}

// children are the numbers of this process's children, whichever of its threads has made them. They
// are found by their parent: the kernel's lists of a thread's children lack some when one of them, or
// the thread, ends while they are read (proc_pid_task_children(5)).
func children(proc string) []int {
	var out []int
	self := strconv.Itoa(os.Getpid())
	stats, _ := filepath.Glob(filepath.Join(proc, "[0-9]*/stat"))
	for _, file := range stats {
		text, _ := os.ReadFile(file) // empty if it has gone
		end := bytes.LastIndexByte(text, ')')
		words := strings.Fields(string(text[end+1:])) // state, parent: proc_pid_stat(5)
		if end < 0 || len(words) < 2 || words[1] != self {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			out = append(out, pid)
		}
	}
	return out
}
