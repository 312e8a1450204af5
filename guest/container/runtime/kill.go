// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// killRounds bounds how often the processes of a cgroup are listed and killed; a fork
// bomb needs several, everything else one.
const killRounds = 50

// KillAll kills every process of the container, those in nested cgroups too. A frozen
// container is thawed, as on cgroup v1 a frozen process does not die.
func (c *Container) KillAll() error {
	err := c.killByInit()
	if errors.Is(err, errSharedPID) {
		err = c.killCgroup()
	}
	if err != nil {
		return fmt.Errorf("kill container %q: %w", c.id, err)
	}
	return nil
}

// errSharedPID says that a container's processes do not end with its init.
var errSharedPID = errors.New("pid namespace is shared")

// killByInit leaves the killing to the kernel: with the init of a pid namespace every
// process in it dies (pid_namespaces(7)), at once and without a list to race with.
func (c *Container) killByInit() error {
	if c.init == nil || !c.config.Namespaces.IsPrivate(configs.NEWPID) {
		return errSharedPID
	}
	if err := c.init.Kill(); err != nil {
		return err
	}
	if c.init.exited() {
		return nil // and all the others before it: the init of a pid namespace ends last
	}
	return c.thaw()
}

func (c *Container) killCgroup() error {
	if dir := c.cgroup.Path(""); cgroups.IsCgroup2UnifiedMode() {
		err := sysfs.Write(filepath.Join(dir, "cgroup.kill"), "1")
		if err == nil {
			return nil
		}
		if _, missing := os.Stat(dir); errors.Is(missing, os.ErrNotExist) {
			return nil
		}
		// A kernel before 5.14 has no cgroup.kill.
	}
	return c.killListed()
}

// killListed kills what the cgroup lists until it lists nothing that lives.
func (c *Container) killListed() error {
	for round := range killRounds {
		pids, err := c.cgroup.GetAllPids()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		alive := 0
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err == nil && !isZombie(c.options.Proc, pid) {
				alive++
			}
		}
		_ = c.thaw()
		if alive == 0 {
			return nil
		}
		time.Sleep(time.Duration(min(round+1, 10)) * time.Millisecond)
	}
	return fmt.Errorf("processes outlive SIGKILL")
}

// isZombie tells whether a process has exited and only waits to be reaped.
func isZombie(proc string, pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", proc, pid))
	if err != nil {
		return true
	}
	for i := len(b) - 1; i > 0; i-- {
		if b[i] == ')' { // the name may hold anything, a parenthesis too
			return i+2 < len(b) && (b[i+2] == 'Z' || b[i+2] == 'X')
		}
	}
	return false
}
