// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/system"
	"golang.org/x/sys/unix"
)

// errNoSession says that a session cannot be started as it would have been by the agent before.
var errNoSession = errors.New("the agent was restarted, and cannot start sessions in it as before")

// Inherit takes over a container that an agent has made that has died since. p is what it was made
// with, its spec that of the bundle; only Stdio is not used. The init that it returns is no child of
// the agent: how it ends is known only if the kernel tells (PIDFD_GET_INFO). If it has ended already, its
// PidFD is readable. On error nothing has been changed, and ClearDead may clear it.
func Inherit(o Options, p CreateOptions) (*Container, *Process, error) {
	lc, err := libcontainer.Load(o.StateRoot, p.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("inherit container %q: %w", p.ID, err)
	}
	state, err := lc.State()
	if err != nil {
		return nil, nil, fmt.Errorf("inherit container %q: %w", p.ID, err)
	}
	c, err := inherited(o, p, lc, state)
	if err != nil {
		return nil, nil, fmt.Errorf("inherit container %q: %w", p.ID, err)
	}
	return c, c.init, nil
}

func inherited(o Options, p CreateOptions, lc *libcontainer.Container, state *libcontainer.State) (*Container, error) {
	was, err := fitSpec(o, p)
	if err != nil {
		return nil, err
	}
	config, err := libcontainerConfig(o, p)
	if err != nil {
		return nil, err
	}
	own := *config.Cgroups
	resources := *config.Cgroups.Resources
	own.Resources = &cgroups.Resources{}
	m, err := manager.NewWithPaths(&own, state.CgroupPaths)
	if err != nil {
		return nil, err
	}
	own.Resources = &resources
	given := lc.Config()
	c := &Container{
		id: p.ID, bundle: p.Bundle, options: o, lc: lc, cgroup: m, config: config, given: &given,
		spec: p.Spec, hooks: p.Spec.Hooks, state: filepath.Join(o.StateRoot, p.ID),
		systemd: p.SystemdCgroup, wantedCPUs: was.cpus, limits: own.Resources, told: &told{warn: o.Warn},
	}
	useStartManager(lc, o.Proc)
	if c.init, err = o.InheritProcess(state.InitProcessPid, state.InitProcessStartTime); err != nil {
		return nil, err
	}
	return c, c.inheritSessions()
}

// inheritSessions makes sessions possible as they were. libcontainer was not told of a filter that the
// last stage has set: its sessions would have none.
func (c *Container) inheritSessions() error {
	if c.config.Seccomp != nil && c.given.Seccomp == nil {
		if err := c.compileFilter(); err != nil {
			return err
		}
		c.helperOnly = true
	}
	if c.options.Spawn == nil || c.init.exited() {
		return nil
	}
	return c.options.Spawn.Open(c)
}

// Waiting tells whether an inherited container's init waits for its start.
func (c *Container) Waiting() bool {
	_, err := os.Lstat(filepath.Join(c.state, "exec.fifo")) // libcontainer removes it with the start
	return err == nil && !c.init.exited()
}

// Frozen tells whether the container is paused.
func (c *Container) Frozen() bool {
	state, err := c.cgroup.GetFreezerState()
	return err == nil && state == cgroups.Frozen
}

// InheritProcess is a process that another agent has started: by its number and start time (field 22 of
// proc_pid_stat(5)). One that is not there any more has exited.
func (o Options) InheritProcess(pid int, start uint64) (*Process, error) {
	fd, err := pidfd.Open(pid)
	switch {
	case errors.Is(err, unix.ESRCH), pid <= 0:
		return o.endedProcess(pid)
	case err != nil:
		return nil, err
	}
	// The number may be another's by now.
	if stat, err := system.Stat(pid); err != nil || stat.StartTime != start {
		fd.Close()
		return o.endedProcess(pid)
	}
	f := &foreign{proc: o.Proc, pid: pid, start: start, fd: fd, status: lostStatus, ended: o.seenEnd}
	return &Process{Pid: pid, PidFD: fd, foreign: f, reap: func() int { return f.status }}, nil
}

// endedProcess is a process that has gone. Its descriptor is readable as a pidfd would be.
func (o Options) endedProcess(pid int) (*Process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w.Close()
	status, known := o.seenEnd(pid)
	if !known {
		status = lostStatus
	}
	return &Process{Pid: pid, PidFD: r, foreign: &foreign{gone: true}, reap: func() int { return status }}, nil
}

// seenEnd is the exit status of a process whose end init has seen.
func (o Options) seenEnd(pid int) (status int, known bool) {
	if o.Ended == nil {
		return 0, false
	}
	seen, known := o.Ended(pid)
	return pidfd.Status(syscall.WaitStatus(seen)), known
}

// StartTime is when a process was started, in the kernel's clock ticks since boot: with its number it
// names a process.
func StartTime(pid int) (uint64, error) {
	stat, err := system.Stat(pid)
	return stat.StartTime, err
}

// foreign is what is known of a process that another agent has started and somebody else reaps.
type foreign struct {
	proc   string
	pid    int
	start  uint64
	fd     *os.File
	gone   bool // it had ended before
	status int
	seen   time.Time                              // when its end was seen
	ended  func(pid int) (status int, known bool) // seenEnd
}

// EndedBefore tells whether the process had ended before this agent began.
func (p *Process) EndedBefore() bool { return p.foreign != nil && p.foreign.gone }

// HasEnded gives the status of a process that EndedBefore, where somebody knows it.
func (p *Process) HasEnded(status int) {
	if p.EndedBefore() {
		p.reap = func() int { return status }
	}
}

// reapWait is how long the kernel may take to tell the status of a process that has just ended.
const reapWait = 500 * time.Millisecond

// settled tells whether there is nothing to wait for: the status is known, or never will be.
func (f *foreign) settled() bool {
	if f.gone {
		return true
	}
	status, known := pidfd.Zombie(f.proc, f.pid, f.start) // nobody has reaped it yet
	if !known {
		status, known = pidfd.ExitStatus(f.fd) // somebody has
	}
	if !known {
		status, known = f.ended(f.pid)
	}
	if known {
		f.status = status
		return true
	}
	if f.seen.IsZero() {
		f.seen = time.Now()
	}
	return time.Since(f.seen) > reapWait
}
