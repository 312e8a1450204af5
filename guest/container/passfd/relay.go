// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// fairShare is how many moves of one stream are made in a row before the others have their turn.
const fairShare = 16

// Relay copies one stream in one direction: from the host's connection to a process, or from a
// process to the host's connection.
//
// Whoever sets busy owns both descriptors; the lock is not held over a system call that moves
// bytes. Events that come meanwhile are noted and looked at by the owner.
type Relay struct {
	from, to *end
	plain    bool   // by read and write: splice(2) cannot
	rest     []byte // was read and is to be written; only of plain ones, while the receiver is full

	mu     sync.Mutex
	busy   bool
	again  bool // an event came while busy
	full   bool // what is waited for is room, else bytes
	last   bool // the stream ends when it is empty; see CloseWhenEmpty
	closed bool
	over   bool
	moved  uint64 // bytes
	mark   uint64 // flush is called when so many were moved
	marked bool   // mark is set
	flush  func()
	ended  func()
}

// kind of a descriptor.
type kind uint8

const (
	pipe kind = iota
	terminal
	socket
)

// end is one of a relay's descriptors.
type end struct {
	fd    int
	kind  kind
	watch *stdio.Watch
	// half is set of a socket whose peer sends no more, which says nothing of whether it reads.
	half bool
}

// FromHost makes the relay of a process's stdin. Both files are taken over: they are closed
// when it returns, and the relay has duplicates. After an error they are as they were. A
// terminal's master is not taken over: it stays the caller's always.
func FromHost(p *stdio.Poller, conn, stdin *os.File, isTerminal bool) (*Relay, error) {
	return newRelay(p, conn, stdin, socket, kindOf(isTerminal))
}

// ToHost makes the relay of a process's stdout or stderr, as FromHost does.
func ToHost(p *stdio.Poller, output, conn *os.File, isTerminal bool) (*Relay, error) {
	return newRelay(p, output, conn, kindOf(isTerminal), socket)
}

func kindOf(isTerminal bool) kind {
	if isTerminal {
		return terminal
	}
	return pipe
}

func newRelay(p *stdio.Poller, from, to *os.File, fromKind, toKind kind) (*Relay, error) {
	in, err := stdio.Duplicate(from)
	if err != nil {
		return nil, err
	}
	out, err := stdio.Duplicate(to)
	if err != nil {
		unix.Close(in)
		return nil, err
	}
	r := &Relay{from: &end{fd: in, kind: fromKind}, to: &end{fd: out, kind: toKind}}
	r.plain = fromKind != pipe && toKind != pipe
	r.from.watch = p.NewWatch(in, r.event, r.Close)
	r.to.watch = p.NewWatch(out, r.event, r.Close)
	r.mu.Lock()
	err = r.arm()
	r.mu.Unlock()
	if err != nil {
		r.Close()
		return nil, err
	}
	if fromKind != terminal {
		from.Close()
	}
	if toKind != terminal {
		to.Close()
	}
	return r, nil
}

// arm asks for the event that the relay waits for, and for the receiver's end. The lock is held.
func (r *Relay) arm() error {
	if r.full {
		return r.to.watch.Arm(unix.EPOLLOUT)
	}
	if err := r.from.watch.Arm(unix.EPOLLIN); err != nil {
		return err
	}
	switch {
	case r.to.kind == terminal: // has hung up until the process opens it; a write finds out
		return nil
	case r.to.kind == socket && !r.to.half:
		return r.to.watch.Arm(unix.EPOLLRDHUP)
	}
	return r.to.watch.Arm(0)
}

// event is called when there is something to move, room for it, or an end.
func (r *Relay) event() {
	r.mu.Lock()
	r.again = true
	mine := !r.busy && !r.over
	r.busy = r.busy || mine
	r.mu.Unlock()
	if mine {
		r.pump()
	}
}

// pump moves what can be moved. The caller has set busy.
func (r *Relay) pump() {
	for share := fairShare; ; share-- {
		r.begin()
		n, state := r.move()
		if state == empty && r.to.gone() {
			state = ended
		}
		calls, again := r.settle(n, state, share <= 0)
		for _, call := range calls {
			call()
		}
		if !again {
			return
		}
	}
}

// begin sets the mark of a flush that was asked for meanwhile.
func (r *Relay) begin() {
	r.mu.Lock()
	r.again = false
	wanted := r.flush != nil && !r.marked
	r.mu.Unlock()
	if !wanted {
		return
	}
	unread := r.from.unread()
	r.mu.Lock()
	r.mark, r.marked = r.moved+uint64(len(r.rest)+unread), true
	r.mu.Unlock()
}

// settle notes what was moved and decides whether to go on. If not, it waits for an event or
// is over. calls are made without the lock.
func (r *Relay) settle(n int, s state, hadShare bool) (calls []func(), again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved += uint64(n)
	flushed := r.marked && r.moved >= r.mark || s == empty && r.marked
	if r.closed || s == ended || s == empty && r.last {
		return r.finish(), false
	}
	if flushed && r.flush != nil {
		calls = append(calls, r.flush)
		r.flush, r.marked = nil, false
	}
	if s == more && !hadShare || r.again {
		return calls, true
	}
	r.busy, r.full = false, s == full
	if r.arm() != nil { // the poller is closed
		r.busy = true
		return append(calls, r.finish()...), false
	}
	return calls, false
}

// finish closes both descriptors and returns what is to be called. The caller owns the relay
// and holds the lock.
func (r *Relay) finish() (calls []func()) {
	if r.over {
		return nil
	}
	r.over, r.rest = true, nil
	for _, e := range []*end{r.from, r.to} {
		e.watch.Forget()
		unix.Close(e.fd)
	}
	for _, call := range []func(){r.flush, r.ended} {
		if call != nil {
			calls = append(calls, call)
		}
	}
	r.flush, r.ended = nil, nil
	return calls
}

// Moved is how many bytes have been moved so far.
func (r *Relay) Moved() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

// Close ends the relay and closes both sides, after the bytes that are being moved just now.
// Idempotent; it does not wait.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	var calls []func()
	if !r.busy {
		r.busy = true
		calls = r.finish()
	}
	r.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

// CloseWhenEmpty ends the relay once what has come so far was moved. Idempotent.
func (r *Relay) CloseWhenEmpty() {
	r.mu.Lock()
	r.last = true
	r.mu.Unlock()
	r.event()
}

// Flushed calls fn once, when all that is in the pipe or terminal now has been given to the
// host's socket, or never will be because the relay is over. It returns true when that is so
// already; fn is not called then. There is one fn at a time.
func (r *Relay) Flushed(fn func()) (already bool) {
	r.mu.Lock()
	if r.over {
		r.mu.Unlock()
		return true
	}
	if r.busy {
		r.flush, r.marked, r.again = fn, false, true
		r.mu.Unlock()
		return false
	}
	r.busy = true
	r.mu.Unlock()
	unread := r.from.unread()
	r.mu.Lock()
	left := unread + len(r.rest)
	if left > 0 {
		r.flush, r.mark, r.marked = fn, r.moved+uint64(left), true
	}
	calls := r.release()
	r.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return left == 0
}

// release gives the relay back to the poller. Events that came meanwhile come again: they
// last until they are seen to. The lock is held.
func (r *Relay) release() (calls []func()) {
	if r.closed || r.arm() != nil {
		return r.finish()
	}
	r.busy = false
	return nil
}

// Over calls fn once, when the relay is over. It returns true when it is already; fn is not
// called then. There is one fn at a time.
func (r *Relay) Over(fn func()) (already bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.ended = fn
	}
	return r.over
}
