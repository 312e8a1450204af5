// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// defaultUmask is what a process gets unless the spec names another.
const defaultUmask = 0o022

// sessions starts processes by the resident helper, a tenth of what libcontainer takes.
type sessions struct{ helper *nsexec.Helper }

// NewSpawner makes a Spawner of a helper, which stays the caller's.
func NewSpawner(h *nsexec.Helper) Spawner { return sessions{h} }

// Open keeps the container's namespaces and cgroups open for its sessions. It is called
// before the container's program runs.
func (s sessions) Open(c *Container) error {
	if !plain(c) {
		return nil
	}
	t, err := nsexec.OpenTarget(c.init.Pid, c.CgroupPaths())
	if err != nil {
		return err
	}
	c.target = target{Target: t}
	// With the last descriptor of a mount namespace goes its tree of mounts, for which the kernel waits for
	// others: up to some milliseconds that need not be the removal's.
	c.init.reaped = func() { go t.Close() }
	return nil
}

// plain tells whether the helper does everything that libcontainer would do for a session
// of this container.
func plain(c *Container) bool {
	f := c.config
	return (f.Seccomp == nil || c.filter != nil) && f.Personality == nil && f.IntelRdt == nil && f.MemoryPolicy == nil &&
		f.Scheduler == nil && f.IOPriority == nil && f.ExecCPUAffinity == nil && !f.RootlessEUID
}

// Spawn starts a session, or declines it for libcontainer.
func (s sessions) Spawn(ctx context.Context, c *Container, p *specs.Process, stdio Stdio) (*Process, error) {
	if c.target.Target == nil || p.Scheduler != nil || p.IOPriority != nil || p.ExecCPUAffinity != nil {
		return nil, ErrDeclined
	}
	r, err := c.sessionRequest(p, stdio)
	if err != nil {
		return nil, fmt.Errorf("exec in container %q: %w", c.id, err)
	}
	sp, err := s.helper.Spawn(ctx, r)
	var failed *nsexec.Error
	if errors.As(err, &failed) && failed.Step == nsexec.StepClone && failed.Errno == unix.EBUSY {
		// The container has a tree of cgroups of its own and its processes have moved: on
		// cgroup v2 its top may hold none. libcontainer follows init.
		return nil, ErrDeclined
	}
	if err != nil {
		return nil, fmt.Errorf("exec in container %q: %w", c.id, c.ended(c.blame(err)))
	}
	return NewProcess(sp.Pid, sp.PidFD, sp.Terminal), nil
}

// ErrStopped says that the container's init has ended while a session was being started.
var ErrStopped = errors.New("it is stopped")

// ended puts the end of init in the place of what follows from it: with it goes the container's pid
// namespace, and a clone into that fails with ENOMEM (pid_namespaces(7)); a moment later what was kept
// open for sessions is closed.
func (c *Container) ended(err error) error {
	if errors.Is(err, os.ErrClosed) && c.init.exited() {
		return ErrStopped
	}
	var failed *nsexec.Error
	if errors.As(err, &failed) && failed.Step == nsexec.StepClone && failed.Errno == unix.ENOMEM && c.init.ending(c.options.Proc) {
		return ErrStopped
	}
	return err
}

// NewStagedProcess is the same process as one that libcontainer has started, which may not
// run its program yet.
func NewStagedProcess(p *Process) *Process {
	staged := &Process{Pid: p.Pid, PidFD: p.PidFD, terminal: p.terminal, reap: p.reap}
	staged.staged.Store(true)
	return staged
}

// NewProcess is a process that a Spawner has started: a child of the agent that nobody else
// reaps. terminal is nil for one without.
func NewProcess(pid int, fd, terminal *os.File) *Process {
	return (&Process{Pid: pid, PidFD: fd, terminal: terminal, reap: func() int { return reapPidFD(fd) }}).own()
}

func reapPidFD(fd *os.File) int {
	code, exited, err := pidfd.Wait(fd)
	if err != nil || !exited {
		return lostStatus
	}
	return code
}

// fromRoot is a working directory as libcontainer takes it: a relative one begins at the root,
// wherever the process that changes to it is. The last stage is there already.
func fromRoot(cwd string) string {
	if cwd == "" || cwd[0] == '/' {
		return cwd
	}
	return "/" + cwd
}

func (c *Container) sessionRequest(p *specs.Process, stdio Stdio) (*nsexec.Request, error) {
	limits, err := rlimits(p.Rlimits)
	if err != nil {
		return nil, err
	}
	umask := uint32(defaultUmask)
	if c.config.Umask != nil {
		umask = *c.config.Umask
	}
	r := &nsexec.Request{
		Target: c.target.Target,
		Args:   p.Args, Env: sessionEnv(c, p), Cwd: fromRoot(p.Cwd),
		Stdio: stdio,
		UID:   p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids,
		NoNewPrivileges: p.NoNewPrivileges, Umask: &umask, OOMScoreAdj: either(p.OOMScoreAdj, c.config.OomScoreAdj),
		SELinuxLabel: p.SelinuxLabel, AppArmorProfile: p.ApparmorProfile, Rlimits: limits,
	}
	if c.filter != nil {
		r.Seccomp, r.SeccompFlags = c.filter.Program, c.filter.Flags
	}
	if p.Capabilities != nil {
		r.Capabilities, err = capabilities(p.Capabilities)
	}
	return r, err
}

func capabilities(c *specs.LinuxCapabilities) (*nsexec.Capabilities, error) {
	out := &nsexec.Capabilities{}
	for _, set := range []struct {
		to    *uint64
		names []string
	}{
		{&out.Bounding, c.Bounding}, {&out.Effective, c.Effective}, {&out.Permitted, c.Permitted},
		{&out.Inheritable, c.Inheritable}, {&out.Ambient, c.Ambient},
	} {
		bits, _, err := nsexec.CapabilitySet(set.names) // as libcontainer, without those the kernel does not have
		if err != nil {
			return nil, err
		}
		*set.to = bits
	}
	return out, nil
}
