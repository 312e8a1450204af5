// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// Left is a connection that an agent that has died has left.
type Left struct {
	FD int // the receiver's
	// Again are the frames of requests to serve again, in their order.
	Again [][]byte
	// Unanswered are the streams of the others without an answer.
	Unanswered []uint32
}

// Inheritance is what an agent has left to the next one.
type Inheritance struct {
	// Conns are the connections that can be gone on with.
	Conns []Left
	// Cut is how many others have been closed.
	Cut int
}

// Take returns what the agent before has left, and empties the memory.
func (k *Keeper) Take() Inheritance {
	k.mu.Lock()
	defer k.mu.Unlock()
	lost := k.table.moving.Swap(0) != 0
	requests := k.takeRequests()
	var in Inheritance
	for {
		n, fd := k.receive()
		if n < 0 {
			break
		}
		if fd < 0 || n >= maxConns {
			continue
		}
		state := &k.table.conns[n]
		if lost || state.used.Load() == 0 || state.reading.Load() != 0 || state.writing.Load() != 0 || state.missing.Load() != 0 {
			_ = unix.Shutdown(fd, unix.SHUT_RDWR)
			unix.Close(fd)
			in.Cut++
			continue
		}
		l := Left{FD: fd}
		for _, r := range requests[uint32(n)+1] {
			if len(r.frame) > 0 {
				l.Again = append(l.Again, r.frame)
			} else {
				l.Unanswered = append(l.Unanswered, r.stream)
			}
		}
		in.Conns = append(in.Conns, l)
	}
	for i := range k.table.conns {
		k.table.conns[i].used.Store(0)
	}
	return in
}

type taken struct {
	stream   uint32
	sequence uint64
	frame    []byte
}

// takeRequests empties the table. The result is by connection, in the order in which they came.
func (k *Keeper) takeRequests() map[uint32][]taken {
	all := map[uint32][]taken{}
	for i := range k.table.used.Swap(0) {
		r := &k.table.requests[i]
		conn := r.conn.Load()
		if conn == 0 {
			continue
		}
		length := min(r.length, frameRoom)
		all[conn] = append(all[conn], taken{r.stream, r.sequence, slices.Clone(r.frame[:length])})
		r.conn.Store(0)
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b taken) int { return cmp.Compare(a.sequence, b.sequence) })
	}
	k.free, k.next = nil, 0
	return all
}
