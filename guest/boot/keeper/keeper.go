// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrFull says that as many connections are kept as can be.
var ErrFull = errors.New("no room for another connection")

// Keeper keeps connections. Nil keeps none.
type Keeper struct {
	front *front
	table *table
	queue [2]int // a seqpacket pair: what is sent into the first comes out of the second

	mu   sync.Mutex
	free []uint32 // entries of requests
	next uint32   // those from here on have never been used
}

// New uses memory of Size bytes and a pair of connected seqpacket sockets that both outlive this process.
func New(memory []byte, queue [2]int) (*Keeper, error) {
	if len(memory) < Size {
		return nil, fmt.Errorf("keep connections: %d bytes of memory, want %d", len(memory), Size)
	}
	return &Keeper{
		front: (*front)(unsafe.Pointer(&memory[0])),
		table: (*table)(unsafe.Pointer(&memory[frontSize])),
		queue: queue,
	}, nil
}

// Enable has init start another agent should this one die.
func (k *Keeper) Enable() { k.front.enabled.Store(1) }

// Disable has init end the guest when the agent ends.
func (k *Keeper) Disable() { k.front.enabled.Store(0) }

// Moving counts those who hold bytes of a process that are in no answer yet (1 and -1).
func (k *Keeper) Moving(n int) { k.table.moving.Add(int32(n)) }

// Status is how init has seen a process end, in the form of wait(2).
func (k *Keeper) Status(pid int) (status int, ok bool) {
	if k == nil {
		return 0, false
	}
	count := k.front.count.Load()
	for i := count; i > 0 && count-i < maxEnded; i-- {
		if e := &k.front.ended[(i-1)%maxEnded]; int(e.pid.Load()) == pid {
			return int(e.status.Load()), true
		}
	}
	return 0, false
}

// Conn is a connection that is kept.
type Conn struct {
	k     *Keeper
	n     int
	state *connState
	close sync.Once
}

// Keep keeps the connection of descriptor fd, which stays the caller's.
func (k *Keeper) Keep(fd int) (*Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.table.conns {
		state := &k.table.conns[i]
		if state.used.Load() != 0 {
			continue
		}
		state.reading.Store(0)
		state.writing.Store(0)
		state.missing.Store(0)
		if err := k.send(i, fd); err != nil {
			return nil, err
		}
		state.used.Store(1)
		return &Conn{k: k, n: i, state: state}, nil
	}
	return nil, ErrFull
}

func (k *Keeper) send(n, fd int) error {
	err := unix.Sendmsg(k.queue[0], []byte{byte(n)}, unix.UnixRights(fd), nil, unix.MSG_DONTWAIT)
	return os.NewSyscallError("sendmsg", err)
}

// receive takes one descriptor out of the queue; -1 if there is none.
func (k *Keeper) receive() (n, fd int) {
	var number [1]byte
	control := make([]byte, unix.CmsgSpace(4))
	got, controls, _, _, err := unix.Recvmsg(k.queue[1], number[:], control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil || got == 0 {
		return -1, -1
	}
	messages, err := unix.ParseSocketControlMessage(control[:controls])
	if err != nil || len(messages) != 1 {
		return int(number[0]), -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return int(number[0]), -1
	}
	return int(number[0]), fds[0]
}

// Close forgets the connection. The copy of its descriptor is closed: else the host would not see that the
// connection has ended.
func (c *Conn) Close() { c.close.Do(c.forget) }

func (c *Conn) forget() {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	c.state.used.Store(0)
	var others [maxConns]struct{ n, fd int }
	held := others[:0]
	for {
		n, fd := c.k.receive()
		if n < 0 {
			break
		}
		if n == c.n {
			_ = unix.Shutdown(fd, unix.SHUT_RDWR)
			unix.Close(fd)
			continue
		}
		held = append(held, struct{ n, fd int }{n, fd})
	}
	for _, o := range held {
		_ = c.k.send(o.n, o.fd) // it was in there before
		unix.Close(o.fd)
	}
}

// Reading says that bytes of the peer's are being taken in; false: all have been.
func (c *Conn) Reading(on bool) { c.state.reading.Store(word(on)) }

// Writing says that an answer is on its way; false: none is.
func (c *Conn) Writing(on bool) { c.state.writing.Store(word(on)) }

func word(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// Enter remembers a request without an answer, and its frame if it can be served again.
func (c *Conn) Enter(stream uint32, frame []byte) int {
	i, ok := c.k.entry()
	if !ok || len(frame) > frameRoom {
		if ok {
			c.k.give(i)
		}
		c.state.missing.Add(1)
		return -1
	}
	r := &c.k.table.requests[i]
	r.stream, r.length, r.sequence = stream, uint32(copy(r.frame[:], frame)), c.k.table.sequence.Add(1)
	r.conn.Store(uint32(c.n) + 1) // last: only now is it one
	return int(i)
}

// Leave forgets it.
func (c *Conn) Leave(n int) {
	if n < 0 {
		c.state.missing.Add(-1)
		return
	}
	c.k.table.requests[n].conn.Store(0)
	c.k.give(uint32(n))
}

func (k *Keeper) entry() (uint32, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.free); n > 0 {
		i := k.free[n-1]
		k.free = k.free[:n-1]
		return i, true
	}
	if k.next == maxRequests {
		return 0, false
	}
	k.next++
	k.table.used.Store(k.next)
	return k.next - 1, true
}

func (k *Keeper) give(i uint32) {
	k.mu.Lock()
	k.free = append(k.free, i)
	k.mu.Unlock()
}
