// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// exchange is a call and what belongs to it.
type exchange struct {
	step    step
	client  int
	number  int
	message protocols.Message
	tag     string // of what its process writes
	call    *call
	data    []byte // of a write
	wrote   map[uint8]cut
	left    bool
}

// expired tells whether an answer is that of the deadline.
func (x *exchange) expired(a answer) bool {
	return x.step.Deadline > 0 && a.code == codes.DeadlineExceeded && a.text == "timeout"
}

// object is a container: its history and its streams.
type object struct {
	id string

	mu      sync.Mutex
	history *history
	streams map[uint8]*[2]*stream // stdout and stderr by run
	reading map[[2]int]bool       // slot, stream
	writing map[int]*exchange     // by slot
}

func newObject(id string) *object {
	return &object{
		id: id, history: newHistory(id), streams: map[uint8]*[2]*stream{}, reading: map[[2]int]bool{}, writing: map[int]*exchange{},
	}
}

func (s *step) stream() [2]int {
	if s.Stderr {
		return [2]int{s.Slot, 1}
	}
	return [2]int{s.Slot, 0}
}

func (s *step) reads() bool { return s.Method == "ReadStdout" || s.Method == "ReadStderr" }

// begin notes a call that is about to be made; false where the model could not tell its answers apart.
func (o *object) begin(r *run, x *exchange) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.enter(x) {
		return false
	}
	x.message = r.pod.request(&x.step, o.id, x.tag, x.data)
	r.note(event{exchange: x, begins: true})
	return true
}

// enter is begin for the model alone. One stream has one reader, and one writer, at a time.
func (o *object) enter(x *exchange) bool {
	s := &x.step
	if !o.history.room() || s.reads() && o.reading[s.stream()] || s.Method == "WriteStdin" && (o.writing[s.Slot] != nil || o.terminal(s.Slot)) {
		return false
	}
	x.call = &call{step: *s, id: x.number}
	o.history.request(x.call)
	if x.tag == "" {
		x.tag = fmt.Sprintf("%03d%03d", x.number%1000, x.call.run)
	}
	switch {
	case s.reads():
		o.reading[s.stream()] = true
	case s.Method == "WriteStdin":
		o.write(x)
	case x.call.run != 0:
		o.born(x.call, x.tag)
	}
	return true
}

// terminal tells whether a slot may lead to a process with a terminal, which changes its input.
func (o *object) terminal(slot int) bool {
	for run := range o.history.possible(slot) {
		if o.history.runs[run].terminal {
			return true
		}
	}
	return false
}

// born gives a process its streams. What is being written to its slot may come to it.
func (o *object) born(c *call, tag string) {
	p := c.program()
	pair := &[2]*stream{newStream(records(tag, p.out)), newStream(records(errTag(tag), p.err))}
	o.streams[c.run] = pair
	if x := o.writing[c.Slot]; x != nil && p.echoes {
		x.wrote[c.run] = pair[0].append(x.data)
	}
}

func (o *object) write(x *exchange) {
	x.data, x.wrote = input(x.number, x.step.Len), map[uint8]cut{}
	o.writing[x.step.Slot] = x
	for run := range o.history.possible(x.step.Slot) {
		if o.history.runs[run].echoes {
			x.wrote[run] = o.streams[run][0].append(x.data)
		}
	}
}

// end looks at the answer to a call.
func (o *object) end(r *run, x *exchange, a answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.note(event{exchange: x, answer: a})
	if wrong := o.judge(x, a); wrong != "" {
		r.fail(x.number, kind(x, a, o.id), "%s", wrong)
	}
}

// judge says what is wrong with an answer, "" if nothing is.
func (o *object) judge(x *exchange, a answer) (wrong string) {
	if x.step.reads() {
		delete(o.reading, x.step.stream())
	} else if x.step.Method == "WriteStdin" {
		delete(o.writing, x.step.Slot)
	}
	expected := o.history.expected(x.call)
	possible := true
	switch {
	case a.gone:
		o.lost(x)
		o.history.lose(x.call, left)
	case x.expired(a):
		possible = o.history.lose(x.call, expired)
	default:
		possible = o.answered(x, a)
	}
	if possible {
		return ""
	}
	return fmt.Sprintf("%s %s %s: %v%s; expected one of:%s", x.step.Method, o.id, x.step.exec(), a, o.detail(x, a), expected)
}

// lost moves streams on by what a read may have got.
func (o *object) lost(x *exchange) {
	if !x.step.reads() {
		return
	}
	for run := range o.history.possible(x.step.Slot) {
		o.streams[run][x.step.stream()[1]].lost(x.step.Len)
	}
}

// answered tells whether a call could be answered so, and goes on from there.
func (o *object) answered(x *exchange, a answer) bool {
	data := a.data()
	statuses := o.history.answered(x.call, func(out outcome, status uint8) bool {
		code, text := wording(x.call, o.id, out)
		if a.code != code || !strings.Contains(a.text, text) {
			return false
		}
		switch {
		case x.step.Method == "WaitProcess" && out == okay:
			return int(status) == a.status()
		case x.step.reads():
			return o.fits(x, out, status, data)
		}
		return true
	})
	if len(statuses) == 0 {
		return o.history.blind
	}
	o.move(x, a, statuses)
	return true
}

// fits tells whether a read of a run can have this outcome with such data.
func (o *object) fits(x *exchange, out outcome, run uint8, data []byte) bool {
	if run == 0 {
		return true
	}
	s := o.streams[run][x.step.stream()[1]]
	switch out {
	case okay:
		return len(data) > 0 && s.can(data)
	case ended:
		return len(data) == 0
	case endedWhole:
		return len(data) == 0 && s.atEnd()
	case goneWhole:
		return s.atEnd()
	}
	return true
}

// move moves streams on by an answer.
func (o *object) move(x *exchange, a answer, runs map[uint8]bool) {
	switch {
	case a.code != codes.OK:
	case x.step.reads() && len(a.data()) > 0:
		for run := range runs {
			o.streams[run][x.step.stream()[1]].read(a.data(), len(runs) > 1)
		}
	case x.step.Method == "WriteStdin":
		for run, c := range x.wrote {
			if len(runs) == 1 && runs[run] {
				o.streams[run][0].settle(c)
			}
		}
	}
}

// kind is what two answers have in common that are the same fault.
func kind(x *exchange, a answer, cid string) string {
	text := strings.ReplaceAll(a.text, cid, "C")
	if len(text) > 60 {
		text = text[:60]
	}
	return fmt.Sprintf("%s %v %s", x.step.Method, a.code, text)
}

// detail says more about bytes and statuses.
func (o *object) detail(x *exchange, a answer) string {
	switch {
	case a.code != codes.OK:
		return ""
	case x.step.Method == "WaitProcess":
		return fmt.Sprintf(" status %d", a.status())
	case !x.step.reads():
		return ""
	}
	data := a.data()
	text := fmt.Sprintf(" %d bytes %.40q", len(data), data)
	for run := range o.history.possible(x.step.Slot) {
		s := o.streams[run][x.step.stream()[1]]
		text += fmt.Sprintf(", run %d (%s) is at %d to %d of %d", run, o.history.runs[run].name, s.at[0], s.at[len(s.at)-1], len(s.data))
	}
	return text
}
