// SPDX-License-Identifier: Apache-2.0

package model

import "golang.org/x/sys/unix"

// loss is why nobody waits for the answer to a call any more.
type loss uint8

const (
	kept    loss = iota
	expired      // it was answered with DEADLINE_EXCEEDED: it gives up what it has begun
	left         // its client has gone away: it may end in any way
)

// call is one call to a container, as the rules see it.
type call struct {
	step
	id   int
	run  uint8 // the process that a create or exec makes
	loss loss
	// runs are what the processes of the container run, by run.
	runs *[256]*program
}

// mayGiveUp tells whether a call may end because nobody waits for it. Others can see that before its
// own client does.
func (c *call) mayGiveUp() bool { return c.loss != kept || c.Deadline > 0 || c.Leave > 0 }

// program is what a create or exec is to run.
func (c *call) program() *program { return &programs[c.Program] }

// rule tells what a call that is not done can do next. It gives every state that may follow to emit.
type rule func(s state, i int, c *call, emit func(state))

// rules by method. A call without a rule does not depend on the container.
var rules = map[string]rule{
	"CreateContainer": create,
	"StartContainer":  start,
	"RemoveContainer": remove,
	"ExecProcess":     session,
	"SignalProcess":   signal,
	"WaitProcess":     wait,
	"ReadStdout":      read,
	"ReadStderr":      read,
	"WriteStdin":      write,
	"CloseStdin":      closeStdin,
	"PauseContainer":  pause,
	"ResumeContainer": resume,
	"UpdateContainer": update,
	"StatsContainer":  stats,
	"TtyWinResize":    resize,
}

// is lets a call be done. One that nobody waits for is over then.
func (s state) is(i int, c *call, out outcome) state {
	s.pending[i] = pending{at: done, out: out}
	if c.loss != kept {
		s.pending[i] = pending{}
	}
	return s
}

// begins lets others see a call.
func (s state) begins(i int) state {
	s.pending[i].at = begun
	return s
}

func create(s state, i int, c *call, emit func(state)) {
	switch {
	case s.pending[i].at == begun:
		made(s, i, c, emit)
	case s.at != absent:
		emit(s.is(i, c, exists))
	case c.loss == expired: // its time was over before it began
	default:
		s.at = making
		emit(s.begins(i))
	}
}

// made is the end of a create that has begun. One that has expired never leaves a container.
func made(s state, i int, c *call, emit func(state)) {
	fails := func(out outcome) {
		f := s.is(i, c, out)
		f.vanish()
		f.removed()
		emit(f)
	}
	if s.removing || c.mayGiveUp() {
		fails(givenUp)
	}
	if c.loss == expired {
		return
	}
	switch p := c.program(); {
	case c.BadRoot:
		fails(badRoot)
	case p.missing:
		fails(badProgram)
	default:
		s = s.is(i, c, okay)
		s.at = created
		s.process[0] = process{run: c.run, at: alive}
		emit(s)
	}
}

// removed answers those that wait for a removal which has ended.
func (s *state) removed() {
	for i := range s.pending {
		if p := &s.pending[i]; p.at == begun && p.out == removal {
			*p = pending{at: done, out: okay}
		}
	}
}

// removal marks a RemoveContainer that has begun: all of them end together.
const removal = outcome(255)

func remove(s state, i int, c *call, emit func(state)) {
	switch {
	case s.pending[i].at == begun:
		if s.at == making {
			return // the create ends first
		}
		for slot := range s.process {
			if s.process[slot].at == alive { // its exit comes first, or nobody is told
				gone := s
				gone.process[slot] = process{}
				emit(gone)
				return
			}
		}
		s.vanish()
		s.removed()
		emit(s)
	case s.at == absent:
		emit(s.is(i, c, unknown))
	default:
		s.removing = true
		s.kill()
		s = s.begins(i)
		s.pending[i].out = removal
		emit(s)
	}
}

func start(s state, i int, c *call, emit func(state)) {
	switch {
	case s.at == absent:
		emit(s.is(i, c, unknown))
	case s.at == making: // it waits
	case s.removing:
		emit(s.is(i, c, givenUp))
	case s.at == created && !s.frozen:
		if s.process[0].may&signaled != 0 {
			emit(s.is(i, c, initEnded))
		}
		s.at = running
		emit(s.is(i, c, okay))
	case s.at == stopped:
		emit(s.is(i, c, isStopped))
	default:
		emit(s.is(i, c, s.word()))
	}
}

// exclusive is the common part of operations that run one after the other; it is false where a
// container is none or on its way.
func exclusive(s state, i int, c *call, emit func(state)) bool {
	switch {
	case s.at == absent:
		emit(s.is(i, c, unknown))
	case s.at == making: // it waits
	case s.removing:
		emit(s.is(i, c, givenUp))
	default:
		return true
	}
	return false
}

func pause(s state, i int, c *call, emit func(state)) {
	if !exclusive(s, i, c, emit) {
		return
	}
	if s.at == stopped || s.frozen {
		emit(s.is(i, c, s.word()))
		return
	}
	s.frozen = true
	emit(s.is(i, c, okay))
}

func resume(s state, i int, c *call, emit func(state)) {
	if !exclusive(s, i, c, emit) {
		return
	}
	if s.at == stopped || !s.frozen {
		emit(s.is(i, c, s.word()))
		return
	}
	s.frozen = false
	emit(s.is(i, c, okay))
}

func update(s state, i int, c *call, emit func(state)) {
	if !exclusive(s, i, c, emit) {
		return
	}
	if s.at == stopped {
		emit(s.is(i, c, isStopped))
		return
	}
	emit(s.is(i, c, okay))
}

func stats(s state, i int, c *call, emit func(state)) {
	switch s.at {
	case absent:
		emit(s.is(i, c, unknown))
	case making:
		emit(s.is(i, c, isCreating))
	default:
		emit(s.is(i, c, okay))
	}
}

func session(s state, i int, c *call, emit func(state)) {
	if s.pending[i].at == begun {
		executed(s, i, c, emit)
		return
	}
	p := s.process[c.Slot]
	switch {
	case s.at == absent:
		emit(s.is(i, c, unknown))
	case s.removing:
		emit(s.is(i, c, givenUp))
	case s.at == making, s.at == stopped, s.frozen:
		emit(s.is(i, c, s.word()))
	case p.next != 0, p.at == alive, p.at == exited:
		emit(s.is(i, c, exists))
	case c.loss != expired:
		s.process[c.Slot].next, s.process[c.Slot].may = c.run, 0
		emit(s.begins(i))
	}
}

// executed is the end of an exec that has begun. One that has expired leaves no session.
func executed(s state, i int, c *call, emit func(state)) {
	fails := func(out outcome) {
		f := s.is(i, c, out)
		if p := &f.process[c.Slot]; p.next == c.run {
			p.next, p.may = 0, 0
		}
		emit(f)
	}
	mine := s.process[c.Slot].next == c.run && s.at != absent
	switch {
	case !mine || s.removing:
		fails(givenUp)
	case s.at == stopped || s.ending(c.runs):
		fails(initEnded)
	}
	if mine && c.mayGiveUp() {
		fails(givenUp)
	}
	if !mine || c.loss == expired {
		return
	}
	if c.program().missing {
		fails(badProgram)
		if !s.ending(c.runs) && s.process[c.Slot].may&killed == 0 {
			return
		}
		// What is killed before it has looked for its program has been started all the same.
	}
	s = s.is(i, c, okay)
	s.process[c.Slot] = process{run: c.run, at: alive, may: s.process[c.Slot].may}
	emit(s)
}

// target finds the process of a call; it is false, and the call done, where there is none.
func (s *state) target(i int, c *call, emit func(state)) bool {
	switch p := s.process[c.Slot].at; {
	case s.at == absent:
		emit(s.is(i, c, unknown))
	case p == none:
		emit(s.is(i, c, noProcess))
	default:
		return true
	}
	return false
}

func signal(s state, i int, c *call, emit func(state)) {
	if c.killsAll() {
		killAll(s, i, c, emit)
		return
	}
	if !s.target(i, c, emit) {
		return
	}
	p := &s.process[c.Slot]
	if p.at == waited {
		emit(s.is(i, c, noProcess))
		return
	}
	if p.at == alive {
		switch {
		case c.Signal == uint32(unix.SIGKILL), c.Signal == uint32(unix.SIGTERM) && c.Slot == 0:
			p.may |= killed
		case c.Signal == uint32(unix.SIGTERM):
			p.may |= termed
		}
	}
	emit(s.is(i, c, okay))
}

// killAll reaches every process, and thaws a container.
func killAll(s state, i int, c *call, emit func(state)) {
	switch s.at {
	case absent:
		emit(s.is(i, c, unknown))
	case making:
		emit(s.is(i, c, isCreating))
	default:
		if s.frozen {
			s.frozen = false
		}
		s.kill()
		emit(s.is(i, c, okay))
	}
}

// parked marks a WaitProcess that waits; its status is the slot that it waits for.
const parked = outcome(254)

func wait(s state, i int, c *call, emit func(state)) {
	if s.pending[i].at == begun {
		if s.removing || s.process[c.Slot].at == none {
			emit(s.is(i, c, noProcess))
		}
		return
	}
	if !s.target(i, c, emit) {
		return
	}
	p := &s.process[c.Slot]
	switch p.at {
	case waited:
		emit(s.is(i, c, noProcess))
	case exited:
		p.at = waited
		s = s.is(i, c, okay)
		if c.loss == kept {
			s.pending[i].status = p.status
		}
		emit(s)
	default:
		if c.loss != expired {
			s.pending[i] = pending{at: begun, out: parked, status: uint8(c.Slot)}
			emit(s)
		}
	}
}

// read may give bytes, or the end of the stream. The status of the pending call is the run it is of:
// run.go asks its stream about the bytes.
func read(s state, i int, c *call, emit func(state)) {
	if !s.target(i, c, emit) {
		return
	}
	p := s.process[c.Slot]
	of := func(out outcome) {
		o := s.is(i, c, out)
		if c.loss == kept {
			o.pending[i].status = p.run
		}
		emit(o)
	}
	of(okay)
	r := c.runs[p.run]
	// A process that ends closes its streams before anybody is told of the exit.
	whole := p.at == alive && s.mayEnd(c.Slot, c.runs) || p.at != alive && p.status < 128
	if whole && !s.removing { // by itself: all that it has written can be read
		of(endedWhole)
	}
	if whole && !s.removing && p.at == waited {
		of(goneWhole)
	}
	if p.at == alive && s.mayBeKilled(c.Slot, c.runs) || p.at != alive && p.status >= 128 || s.removing || r.terminal && c.Stderr {
		of(ended)
	}
	if p.at == waited && p.status >= 128 || s.removing {
		emit(s.is(i, c, noProcess))
	}
}

func write(s state, i int, c *call, emit func(state)) {
	if !s.target(i, c, emit) {
		return
	}
	p := s.process[c.Slot]
	taken := s.is(i, c, okay)
	if c.loss == kept {
		taken.pending[i].status = p.run
	}
	emit(taken)
	if p.at == waited {
		emit(s.is(i, c, noProcess))
	}
	if p.at != alive || p.may&hangs != 0 {
		emit(s.is(i, c, noStdin))
	}
	if p.at != alive || s.mayEnd(c.Slot, c.runs) || s.mayBeKilled(c.Slot, c.runs) {
		emit(s.is(i, c, brokenPipe))
	}
}

func closeStdin(s state, i int, c *call, emit func(state)) {
	if !s.target(i, c, emit) {
		return
	}
	p := &s.process[c.Slot]
	if p.at == waited {
		emit(s.is(i, c, noProcess))
	}
	if p.at == alive {
		p.may |= hangs
	}
	emit(s.is(i, c, okay))
}

func resize(s state, i int, c *call, emit func(state)) {
	if !s.target(i, c, emit) {
		return
	}
	if s.process[c.Slot].at == waited {
		emit(s.is(i, c, noProcess))
		return
	}
	if c.runs[s.process[c.Slot].run].terminal {
		emit(s.is(i, c, okay))
	} else {
		emit(s.is(i, c, noTerminal))
	}
}
