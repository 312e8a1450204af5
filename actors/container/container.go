// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Options is what all containers of the agent are made with.
type Options struct {
	Runtime   runtime.Options
	Poller    *stdio.Poller
	Processes *process.Directory
	// Containers is the pod's directory of containers, which the sandbox enters them in. A container
	// leaves it before anybody is told that it is gone.
	Containers *core.Directory[id.Container, core.Ref]
	Views      *Views // may be nil
	Storage    core.Ref
	BundleRoot string // parent of the bundles: /run/kata-containers
	// Mounts knows where the sources of mounts may lead.
	Mounts   mount.Mounter
	PipeSize int // of stdout and stderr, in bytes; 0: the kernel's default
	// Passfd has the host's connections for streams; nil if the agent does not listen for them.
	Passfd *passfd.Streams
	// Cgroup turns the host's cgroups path into that of the driver to use.
	Cgroup cgroup.Chooser
	// WatchOOM calls fn for each OOM kill in the container's cgroup until stop is called.
	WatchOOM func(paths map[string]string, fn func()) (stop func(), err error)
	// Devices waits for a container's devices and puts them into its spec. The map is what
	// the environment of its sessions is rewritten by.
	Devices func(context.Context, *specs.Spec, []device.Request) (device.PCIMap, error)
	// Hub unseals secrets; nil if there is none for this agent.
	Hub Hub
	// PauseProcess is the process of the guest's own pause image.
	PauseProcess func() (*specs.Process, error)
	// Journal is where the next agent finds what this one has; nil: it will not look.
	Journal *journal.Journal
	// Ended is called for each process whose actor has ended. May be nil.
	Ended func()
	// Warn reports what is not worth an error.
	Warn func(error)
}

// container is the actor. Create, Start, Pause, Resume, Update and Remove run one after
// the other; exec sessions, signals and statistics do not wait for them.
type container struct {
	id      id.Container
	options *Options
	parent  core.Ref
	state   state // changed by enterState
	view    View
	// resumeTo is the state that a resume leads back to.
	resumeTo state
	pausing  bool // from the request on: no session may start

	os   *runtime.Container
	spec *specs.Spec
	undo undoList
	// record is what the journal has; nil if there is none. Works of exclusive operations change it.
	record *Record
	pci    device.PCIMap
	// retry is until the next try to undo a create that has failed; 0 for one that has not.
	retry time.Duration

	procs    map[id.Exec]*entry
	starting map[id.Exec]*Exec // sessions whose process is not there yet

	busy     bool               // one of the exclusive operations is under way
	doing    core.StepKind      // which
	cancelOp context.CancelFunc // gives that operation up
	removals []*Remove          // who waits for the removal
	removing bool
	undone   bool // the removal's work has ended
	killing  int  // works that kill by the cgroup's path, which the next container has too
	waited   bool // the exits have been waited for long enough
	oom      oomWatch
}

// entry is a process of the container.
type entry struct {
	handle *process.Handle
	exited bool
	waited bool // the exit status has been handed out: the exec id is free
	// before is a session that had ended before this agent began: its status may have been handed out
	// by the one before, so its exec id is free too.
	before bool
}

// New makes the behaviour of a container; parent is told Created and Forgotten.
func New(cid id.Container, options *Options, parent core.Ref) core.Behavior {
	return &container{
		id: cid, options: options, parent: parent, view: View{began: time.Now()},
		procs: map[id.Exec]*entry{}, starting: map[id.Exec]*Exec{},
	}
}

// Receive handles one message.
func (c *container) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case *Exec:
		c.exec(t, m)
	case *Stats:
		c.stats(t, m)
	case *Spec:
		m.Reply(c.spec, nil)
	case *Init:
		c.initProcess(t, m)
	case *KillAll:
		c.killAll(t, m)
	case *Remove:
		c.remove(t, m)
	case process.Exited:
		c.exited(t, m)
	case process.Waited:
		if e := c.entry(m.Handle); e != nil {
			e.waited = true
			c.forgetSession(m.Handle.Key.Exec)
		}
	case process.Unwaited:
		if e := c.entry(m.Handle); e != nil {
			e.waited = false
		}
	case process.Gone:
		c.gone(m.Handle)
	case core.ChildExited:
		if errors.Is(m.Cause, core.ErrPanicked) {
			c.lost(t, m.Child)
		}
		if c.options.Ended != nil {
			c.options.Ended()
		}
	case finalize:
		c.waited = true
		c.settleRemoval(t)
	case undoAgain:
		c.undoAgain(t)
	case lookAgain:
		t.Unpark()
	default:
		c.exclusive(t, m)
	}
}

// exclusive runs the operations of which only one may be under way.
func (c *container) exclusive(t *core.Turn, m core.Message) {
	if w, ok := m.(*WidenCPUs); ok && c.os == nil {
		w.Reply(struct{}{}, nil) // a create, however long, sees the CPUs there are at its end
		return
	}
	if c.busy {
		t.ParkBehind(c.doing)
		return
	}
	switch m := m.(type) {
	case *Create:
		c.create(t, m)
	case *Inherit:
		c.inherit(t, m)
	case *Start:
		c.start(t, m)
	case *Pause:
		c.pause(t, m)
	case *Resume:
		c.resume(t, m)
	case *Update:
		c.update(t, m)
	case *WidenCPUs:
		c.widenCPUs(t, m)
	default:
		t.Log().Sugar().Errorf("message of type %T is not for a container", m)
	}
}

// begin marks an exclusive operation as under way. The context ends when the one who asked
// has gone, the operation is given up, or it has ended; the work joins it with the actor's.
func (c *container) begin(kind core.StepKind, asker context.Context) context.Context {
	wanted, cancel := context.WithCancel(asker)
	c.busy, c.doing, c.cancelOp = true, kind, cancel
	return wanted
}

// end lets the next exclusive operation begin.
func (c *container) end(t *core.Turn) {
	if c.cancelOp != nil {
		c.cancelOp()
	}
	c.busy, c.cancelOp = false, nil
	t.Unpark()
	if c.removing {
		c.teardown(t)
	}
}

func (c *container) key(e id.Exec) process.Key {
	return process.Key{Container: c.id, Exec: e}
}

// initID is the exec id under which init is kept.
func (c *container) initID() id.Exec { return id.Exec(c.id) }

// adopt makes the actor of a process that has been started and enters it.
func (c *container) adopt(t *core.Turn, e id.Exec, p *runtime.Process, streams process.Streams) error {
	io, err := process.NewIO(c.options.Poller, streams, p.TakeTerminal())
	if err != nil {
		p.KillAndReap()
		return fmt.Errorf("streams of process %q: %w", e, err)
	}
	h := &process.Handle{Key: c.key(e), IO: io}
	err = process.Spawn(t, process.Options{
		Handle: h, OS: p, Poller: c.options.Poller, Parent: t.Self(), Proc: c.options.Runtime.Proc,
		Held: e == c.initID(),
	})
	if err != nil {
		return fmt.Errorf("process %q: %w", e, err)
	}
	c.procs[e] = &entry{handle: h, before: p.EndedBefore()}
	if e != c.initID() {
		c.noteSession(e, p.Pid)
	}
	c.options.Processes.Put(h.Key, h)
	return nil
}

func (c *container) exited(t *core.Turn, m process.Exited) {
	e := c.entry(m.Handle)
	if e == nil {
		return
	}
	e.exited = true
	c.noteEnd(m.Handle.Key.Exec, m.Status)
	if m.Handle.Key.Exec == c.initID() {
		c.enterState(stopped)
	}
	if c.undone {
		c.settleRemoval(t)
	}
}

// entry returns the entry of a process, nil if the container has none for it any more.
func (c *container) entry(h *process.Handle) *entry {
	if e := c.procs[h.Key.Exec]; e != nil && e.handle == h {
		return e
	}
	return nil
}

// lost forgets a process whose actor has panicked: it has killed the process, and told nothing.
func (c *container) lost(t *core.Turn, child core.Ref) {
	for _, e := range c.procs {
		if e.handle.Ref == child {
			c.gone(e.handle)
		}
	}
	if c.undone {
		c.settleRemoval(t)
	}
}

func (c *container) gone(h *process.Handle) {
	if e := c.entry(h); e != nil {
		if !e.waited {
			c.forgetSession(h.Key.Exec)
		}
		delete(c.procs, h.Key.Exec)
		c.options.Processes.Delete(h.Key)
	}
}

// Stopped ends whoever still waits for the removal. A container whose actor has
// panicked has lost its undo list: the sandbox reports it, and the host ends the pod.
func (c *container) Stopped(error) {
	if c.cancelOp != nil {
		c.cancelOp()
	}
	c.oom.end()
	if c.options.Views != nil {
		c.options.Views.Delete(c.id)
	}
	for e, p := range c.procs {
		c.options.Processes.Delete(p.handle.Key)
		delete(c.procs, e)
	}
}
