// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"

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

// Records reads what an agent before has left.
func Records(j *journal.Journal) ([]Record, []Session, error) {
	records, err := journal.Read[Record](j, journalContainers)
	sessions, more := journal.Read[Session](j, journalSessions)
	return records, sessions, errors.Join(err, more)
}

// Drop removes what the journal has of a container that is not there.
func Drop(j *journal.Journal, cid id.Container) error {
	return j.Delete(journalContainers, string(cid))
}

// DropSession removes what the journal has of a session.
func DropSession(j *journal.Journal, s Session) error {
	return j.Delete(journalSessions, sessionName(s.Container, s.Exec))
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
	streams := process.Streams{Pipes: stdio.Reopen(c.options.Runtime.Proc, p.Pid)}
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
	cid := c.id
	c.options.Journal.Later(func(j *journal.Journal) {
		start, err := runtime.StartTime(pid)
		if err == nil { // else it has ended, and been reaped
			err = j.Put(journalSessions, sessionName(cid, exec), Session{cid, exec, pid, start})
		}
		_ = err // without the entry the session is an unknown process of its container
	})
}

func (c *container) forgetSession(exec id.Exec) {
	cid := c.id
	if exec == c.initID() {
		return
	}
	c.options.Journal.Later(func(j *journal.Journal) {
		_ = j.Delete(journalSessions, sessionName(cid, exec)) // the next agent sees that it has ended
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
