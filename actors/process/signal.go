// SPDX-License-Identifier: Apache-2.0

package process

import (
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"golang.org/x/sys/unix"
)

// A signal for a process that does not run its program yet waits until it does: what
// stands there until then would take it in its own way.
const (
	programLook  = 2 * time.Millisecond
	programLooks = 1000 // then it is sent all the same
)

func (p *process) signal(t *core.Turn, s *Signal) {
	switch {
	case p.waited:
		s.Reply(struct{}{}, ErrUnknown)
	case p.reaped:
		s.Reply(struct{}{}, nil)
	case s.Number == 0 || s.Number == unix.SIGKILL || p.os.Executed(p.proc):
		s.Reply(struct{}{}, p.send(s))
	case p.held:
		s.Reply(struct{}{}, p.toHeld(s))
	case s.tries < programLooks:
		s.tries++
		t.After(programLook, s)
	default:
		s.Reply(struct{}{}, p.send(s))
	}
}

func (p *process) send(s *Signal) error {
	n := s.Number
	if s.TermKills && n == unix.SIGTERM && !runtime.HandlesSignal(p.proc, p.os.Pid, n) {
		n = unix.SIGKILL
	}
	return p.os.Signal(n)
}

// toHeld is for an init that waits for its start. It handles nothing yet, so SIGTERM kills
// it, and the kernel would drop every other signal.
func (p *process) toHeld(s *Signal) error {
	switch {
	case s.TermKills && s.Number == unix.SIGTERM:
		return p.os.Kill()
	case s.Number > maxSignal:
		return unix.EINVAL
	}
	return nil
}

// maxSignal is the largest number of a signal: SIGRTMAX of signal(7).
const maxSignal = 64
