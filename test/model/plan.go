// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// step is one call of a client.
type step struct {
	Method    string
	Container int
	Slot      int           // 0 is init
	Program   int           // of a create or exec
	BadRoot   bool          // of a create whose root file system is not there
	Signal    uint32        // of a signal
	All       bool          // a signal without an exec id
	Stderr    bool          // of a read
	Len       int           // of a read or write, in bytes
	Deadline  time.Duration // 0 is none
	Leave     time.Duration // after which the client goes away; 0 is never
	Pause     time.Duration // before it
}

// plan is what each client does, one step after the other.
type plan [][]step

// waits tells whether a call waits for something that may never happen.
func (s *step) waits() bool {
	switch s.Method {
	case "WaitProcess", "ReadStdout", "ReadStderr", "WriteStdin", "GetOOMEvent":
		return true
	}
	return false
}

// planner makes plans up.
type planner struct {
	*rand.Rand
	containers int
}

// plan is one for so many clients.
func (p *planner) plan(clients, steps int) plan {
	all := make(plan, clients)
	for i := range all {
		for len(all[i]) < steps {
			all[i] = append(all[i], p.fragment()...)
		}
	}
	return all
}

// fragment is some steps that belong together. What others do meanwhile makes them wrong often enough.
func (p *planner) fragment() []step {
	c, slot := p.IntN(p.containers), 1+p.IntN(slots-1)
	var steps []step
	switch p.IntN(10) {
	case 0, 1:
		steps = p.birth(c)
	case 2, 3:
		steps = p.session(c, slot)
	case 4:
		steps = p.talk(c, slot)
	case 5:
		steps = []step{{Method: "PauseContainer", Container: c}, p.poke(c), {Method: "ResumeContainer", Container: c}}
	case 6:
		steps = p.cancelled(c)
	default:
		for range 1 + p.IntN(3) {
			steps = append(steps, p.poke(c))
		}
	}
	for i := range steps {
		p.trouble(&steps[i])
	}
	return steps
}

// program is one of those for a session or, with init, a container.
func (p *planner) program(init bool) int {
	switch n := p.IntN(20); {
	case init && n < 9:
		return named("sleep")
	case init && n < 13:
		return named("cat")
	}
	return p.IntN(len(programs))
}

func (p *planner) birth(c int) []step {
	create := step{Method: "CreateContainer", Container: c, Program: p.program(true), BadRoot: p.IntN(12) == 0}
	return []step{create, {Method: "StartContainer", Container: c}}
}

func (p *planner) session(c, slot int) []step {
	steps := []step{{Method: "ExecProcess", Container: c, Slot: slot, Program: p.program(false)}}
	for range p.IntN(4) {
		steps = append(steps, p.read(c, slot))
	}
	return append(steps, step{Method: "WaitProcess", Container: c, Slot: slot}, p.read(c, slot))
}

func (p *planner) talk(c, slot int) []step {
	return []step{
		{Method: "ExecProcess", Container: c, Slot: slot, Program: named("cat")},
		p.write(c, slot), p.read(c, slot), p.write(c, slot),
		{Method: "CloseStdin", Container: c, Slot: slot}, p.read(c, slot), p.read(c, slot),
		{Method: "WaitProcess", Container: c, Slot: slot},
	}
}

// cancelled is a create that is given up, and made again at once.
func (p *planner) cancelled(c int) []step {
	again := p.birth(c)
	first := again[0]
	if p.IntN(3) > 0 {
		first.Deadline = p.upTo(60 * time.Millisecond)
	} else {
		first.Leave = p.upTo(60 * time.Millisecond)
	}
	return append([]step{first}, again...)
}

func (p *planner) read(c, slot int) step {
	s := step{Method: "ReadStdout", Container: c, Slot: slot, Len: 16 << p.IntN(12)}
	if p.IntN(5) == 0 {
		s.Method, s.Stderr = "ReadStderr", true
	}
	if p.IntN(8) == 0 {
		s.Len = 1 + p.IntN(100)
	}
	return s
}

func (p *planner) write(c, slot int) step {
	return step{Method: "WriteStdin", Container: c, Slot: slot, Len: 16 << p.IntN(13)}
}

// poke is any call.
func (p *planner) poke(c int) step {
	slot := p.IntN(slots)
	switch n := p.IntN(32); {
	case n < 2:
		return p.birth(c)[0]
	case n < 5:
		return step{Method: "StartContainer", Container: c}
	case n < 7:
		return step{Method: "RemoveContainer", Container: c}
	case n < 9:
		return step{Method: "ExecProcess", Container: c, Slot: max(slot, 1), Program: p.program(false)}
	case n < 11:
		return step{Method: "WaitProcess", Container: c, Slot: slot}
	case n < 14:
		return p.read(c, slot)
	case n < 16:
		return p.write(c, slot)
	case n == 16:
		return step{Method: "CloseStdin", Container: c, Slot: slot}
	case n < 22:
		signals := []uint32{0, uint32(unix.SIGKILL), uint32(unix.SIGTERM)}
		return step{Method: "SignalProcess", Container: c, Slot: slot, Signal: signals[p.IntN(len(signals))], All: slot == 0 && p.IntN(2) == 0}
	}
	rest := []string{"PauseContainer", "ResumeContainer", "UpdateContainer", "StatsContainer", "TtyWinResize", "Check", "CreateSandbox", "GetOOMEvent"}
	return step{Method: rest[p.IntN(len(rest))], Container: c, Slot: slot}
}

// trouble gives a step a deadline, or a client that goes away, now and then.
func (p *planner) trouble(s *step) {
	if p.IntN(4) == 0 {
		s.Pause = p.upTo(30 * time.Millisecond)
	}
	switch {
	case s.Deadline > 0 || s.Leave > 0:
	case p.IntN(30) == 0:
		s.Leave = p.upTo(20 * time.Millisecond)
	case s.waits():
		s.Deadline = p.upTo(300 * time.Millisecond)
	case p.IntN(12) == 0:
		s.Deadline = p.upTo(40 * time.Millisecond)
	}
}

func (p *planner) upTo(d time.Duration) time.Duration {
	return time.Duration(1+p.IntN(int(d/time.Microsecond))) * time.Microsecond
}
