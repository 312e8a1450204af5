// SPDX-License-Identifier: Apache-2.0

package process

import (
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/runtime"
	"github.com/kata-containers/kata-agent/guest/stdio"
	"golang.org/x/sys/unix"
)

// linger is how long output that nobody reads is kept after the exit status has been
// handed out, counted from the last read.
const linger = 30 * time.Second

// process is the actor. States: running -> exited -> waited -> gone.
//
//	Wait    running: kept until the exit; exited: answered, then waited; waited: ErrUnknown
//	Signal  running: sent; exited: nothing to do; waited: ErrUnknown
//	Resize  running, exited: done; waited: ErrUnknown
//
// It ends by Discard, or by itself (telling Gone) when it has been waited for and its
// output was read or has lingered.
type process struct {
	handle  *Handle
	parent  core.Ref
	os      *runtime.Process
	proc    string
	waiters []*Wait
	exited  bool
	status  int
}

// Params of a process that runs already.
type Params struct {
	Handle *Handle // its Ref is set by Spawn
	OS     *runtime.Process
	Poller *stdio.Poller
	Parent core.Ref // told Exited and Gone
	Proc   string   // mount point of procfs
}

// Spawn starts the actor of a running process, named by its exec id. From here on the
// actor owns the process and its streams.
func Spawn(t *core.Turn, p Params) error {
	b := &process{handle: p.Handle, parent: p.Parent, os: p.OS, proc: p.Proc}
	ref, err := t.Spawn(string("process/"+p.Handle.Key.Exec), b)
	if err != nil {
		return err
	}
	p.Handle.Ref = ref
	_, err = p.Poller.OnReadable(int(p.OS.PidFD.Fd()), func() { ref.Tell(exitSeen{}) })
	return err
}

// Receive handles one message.
func (p *process) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case exitSeen:
		p.exit(t)
	case *Wait:
		p.wait(t, m)
	case *Signal:
		m.Reply(struct{}{}, p.signal(m))
	case *Resize:
		m.Reply(struct{}{}, p.resize(m))
	case lingerOver:
		p.settle(t)
	case Discard:
		t.Stop(nil)
	}
}

func (p *process) exit(t *core.Turn) {
	if p.exited {
		return
	}
	p.exited, p.status = true, p.os.Reap()
	p.handle.IO.exited()
	p.parent.Tell(Exited{Handle: p.handle, Status: p.status})
	waiting := p.waiters[:0]
	for _, w := range p.waiters {
		if w.Context().Err() == nil { // one who has gone away does not use the status up
			waiting = append(waiting, w)
		}
	}
	p.waiters = nil
	if len(waiting) == 0 {
		return
	}
	p.handle.waited.Store(true)
	for _, w := range waiting {
		w.Reply(p.status, nil)
	}
	p.settle(t)
}

func (p *process) wait(t *core.Turn, w *Wait) {
	switch {
	case p.handle.Waited():
		w.Reply(0, ErrUnknown)
	case !p.exited:
		p.waiters = append(pruned(p.waiters), w)
	default:
		p.handle.waited.Store(true)
		w.Reply(p.status, nil)
		p.settle(t)
	}
}

// pruned drops the waiters that have gone away, so that a host that waits with a
// deadline again and again leaves nothing behind.
func pruned(ws []*Wait) []*Wait {
	out := ws[:0]
	for _, w := range ws {
		if w.Context().Err() == nil {
			out = append(out, w)
		}
	}
	return out
}

func (p *process) signal(s *Signal) error {
	switch {
	case p.handle.Waited():
		return ErrUnknown
	case p.exited:
		return nil
	}
	n := s.Number
	if s.TermKills && n == unix.SIGTERM && !runtime.HandlesSignal(p.proc, p.os.Pid, n) {
		n = unix.SIGKILL
	}
	return p.os.Signal(n)
}

func (p *process) resize(r *Resize) error {
	if p.handle.Waited() {
		return ErrUnknown
	}
	return p.handle.IO.resize(r.Rows, r.Columns)
}

// settle ends a process that has been waited for, unless unread output may still be
// fetched.
func (p *process) settle(t *core.Turn) {
	if p.handle.IO.unread() && p.handle.IO.idleFor() < linger {
		t.After(linger, lingerOver{})
		return
	}
	p.parent.Tell(Gone{Handle: p.handle})
	t.Stop(nil)
}

// Stopped closes the streams. A process that is not reaped yet is killed and reaped, so
// that nothing outlives its actor.
func (p *process) Stopped(error) {
	p.handle.waited.Store(true)
	p.handle.IO.Close()
	if !p.exited {
		_ = p.os.Kill()
		go func() { p.os.WaitGone(); p.os.Reap() }()
	}
	for _, w := range p.waiters {
		w.Reply(0, ErrUnknown)
	}
}
