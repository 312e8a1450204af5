// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Kinds of entries in the journal.
const (
	journalContainers = "container"
	journalSessions   = "session"
	journalEnds       = "end"
)

// Record is what the journal has of a container that stands. Its spec is in its bundle.
type Record struct {
	ID            id.Container
	SystemdCgroup bool
	Storages      []string              // mount points that it holds, in the order of the attaches
	Devices       [][2]pci.Address      // functions: the host's and the guest's
	First         bool                  // the pod's shared pid namespace may be its own
	Resources     *specs.LinuxResources // as they were last changed to; nil: those of the spec
}

// Session is what the journal has of a session.
type Session struct {
	Container id.Container
	Exec      id.Exec
	Pid       int
	Start     uint64 // see runtime.StartTime
}

// End is what the journal has of a process that has ended and for which nobody has waited yet: a session, or
// a container's first process.
type End struct {
	Container id.Container
	Exec      id.Exec
	Status    int
}

// Left is what the journal of an agent that has died has of containers.
type Left struct {
	Containers []Record
	Sessions   []Session
	Ends       []End
}

// Records reads what an agent before has left.
func Records(j *journal.Journal) (l Left, err error) {
	var errs [3]error
	l.Containers, errs[0] = journal.Read[Record](j, journalContainers)
	l.Sessions, errs[1] = journal.Read[Session](j, journalSessions)
	l.Ends, errs[2] = journal.Read[End](j, journalEnds)
	return l, errors.Join(errs[:]...)
}

// AllSessions are the sessions, also those that ended before they were noted.
func (l *Left) AllSessions() []Session {
	all := slices.Clone(l.Sessions)
	for _, e := range l.Ends {
		noted := func(s Session) bool { return s.Container == e.Container && s.Exec == e.Exec }
		if e.Exec != id.Exec(e.Container) && !slices.ContainsFunc(l.Sessions, noted) {
			all = append(all, Session{Container: e.Container, Exec: e.Exec})
		}
	}
	return all
}

// Status is how a process has ended, as far as the journal knows.
func (l *Left) Status(cid id.Container, exec id.Exec) (status int, ok bool) {
	i := slices.IndexFunc(l.Ends, func(e End) bool { return e.Container == cid && e.Exec == exec })
	if i < 0 {
		return 0, false
	}
	return l.Ends[i].Status, true
}

// Drop removes what the journal has of a container that is not there.
func Drop(j *journal.Journal, cid id.Container) error {
	return j.Delete(journalContainers, string(cid))
}

// DropSession removes what the journal has of a session.
func DropSession(j *journal.Journal, s Session) error {
	name := sessionName(s.Container, s.Exec)
	return errors.Join(j.Delete(journalSessions, name), j.Delete(journalEnds, name))
}

// Inherit makes the actor that of a container that an agent has made that has died since. It is the
// first message the actor gets, in place of Create. The container goes on as it is.
type Inherit struct {
	core.Call[struct{}]
	Record   Record
	Spec     *specs.Spec
	OS       *runtime.Container
	Init     *runtime.Process
	Sessions map[id.Exec]*runtime.Process
	Frozen   bool
}

func (c *container) inherit(t *core.Turn, m *Inherit) {
	c.os, c.spec, c.pci, c.record = m.OS, m.Spec, m.Record.pciMap(), &m.Record
	c.undo.add("directory", func(context.Context) error { return bundle.RemoveEmpty(c.options.BundleRoot, string(c.id)) })
	for _, mountPoint := range m.Record.Storages {
		c.undo.addStep("storage "+mountPoint, c.releaser(mountPoint))
	}
	c.undo.add("bundle", func(context.Context) error { return bundle.Remove(c.options.BundleRoot, string(c.id)) })
	c.undo.add("container", destroyer(m.OS, c.options.Warn))
	c.undo.add("journal", c.forgetRecord)
	c.undo.stands = true
	c.state = running
	if m.OS.Waiting() {
		c.state = created
	}
	started := c.state == running
	if m.Frozen {
		c.state, c.resumeTo = paused, c.state
	}
	var errs []error
	if err := c.adoptInherited(t, c.initID(), m.Init); err != nil {
		errs = append(errs, err)
	}
	for exec, p := range m.Sessions {
		errs = append(errs, c.adoptInherited(t, exec, p))
	}
	var pid *namespace.PID
	if m.Record.First {
		pid = c.openPID(m.Init)
	}
	c.parent.Tell(Created{ID: c.id, PID: pid})
	m.Reply(struct{}{}, errors.Join(errs...))
	if started {
		rt, log := c.os, t.Log()
		core.Go(t, func(context.Context) (struct{}, error) {
			c.watchOOM(rt, log)
			return struct{}{}, nil
		}, func(*core.Turn, struct{}, error) {})
	}
}

// adoptInherited is adopt with what is left of the streams.
func (c *container) adoptInherited(t *core.Turn, e id.Exec, p *runtime.Process) error {
	streams := process.Streams{Pipes: stdio.Reopen(c.options.Runtime.Proc, p.Pid), Inherited: true}
	err := c.adopt(t, e, p, streams)
	if err == nil && e == c.initID() && !c.os.Waiting() {
		c.procs[e].handle.Ref.Tell(process.Released{})
	}
	return err
}

// note enters the container in the journal, for the next agent.
func (c *container) note(out *made, m *Create, systemd bool) {
	if c.options.Journal == nil {
		return
	}
	r := &Record{ID: c.id, SystemdCgroup: systemd, Storages: out.undo.storages, First: m.SharePID}
	for host, guest := range out.pci {
		r.Devices = append(r.Devices, [2]pci.Address{host, guest})
	}
	out.record = r
	out.undo.add("journal", c.forgetRecord)
	c.save(r)
}

// save writes a record. An agent that cannot must not fail its containers for it.
func (c *container) save(r *Record) {
	if err := c.options.Journal.Put(journalContainers, string(c.id), r); err != nil {
		c.options.Warn(fmt.Errorf("container %q would be lost in a crash: %w", c.id, err))
	}
}

func (c *container) forgetRecord(context.Context) error {
	return c.options.Journal.Delete(journalContainers, string(c.id))
}

// change saves the record with a change. It is part of an exclusive operation's work.
func (c *container) change(with func(*Record)) {
	if c.record == nil {
		return
	}
	next := *c.record
	with(&next)
	c.record = &next
	c.save(&next)
}

// noteSession enters a session, later: nobody waits for that.
func (c *container) noteSession(exec id.Exec, pid int) {
	if c.options.Journal == nil {
		return
	}
	cid := c.id
	c.options.Journal.Later(func(j *journal.Journal) {
		start, err := runtime.StartTime(pid)
		if err == nil { // else it has ended, and been reaped
			err = j.Put(journalSessions, sessionName(cid, exec), Session{cid, exec, pid, start})
		}
		_ = err // without the entry the session is an unknown process of its container
	})
}

// noteEnd enters how a process has ended.
func (c *container) noteEnd(exec id.Exec, status int) {
	if c.options.Journal == nil {
		return
	}
	cid := c.id
	c.options.Journal.Later(func(j *journal.Journal) {
		_ = j.Put(journalEnds, sessionName(cid, exec), End{cid, exec, status}) // without the entry it is unknown
	})
}

// forgetSession removes what is noted of a process whose status has been handed out, or that nobody can ask for
// any more.
func (c *container) forgetSession(exec id.Exec) {
	if c.options.Journal == nil {
		return
	}
	cid, session := c.id, exec != c.initID()
	c.options.Journal.Later(func(j *journal.Journal) {
		_ = j.Delete(journalEnds, sessionName(cid, exec))
		if session {
			_ = j.Delete(journalSessions, sessionName(cid, exec)) // the next agent sees that it has ended
		}
	})
}

func sessionName(cid id.Container, exec id.Exec) string { return string(cid) + "\x00" + string(exec) }

func (r *Record) pciMap() map[pci.Address]pci.Address {
	if len(r.Devices) == 0 {
		return nil
	}
	m := map[pci.Address]pci.Address{}
	for _, d := range r.Devices {
		m[d[0]] = d[1]
	}
	return m
}
