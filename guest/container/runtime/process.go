// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Stdio is what a process gets as its standard streams: the container's ends of three
// pipes, or a terminal made inside the container. The caller closes the files after the start.
type Stdio = nsexec.Stdio

// Process is a process of a container: a child of the agent, and nobody else's to reap.
type Process struct {
	Pid int // as the agent sees it
	// PidFD becomes readable when the process has exited; signals go by it.
	PidFD *os.File

	terminal *os.File // the master, until somebody takes it
	reap     func() int
	// staged is true while the process may still be a stage of libcontainer's start.
	staged  atomic.Bool
	foreign *foreign // of one that another agent has started; else nil
	// reaped, if any, runs once the process has been reaped, and must not block.
	reaped func()
}

// Executed tells whether the process runs its program. Until then it is a Go program,
// which takes signals in its own way: init while it waits for its start, and for a moment
// everything that libcontainer starts.
func (p *Process) Executed(proc string) bool {
	if !p.staged.Load() {
		return true
	}
	name, err := sysfs.ReadFile(fmt.Sprintf("%s/%d/comm", proc, p.Pid))
	if err == nil && strings.HasPrefix(string(name), stagePrefix) {
		return false
	}
	p.staged.Store(false)
	return true
}

// TakeTerminal gives the master of the process's terminal to the caller, who closes it; nil
// without one. Until then it is the process's, and ends with CloseTerminal or KillAndReap.
func (p *Process) TakeTerminal() *os.File {
	master := p.terminal
	p.terminal = nil
	return master
}

// CloseTerminal closes the master, unless somebody has taken it.
func (p *Process) CloseTerminal() {
	if master := p.TakeTerminal(); master != nil {
		master.Close()
	}
}

// Kill sends SIGKILL.
func (p *Process) Kill() error { return p.Signal(unix.SIGKILL) }

// Signal sends a signal by pidfd, so that it never reaches a process that has got the
// number later. An exited process takes every signal: ESRCH is no error.
func (p *Process) Signal(sig unix.Signal) error {
	if p.foreign != nil && p.foreign.gone {
		return nil
	}
	err := pidfd.Send(p.PidFD, sig)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrClosed) { // the latter: reaped
		return nil
	}
	return err
}

// Reap collects the exit status of a process whose PidFD is readable and closes PidFD:
// the exit code, or 128 plus the number of the signal that killed it. Called once.
func (p *Process) Reap() int {
	defer p.PidFD.Close()
	status := p.reap()
	owned.CompareAndDelete(p.Pid, p)
	if p.reaped != nil {
		p.reaped()
	}
	return status
}

// The levels at which libcontainer's stages log, in logrus' numbers. Without a level the first stages
// log at debug: some twenty lines for each container, all of which the agent decodes. Fatal errors,
// which say why a start failed, are logged at both levels.
const (
	stageLogInfo  = "4"
	stageLogDebug = "5"
)

// startProcess starts a process by libcontainer. For init it returns when init waits at
// the fifo, for others when the program is about to run.
func (c *Container) startProcess(spec *specs.Process, stdio Stdio, init bool) (*Process, error) {
	lp, err := libcontainerProcess(spec, init)
	if err != nil {
		return nil, err
	}
	lp.ConsoleWidth, lp.ConsoleHeight = stdio.Columns, stdio.Rows
	lp.LogLevel = stageLogInfo
	if verbose := c.options.Verbose; verbose != nil && verbose() {
		lp.LogLevel = stageLogDebug
	}
	if init && c.last != nil {
		c.bare(lp)
	}
	var tty *terminal
	if stdio.Terminal {
		if tty, err = newTerminal(); err != nil {
			return nil, err
		}
		defer tty.close()
		lp.ConsoleSocket = tty.child
	} else {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		defer null.Close()
		lp.Stdin, lp.Stdout, lp.Stderr = orFile(stdio.Files[0], null), orFile(stdio.Files[1], null), orFile(stdio.Files[2], null)
	}
	lc, err := c.libcontainer()
	if err != nil {
		return nil, err
	}
	p, err := launch(c.options.Proc, lc, lp)
	if err == nil && tty != nil {
		if p.terminal, err = tty.master(); err != nil {
			_ = p.Kill()
			p.reapGone()
		}
	}
	if err != nil {
		return nil, programError(spec.Args, err)
	}
	return p, nil
}

// programError gives the error about a program that cannot be run the same text as that of a session
// by the helper, without the steps of libcontainer that led to it. Hosts look for "not found".
func programError(args []string, err error) error {
	if len(args) == 0 {
		return err
	}
	begin := fmt.Sprintf("exec: %q: ", args[0])
	_, why, found := strings.Cut(err.Error(), begin)
	if !found {
		return err
	}
	if strings.HasPrefix(why, "stat ") && strings.Contains(why, unix.ENOENT.Error()) {
		why = fmt.Sprintf("the file %s was not found", args[0])
	}
	return &textError{begin + why, err}
}

// textError is an error in other words.
type textError struct {
	text string
	err  error
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.err }

func orFile(f, fallback *os.File) *os.File {
	if f == nil {
		return fallback
	}
	return f
}

// adopt makes a Process of one that libcontainer has started. Nobody but us reaps it,
// so its number cannot have been given to another process yet.
func adopt(proc string, lp *libcontainer.Process) (*Process, error) {
	var p *Process
	reap := func() int {
		failed := lp.Init && p != nil && !p.Executed(proc)
		state, _ := lp.Wait() // the error repeats what the state says
		if status := exitStatus(state); !failed || status != libcontainerFailed {
			return status
		}
		return neverRan
	}
	pid, err := lp.Pid()
	if err != nil {
		return nil, err
	}
	fd, err := pidfd.Open(pid)
	if err != nil {
		_ = lp.Signal(unix.SIGKILL)
		reap()
		return nil, err
	}
	p = &Process{Pid: pid, PidFD: fd, reap: reap}
	p.staged.Store(true)
	return p.own(), nil
}

// own enters a process among those that have an owner.
func (p *Process) own() *Process {
	owned.Store(p.Pid, p)
	return p
}

// An init that has been let go and cannot run its program, as when a startContainer hook has
// failed, ends with the first status. The second is what is reported, see docs/errors.md.
const (
	libcontainerFailed = 255
	neverRan           = 1
)

// lostStatus is reported when the kernel does not tell how a process ended.
const lostStatus = 255

func exitStatus(state *os.ProcessState) int {
	if state == nil {
		return lostStatus
	}
	ws, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		return lostStatus
	}
	return pidfd.Status(ws)
}

func libcontainerProcess(spec *specs.Process, init bool) (*libcontainer.Process, error) {
	limits, err := rlimits(spec.Rlimits)
	if err != nil {
		return nil, err
	}
	lp := &libcontainer.Process{
		Args: spec.Args, Env: spec.Env, Cwd: spec.Cwd,
		UID: int(spec.User.UID), GID: int(spec.User.GID),
		NoNewPrivileges: &spec.NoNewPrivileges,
		AppArmorProfile: spec.ApparmorProfile, Label: spec.SelinuxLabel,
		Rlimits: limits, Init: init,
	}
	for _, g := range spec.User.AdditionalGids {
		lp.AdditionalGroups = append(lp.AdditionalGroups, int(g))
	}
	if caps := spec.Capabilities; caps != nil {
		lp.Capabilities = &configs.Capabilities{
			Bounding: caps.Bounding, Effective: caps.Effective, Permitted: caps.Permitted,
			Inheritable: caps.Inheritable, Ambient: caps.Ambient,
		}
	}
	return lp, nil
}
