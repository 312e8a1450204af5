// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	proto "github.com/asynkron/protoactor-go/actor"
)

// What an actor's mailbox lets through.
const (
	open    uint8 = iota
	holding       // stopping: user messages wait for the end
	closed        // refused, requests fail at once
)

// The mailbox is unbounded: a full one could only block or drop the teller.
// What is bounded is the number of Asks, at the border (System.slots).
// protoactor's own mailboxes cannot be closed, so a request told while the
// actor dies would be lost.

// post queues a user message. It is false when the mailbox is closed.
func (a *actor) post(m Message) bool {
	a.mu.Lock()
	if a.gate == closed {
		a.mu.Unlock()
		return false
	}
	a.queue.push(m)
	wake := a.gate == open && !a.running
	if wake {
		a.running = true
	}
	a.mu.Unlock()
	if wake {
		a.sys.schedule(a)
	}
	return true
}

// PostSystemMessage is protoactor's way to tell of start, stop and children.
func (a *actor) PostSystemMessage(m any) {
	a.mu.Lock()
	a.system.push(m)
	wake := !a.running
	a.running = true
	a.mu.Unlock()
	if wake {
		a.sys.schedule(a)
	}
}

// PostUserMessage is never used by core, which posts without the detour over
// a PID: a PID finds its actor by name and would reach a successor.
func (a *actor) PostUserMessage(m any) { Ref{a}.Tell(m) }

// RegisterHandlers receives the actor's protoactor side before anything else happens.
func (a *actor) RegisterHandlers(invoker proto.MessageInvoker, _ proto.Dispatcher) {
	a.cell = invoker.(cell)
}

// Start is part of protoactor's Mailbox.
func (a *actor) Start() {}

// UserMessageCount is part of protoactor's Mailbox.
func (a *actor) UserMessageCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.len()
}

// next takes the next message, those of the system first, then those replayed.
// It notes what is handled since when, for the live view. When there is none
// the actor is idle and the next post wakes it.
func (a *actor) next(now time.Duration) (m Message, system, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = nil
	if m, ok = a.system.pop(); ok {
		return m, true, true
	}
	if a.gate == open {
		if m, ok = a.x.popReplay(); !ok {
			m, ok = a.queue.pop()
		}
		if ok {
			a.current, a.since = m, now
			a.handled++
			return m, false, true
		}
	}
	a.running = false
	return nil, false, false
}

// process runs turns until the mailbox is empty. It may be cut short by
// runtime.Goexit in a turn, or by a panic of the framework outside of one:
// the mailbox must go on then, or the actor's requests would wait for ever.
func (a *actor) process() {
	idle := false
	defer func() {
		if idle {
			return
		}
		if r := recover(); r != nil {
			a.panicked(nil, r)
		}
		a.sys.schedule(a)
	}()
	now := a.sys.now()
	for {
		m, system, ok := a.next(now)
		switch {
		case !ok:
			idle = true
			return
		case system:
			a.cell.InvokeSystemMessage(m)
		default:
			a.cell.InvokeUserMessage(m)
			now = a.slow(m, now)
		}
	}
}

// close shuts the mailbox and returns what was in it, in order.
func (a *actor) close() []Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gate = closed
	all := append(a.x.takeAll(), a.queue.takeAll()...)
	return all
}
