// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// The streams of a process are kept for a while after the exit status was handed out: readers may be
// slow or come late, and descendants may write more.
const (
	lingerTime = 30 * time.Second // from the status having been handed out, or the last read
	lingerEnd  = time.Second      // when only the end of a stream has not been read yet
	lingerLook = time.Second      // how often this is checked
)

// process is the actor. States: running -> reaped -> exited -> waited -> drained -> gone. It
// is reaped until all that it has written to passed streams is on its way to the host: at
// once, unless the host does not read. It is drained while descendants still write and nobody
// will read that, or what they write is passed.
//
//	Wait    running, reaped: kept until exited; exited: answered, then waited; waited: ErrUnknown
//	Signal  running: sent; exited: nothing to do; waited: ErrUnknown
//	Resize  running, exited: done; waited: ErrUnknown
//
// It ends by Discard, or by itself when it has been waited for, its output was read or has
// lingered, and nobody can write to its streams any more. Gone is told when it is drained.
type process struct {
	handle  *Handle
	parent  core.Ref
	os      *runtime.Process
	proc    string
	waiters core.Waiters[*Wait]
	held    bool // an init that waits for its start
	reaped  bool
	flushes int // passed streams whose output is not on its way yet
	exited  bool
	waited  bool // the status has been handed out
	given   int  // how many have got it
	status  int
	since   time.Time // when the status was handed out
	drains  int       // streams that are drained and have not ended yet
	done    bool      // nothing but these keeps the actor alive
	unwatch func() bool
}

// Options is what the actor of a process that runs already is made with.
type Options struct {
	Handle *Handle // its Ref is set by Spawn
	OS     *runtime.Process
	Poller *stdio.Poller
	Parent core.Ref // told Exited and Gone
	Proc   string   // mount point of procfs
	Held   bool     // an init that waits for its start, until Released
}

// Spawn starts the actor of a running process, named by its exec id. It owns the process
// and its streams from here on, also when it fails: they are ended then.
func Spawn(t *core.Turn, p Options) error {
	b := &process{handle: p.Handle, parent: p.Parent, os: p.OS, proc: p.Proc, held: p.Held}
	ref, err := spawn(t, "process/"+string(p.Handle.Key.Exec), b)
	if err != nil {
		b.Stopped(err)
		return err
	}
	p.Handle.Ref, p.Handle.Pid, p.Handle.began = ref, p.OS.Pid, time.Since(epoch)
	b.unwatch, err = p.Poller.OnReadable(int(p.OS.PidFD.Fd()), func() { ref.Tell(exitSeen{}) })
	if err != nil {
		ref.Tell(Discard{})
	}
	return err
}

// spawn gives the actor another name while a process that had the same exec id has been
// waited for, and so is gone for the host, but its actor is not dead yet.
func spawn(t *core.Turn, name string, b core.Behavior) (core.Ref, error) {
	ref, err := t.Spawn(name, b)
	for n := 2; errors.Is(err, core.ErrNameTaken); n++ {
		ref, err = t.Spawn(fmt.Sprintf("%s~%d", name, n), b)
	}
	return ref, err
}

// Receive handles one message.
func (p *process) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case exitSeen:
		p.exit(t)
	case *Wait:
		p.wait(t, m)
	case *Signal:
		p.signal(t, m)
	case *Resize:
		m.Reply(struct{}{}, p.resize(m))
	case Released:
		p.held = false
	case lingerOver:
		p.settle(t)
	case Supersede:
		p.drain(t)
	case statusReturned:
		p.takeBack()
	case flushed:
		if p.flushes--; p.flushes == 0 {
			p.published(t)
		}
	case streamOver:
		p.drains--
		p.mayEnd(t)
	case Discard:
		t.Stop(nil)
	}
}

func (p *process) exit(t *core.Turn) {
	if p.reaped {
		return
	}
	if !p.os.Reapable() {
		core.Go(t, func(context.Context) (struct{}, error) {
			p.os.AwaitReapable()
			return struct{}{}, nil
		}, func(t *core.Turn, _ struct{}, _ error) { p.exit(t) })
		return
	}
	p.reaped, p.status = true, p.os.Reap()
	self := t.Self()
	p.flushes = p.handle.IO.flush(func() { self.Tell(flushed{}) })
	if p.flushes == 0 {
		p.published(t)
	}
}

// published tells the exit to the container and to those who wait for it.
func (p *process) published(t *core.Turn) {
	p.exited = true
	p.handle.state.Store(exited)
	p.handle.IO.exited()
	p.parent.Tell(Exited{Handle: p.handle, Status: p.status})
	// One who has gone away does not use the status up.
	if waiting := p.waiters.Take(); len(waiting) > 0 {
		p.handOut(t, waiting...)
	}
}

// handOut gives the status to those who wait for it. The process is gone for others then.
func (p *process) handOut(t *core.Turn, to ...*Wait) {
	p.since, p.waited, p.given = time.Now(), true, 0
	p.handle.state.Store(waited)
	p.parent.Tell(Waited{Handle: p.handle})
	for _, w := range to {
		if w.Answer(p.status, nil) {
			p.given++
		}
	}
	p.settle(t)
}

func (p *process) wait(t *core.Turn, w *Wait) {
	switch {
	case p.waited:
		w.Reply(0, ErrUnknown)
	case !p.exited:
		p.waiters.Add(w)
	default:
		p.handOut(t, w)
	}
}

func (p *process) resize(r *Resize) error {
	if p.waited {
		return ErrUnknown
	}
	return p.handle.IO.resize(r.Rows, r.Columns)
}

// settle ends a process that has been waited for, unless its output may still be fetched.
func (p *process) settle(t *core.Turn) {
	if p.done || !p.waited || p.takeBack() {
		return
	}
	left, drained := p.handle.IO.left(p.streamOver(t))
	p.drains += drained
	if p.handle.status.kept.Load() > 0 {
		left = max(left, output) // it may come back
	}
	if p.lingers(left) {
		t.After(lingerLook, lingerOver{})
		return
	}
	p.parent.Tell(Gone{Handle: p.handle})
	if left == nothing {
		p.done = true
		p.drains += p.handle.IO.passes(p.streamOver(t))
		p.mayEnd(t)
		return
	}
	p.drain(t)
}

// takeBack tells whether the status has come back from all who had been given it. It is there for the
// next who asks then.
func (p *process) takeBack() bool {
	if p.done || !p.waited || int(p.handle.status.returned.Load()) < p.given {
		return false
	}
	p.waited = false
	p.handle.state.Store(exited)
	p.handle.status.returned.Store(0)
	p.parent.Tell(Unwaited{Handle: p.handle})
	return true
}

func (p *process) lingers(left remains) bool {
	switch left {
	case output:
		return p.handle.IO.quiet(p.since) < lingerTime
	case theEnd:
		return p.handle.IO.quiet(p.since) < lingerEnd
	default:
		return false
	}
}

// drain lets who still writes do so into the void. The container does not know the process
// any more but owns it still: it ends with the container at the latest.
func (p *process) drain(t *core.Turn) {
	if !p.done {
		p.drains += p.handle.IO.passes(p.streamOver(t))
	}
	p.done = true
	p.drains += p.handle.IO.drain(p.streamOver(t))
	p.mayEnd(t)
}

func (p *process) mayEnd(t *core.Turn) {
	if p.done && p.drains == 0 {
		t.Stop(nil)
	}
}

func (p *process) streamOver(t *core.Turn) func() {
	self := t.Self()
	return func() { self.Tell(streamOver{}) }
}

// Stopped closes the streams. A process that is not reaped yet is killed and reaped, so
// that nothing outlives its actor.
func (p *process) Stopped(error) {
	p.handle.IO.Close()
	if !p.reaped {
		if p.unwatch != nil { // before PidFD is closed and its number is another's
			p.unwatch()
		}
		p.os.KillAndReap()
	}
	for _, w := range p.waiters.Take() {
		if p.reaped { // the host has not read what came before the exit
			w.Reply(p.status, nil)
		} else {
			w.Reply(0, ErrUnknown)
		}
	}
}
