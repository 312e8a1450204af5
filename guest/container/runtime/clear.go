// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	if err := c.cgroup.Destroy(); err != nil { // processes live on: why they do comes first
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
	for _, name := range []string{execFifo, stateFile} {
		_ = unix.Unlink(filepath.Join(dir, name))
	}
	if err := unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return os.RemoveAll(dir)
}
