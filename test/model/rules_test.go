// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
)

// told plays answers to a history, and returns whether each could be.
type told struct {
	t *testing.T
	h *history
}

func newTold(t *testing.T) *told { return &told{t, newHistory("c")} }

func (p *told) ask(s step) *call {
	p.t.Helper()
	if !p.h.room() {
		p.t.Fatal("no room for another call")
	}
	c := &call{step: s}
	p.h.request(c)
	return c
}

func (p *told) can(c *call, out outcome, status uint8) bool {
	return len(p.h.answered(c, func(o outcome, s uint8) bool { return o == out && s == status })) > 0
}

// does makes a call whose answer must be possible.
func (p *told) does(s step, out outcome, status uint8) {
	p.t.Helper()
	if c := p.ask(s); !p.can(c, out, status) {
		p.t.Fatalf("%s cannot be answered with %d, status %d; it can be with:%s", s.Method, out, status, p.h.expected(c))
	}
}

// wrong makes a call whose answer must not be possible.
func (p *told) wrong(s step, out outcome, status uint8) {
	p.t.Helper()
	if p.can(p.ask(s), out, status) {
		p.t.Errorf("%s can be answered with %d, status %d, and must not", s.Method, out, status)
	}
}

var (
	aCreate = step{Method: "CreateContainer"}
	aStart  = step{Method: "StartContainer"}
	aRemove = step{Method: "RemoveContainer"}
	aPause  = step{Method: "PauseContainer"}
	aResume = step{Method: "ResumeContainer"}
	anExec  = step{Method: "ExecProcess", Slot: 1}
	aWait   = step{Method: "WaitProcess", Slot: 1}
	aKill   = step{Method: "SignalProcess", Slot: 1, Signal: 9}
)

func TestRulesOfOneClient(t *testing.T) {
	seven := anExec
	seven.Program = named("seven")
	for name, play := range map[string]func(*told){
		"start before create": func(p *told) { p.wrong(aStart, okay, 0) },
		"twice":               func(p *told) { p.does(aCreate, okay, 0); p.wrong(aCreate, okay, 0) },
		"resume leads back": func(p *told) {
			p.does(aCreate, okay, 0)
			p.does(aPause, okay, 0)
			p.does(aResume, okay, 0)
			p.wrong(aStart, isRunning, 0)
		},
		"exec while paused":      func(p *told) { p.does(aCreate, okay, 0); p.does(aPause, okay, 0); p.wrong(anExec, okay, 0) },
		"id in use":              func(p *told) { p.does(aCreate, okay, 0); p.does(anExec, okay, 0); p.wrong(anExec, okay, 0) },
		"status of a living one": func(p *told) { p.does(aCreate, okay, 0); p.does(anExec, okay, 0); p.wrong(aWait, okay, 0) },
		"status of another signal": func(p *told) {
			p.does(aCreate, okay, 0)
			p.does(anExec, okay, 0)
			p.does(aKill, okay, 0)
			p.wrong(aWait, okay, 143)
		},
		"another status": func(p *told) { p.does(aCreate, okay, 0); p.does(seven, okay, 0); p.wrong(aWait, okay, 0) },
		"waited for twice": func(p *told) {
			p.does(aCreate, okay, 0)
			p.does(seven, okay, 0)
			p.does(aWait, okay, 7)
			p.wrong(aWait, okay, 7)
		},
		"there after its removal": func(p *told) { p.does(aCreate, okay, 0); p.does(aRemove, okay, 0); p.wrong(aStart, isCreated, 0) },
	} {
		t.Run(name, func(t *testing.T) { play(newTold(t)) })
	}
}

// TestRulesOfTwoClients: calls at the same time take effect in either order, and after that in none but
// the one that was seen.
func TestRulesOfTwoClients(t *testing.T) {
	p := newTold(t)
	p.does(aCreate, okay, 0)
	pause, start := p.ask(aPause), p.ask(aStart)
	if !p.can(start, isPaused, 0) || !p.can(pause, okay, 0) {
		t.Fatal("a pause cannot come before a start")
	}
	p.does(aResume, okay, 0)
	p.does(aStart, okay, 0)
}

// TestRulesOfDeadlines: a create that has failed for its deadline leaves no container, though it may take
// a while; a start may have worked.
func TestRulesOfDeadlines(t *testing.T) {
	p := newTold(t)
	late := aCreate
	late.Deadline = 1
	c := p.ask(late)
	if !p.h.lose(c, expired) {
		t.Fatal("a create cannot fail for its deadline")
	}
	p.wrong(aStart, okay, 0)

	p = newTold(t)
	p.does(aCreate, okay, 0)
	if c := p.ask(aStart); !p.h.lose(c, expired) {
		t.Fatal("a start cannot fail for its deadline")
	}
	p.does(aStart, isRunning, 0)
}

func TestStream(t *testing.T) {
	s := newStream([]byte("abcdef"))
	if s.can([]byte("abd")) || !s.can([]byte("abc")) {
		t.Error("a wrong byte is taken for a right one, or the reverse")
	}
	s.read([]byte("ab"), false)
	s.lost(2) // nobody knows whether "cd" was read
	if !s.can([]byte("ef")) || !s.can([]byte("cd")) || s.can([]byte("f")) {
		t.Error("after a lost answer its bytes may be gone or not, and no others")
	}
	s.read([]byte("ef"), false)
	if !s.atEnd() {
		t.Error("all is read")
	}
	c := s.append([]byte("xyz")) // how much of it comes is not known
	s.append([]byte("1"))
	if !s.can([]byte("x1")) || !s.can([]byte("xyz1")) || s.can([]byte("y")) {
		t.Error("a write that may be cut short is its beginning")
	}
	s.settle(c)
	if s.can([]byte("x1")) {
		t.Error("a write that was answered is whole")
	}
}

// TestWordings: each answer the model allows has a code and words of its own.
func TestWordings(t *testing.T) {
	for out := okay; out <= noTerminal; out++ {
		for method := range rules {
			c := &call{step: step{Method: method, Slot: 1}}
			if code, text := wording(c, "c", out); code != codes.OK && text == "" {
				t.Errorf("outcome %d of %s has no words", out, method)
			}
		}
	}
}

// TestShrink: what is left of a plan is what the finding needs.
func TestShrink(t *testing.T) {
	p := plan{{aCreate, aPause, aResume}, {aStart, anExec, aKill}}
	needs := func(q plan) *run {
		r := &run{record: []event{{exchange: &exchange{number: 1}, begins: true}}}
		create, kill := false, false
		for _, s := range flatten(q) {
			create = create || s.Method == "CreateContainer"
			kill = kill || s.Method == "SignalProcess"
		}
		if create && kill {
			r.finding = &finding{kind: "k", call: 1}
		}
		return r
	}
	if _, small := shrink(needs(p), p, 1000, needs); len(flatten(small)) != 2 {
		t.Errorf("%d steps are left, want 2: %v", len(flatten(small)), small)
	}
}

func TestRecords(t *testing.T) {
	if got := records("tag", 2); !bytes.Equal(got, []byte("   tag:00000000;   tag:00000001;")) {
		t.Errorf("%q", got)
	}
}

// TestNeeded: of what was seen, only what makes the last answer impossible is kept.
func TestNeeded(t *testing.T) {
	r := &run{}
	for i, c := range []struct {
		step step
		text string
	}{
		{aStart, `invalid container id: "c"`}, {aCreate, ""}, {aPause, ""}, {aResume, ""}, {step{Method: "StatsContainer"}, ""},
		{aStart, `cannot start container "c": it is running`},
	} {
		x := &exchange{step: c.step, number: i + 1}
		x.message = new(pod).request(&c.step, "c", "tag", nil)
		a := answer{text: c.text}
		switch {
		case i == 0:
			a.code = codes.Internal
		case c.text != "":
			a.code = codes.FailedPrecondition
		}
		r.record = append(r.record, event{exchange: x, begins: true}, event{exchange: x, answer: a})
	}
	r.finding = &finding{call: 6}
	kept := []int{}
	for _, e := range r.needed() {
		if e.begins {
			kept = append(kept, e.number)
		}
	}
	if !slices.Equal(kept, []int{2, 6}) {
		t.Errorf("calls %v are kept, want 2 and 6: the create and the start", kept)
	}
}
