// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/intelrdt"
	"golang.org/x/sys/unix"
)

// libcontainer is asked to start processes and for nothing else. Its Status and Destroy
// panic when init could not be started, and go by a state that is theirs alone to change.

// Files in libcontainer's directory of a container.
const (
	execFifo  = "exec.fifo"
	stateFile = "state.json"
)

// errAlive says that a container cannot be removed.
var errAlive = errors.New("its init outlives SIGKILL")

// Abandon removes what a failed create has made.
func (c *Container) Abandon() error {
	c.target.close()
	c.closeLast()
	if c.init != nil {
		_ = c.init.Kill()
		c.init.waitGone(context.Background())
		c.init.Reap()
		c.init = nil
	}
	_ = c.killCgroup()
	return c.clear()
}

// removeCgroup removes the cgroup by a manager of its own. The manager for cgroup v1 takes each
// path it has removed out of its table, without a lock that holds for those who read the table,
// and statistics and updates may be read and made beside a removal.
func (c *Container) removeCgroup() error {
	m, err := manager.NewWithPaths(c.config.Cgroups, maps.Clone(c.cgroup.GetPaths()))
	if err != nil {
		return err
	}
	return m.Destroy()
}

// clear removes the cgroup and the state of a container whose init is dead. With a pid
// namespace of its own every other process is dead then, too.
func (c *Container) clear() error {
	if c.init != nil && !c.init.exited() && !c.reapStrays() {
		return fmt.Errorf("remove container %q: %w", c.id, errAlive)
	}
	var errs []error
	if !c.config.Namespaces.IsPrivate(configs.NEWPID) {
		if err := c.killCgroup(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := c.removeCgroup(); err != nil { // processes live on: why they do comes first
		return fmt.Errorf("remove container %q: %w", c.id, errors.Join(append(errs, err)...))
	}
	var err error // that the killing had trouble does not matter: all are gone
	if c.config.IntelRdt != nil {
		err = intelrdt.NewManager(c.config, c.id, "").Destroy()
	}
	if err := errors.Join(err, removeState(c.state)); err != nil {
		return fmt.Errorf("remove container %q: %w", c.id, err)
	}
	return nil
}

// removeState removes libcontainer's directory, without a descriptor where it can: the
// agent may have none left, which is what made a create fail.
func removeState(dir string) error {
	for _, name := range []string{stateFile, execFifo} { // the second is there until the start
		_ = unix.Unlink(filepath.Join(dir, name))
		if err := unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
	}
	return os.RemoveAll(dir)
}
