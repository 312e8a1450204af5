// SPDX-License-Identifier: Apache-2.0

package core

// Message is anything told to an actor. The receiver owns it from then on.
type Message any

// Ref addresses one actor, in this life of it: a later actor of the same name
// has another Ref. It is comparable; the zero Ref addresses nobody and drops
// what it is told.
type Ref struct{ p *actor }

// Tell puts m into the actor's mailbox. It never blocks and never fails. A message to
// a dead actor is dropped; if it is a Request, it fails with ErrStopped. When an
// actor tells a request it has received to another actor, the request belongs to that
// one from then on.
func (r Ref) Tell(m Message) {
	req, ok := m.(asked)
	if ok {
		req.callHead().move()
	}
	if r.p != nil && r.p.post(m) {
		return
	}
	if ok {
		req.fail(r.p.stoppedError())
	}
}

// Path is the actor's name, as it stands in logs and panic reports ("sandbox/container/c1").
func (r Ref) Path() string {
	if r.p == nil {
		return ""
	}
	return r.p.path
}

// Done is closed when the actor has died. That of the zero Ref is closed.
func (r Ref) Done() <-chan struct{} {
	if r.p == nil {
		return closedChan
	}
	return r.p.doneChan()
}

func (r Ref) dead() bool {
	if r.p == nil {
		return true
	}
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	return r.p.stopped
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
