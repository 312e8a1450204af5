// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// continuation is a message that brings its own handling.
type continuation interface{ run(*Turn) }

// turn handles one message.
func (a *actor) turn(m Message) {
	if tm, ok := m.(*timer); ok {
		if !tm.take() {
			return
		}
		m = tm.m
	}
	t := &Turn{a: a, msg: m}
	req, ok := m.(asked)
	if !ok {
		a.invoke(t)
		return
	}
	head := req.callHead()
	moves := head.moves.Load()
	if head.watched {
		defer head.taken(t, moves, time.Now())
	}
	defer func() {
		if !t.parked {
			head.pend(a, req, moves)
		}
	}()
	a.invoke(t)
}

// invoke calls the behaviour and contains what it does: a panic, or a
// runtime.Goexit, which runs the deferred functions only.
func (a *actor) invoke(t *Turn) {
	ended := false
	defer func() {
		t.over.Store(true)
		if !ended {
			a.panicked(t.msg, recover())
		}
	}()
	if c, ok := t.msg.(continuation); ok {
		c.run(t)
	} else {
		a.behavior.Receive(t, t.msg)
	}
	ended = true
}

// slow warns of a turn that kept the others waiting, and returns the time.
func (a *actor) slow(m Message, since time.Duration) time.Duration {
	now := a.sys.now()
	if took := now - since; took > a.sys.slowTurn {
		a.sys.log.Warn("slow turn", zap.String("actor", a.path),
			zap.String("message", typeName(m)), zap.Duration("took", took))
	}
	return now
}

// typeName names a message without showing it.
func typeName(m Message) string {
	if tm, ok := m.(*timer); ok {
		m = tm.m
	}
	return fmt.Sprintf("%T", m)
}

// panicLog is where the stack goes, and only there.
func (a *actor) panicLog(what string, m Message, value any) {
	if a == nil {
		return // a deliver called for the zero Ref
	}
	if value == nil {
		value = "runtime.Goexit"
	}
	text := fmt.Sprint(value)
	const enough = 512 // a panic value may hold anything
	text = text[:min(len(text), enough)]
	a.sys.log.Error(what, zap.String("actor", a.path), zap.String("message", typeName(m)),
		zap.String("panic", text), zap.ByteString("stack", debug.Stack()))
}
