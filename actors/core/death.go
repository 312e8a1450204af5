// SPDX-License-Identifier: Apache-2.0

package core

// The way to death: stopAfterTurn or the parent -> holding (protoactor stops
// the children) -> die. A panic closes the mailbox at once and then goes the
// same way.

// stopAfterTurn is called in a turn.
func (a *actor) stopAfterTurn(cause error) {
	a.mu.Lock()
	first := a.gate == open
	if first {
		a.gate, a.cause = holding, cause
	}
	a.mu.Unlock()
	if first {
		a.halt()
	}
}

// panicked ends the actor and fails everything that waits for it, now.
func (a *actor) panicked(m Message, value any) {
	a.panicLog("actor panicked", m, value)
	a.mu.Lock()
	halt := a.gate == open
	if a.cause == nil {
		a.cause = panicError(a.path)
	}
	a.mu.Unlock()
	a.failAll()
	if halt {
		a.halt()
	}
}

// halt has protoactor stop the actor: the message to stop overtakes the
// mailbox, and is handled when this turn is over.
func (a *actor) halt() {
	if a.sys.stepper != nil {
		a.sys.stepper.halted(a)
		return
	}
	a.cell.Stop(a.cell.Self())
}

// stopping runs when the stop begins, before the children are stopped.
func (a *actor) stopping() {
	cause := a.parent.deathCause()
	a.mu.Lock()
	if a.gate == open {
		a.gate, a.cause = holding, cause
	}
	var timers map[*timer]struct{}
	var cancel func()
	if a.x != nil {
		timers, a.x.timers = a.x.timers, nil
		cancel = a.x.cancel
	}
	a.mu.Unlock()
	for tm := range timers {
		tm.t.Stop()
	}
	if cancel != nil {
		cancel()
	}
}

func (a *actor) deathCause() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cause
}

// die runs when the children are dead.
func (a *actor) die() {
	defer func() { // deferred: a runtime.Goexit in Stopped must not leave requests waiting
		a.failAll()
		a.sys.died(a) // before Done is closed: the name is free then
		a.bury()
	}()
	a.callStopped()
}

func (a *actor) bury() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	a.behavior = nil // a Ref that is kept does not keep it
	if a.x != nil && a.x.done != nil {
		close(a.x.done)
	}
}

func (a *actor) callStopped() {
	ended := false
	defer func() {
		if ended {
			return
		}
		a.panicLog("Stopped panicked", nil, recover())
		a.mu.Lock()
		if a.cause == nil {
			a.cause = panicError(a.path)
		}
		a.mu.Unlock()
	}()
	a.behavior.Stopped(a.cause)
	ended = true
}

// failAll closes the mailbox and fails every request that is in it, parked or kept.
func (a *actor) failAll() {
	waiting := a.close()
	err := a.stoppedError()
	for _, m := range waiting {
		switch m := m.(type) {
		case asked:
			m.fail(err)
		case lost:
			a.sys.works.add(1) // closing may block
			go func() {
				defer a.sys.works.add(-1)
				m.discard(a)
			}()
		}
	}
	for req := a.popPending(); req != nil; req = a.popPending() {
		req.fail(err)
	}
}
