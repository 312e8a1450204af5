// SPDX-License-Identifier: Apache-2.0

package runtime

import (
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
	for _, pid := range children() {
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

// children are the numbers of this process's children. Each belongs to the thread that has
// made it.
func children() []int {
	var out []int
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		list, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(list)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}
