// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/system"
	"golang.org/x/sys/unix"
)

// ClearDead ends and removes a container of an agent that has died, whose state is in o.StateRoot: its
// processes, its cgroup, its state. Of o only StateRoot and Proc are used. Init is known by its number
// and start time, other processes by the cgroup that the state names. If there are processes in it that
// cannot be the container's, or the agent itself, the cgroup is left alone; the state goes in any case, so
// that the id is free, and the error says what was left.
func ClearDead(ctx context.Context, o Options, id string) error {
	dir := filepath.Join(o.StateRoot, id)
	c, err := loadDead(o, dir, id)
	if err == nil && c != nil {
		err = c.endDead(ctx)
	}
	if err = errors.Join(err, removeState(dir)); err != nil {
		return fmt.Errorf("clear container %q: %w", id, err)
	}
	return nil
}

// deadContainer is what an agent's death leaves of a container.
type deadContainer struct {
	*Container
	pid   int
	start uint64
}

// loadDead reads the state; nil if the agent died before it was written.
func loadDead(o Options, dir, id string) (*deadContainer, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var st libcontainer.State
	if err := json.Unmarshal(data, &st); err != nil {
		return nil, fmt.Errorf("decode %s: %w", stateFile, err)
	}
	if st.Config.Cgroups == nil {
		st.Config.Cgroups = &cgroups.Cgroup{}
	}
	if st.Config.Cgroups.Resources == nil { // limits are not needed, but the manager wants some
		st.Config.Cgroups.Resources = &cgroups.Resources{}
	}
	cgroup, err := manager.NewWithPaths(st.Config.Cgroups, st.CgroupPaths)
	if err != nil {
		return nil, err
	}
	c := &Container{id: id, options: o, cgroup: cgroup, config: &st.Config, state: dir}
	return &deadContainer{Container: c, pid: st.InitProcessPid, start: st.InitProcessStartTime}, nil
}

// endDead kills what runs and removes the cgroup.
func (c *deadContainer) endDead(ctx context.Context) error {
	pids, err := c.cgroup.GetAllPids()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.Contains(pids, os.Getpid()) {
		return errors.New("the agent is in its cgroup")
	}
	lived, err := c.killInit(ctx)
	if err != nil {
		return err
	}
	// All processes of a pid namespace die with its init. So if there was no init, a process that is
	// still in the cgroup is not the container's.
	if lived || !c.config.Namespaces.IsPrivate(configs.NEWPID) {
		if err := c.killCgroup(); err != nil {
			return err
		}
	}
	return c.cgroup.Destroy()
}

// killInit kills the container's init, if it lives, and waits for its end.
func (c *deadContainer) killInit(ctx context.Context) (lived bool, _ error) {
	fd, err := pidfd.Open(c.pid)
	if errors.Is(err, unix.ESRCH) || c.pid <= 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer fd.Close()
	// The number may belong to another process by now: the start time says whether it is the init.
	if stat, err := system.Stat(c.pid); err != nil || stat.StartTime != c.start {
		return false, nil
	}
	if err := pidfd.Send(fd, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return true, err
	}
	_ = c.thaw() // on cgroup v1 a frozen process does not die; without a cgroup nothing is frozen
	(&Process{PidFD: fd}).waitGone(ctx)
	if ctx.Err() != nil {
		return true, errAlive
	}
	return true, nil
}
