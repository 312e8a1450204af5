// SPDX-License-Identifier: Apache-2.0

package frame

import "slices"

// Origin is where the content of a reply was taken from, for content that must not be lost with a
// connection. Its methods are called from any goroutine and must not block.
type Origin interface {
	// Kept says that the reply waits for its peer: Sent or Returned follows, with the token that Kept
	// returns. It is called before ReplyOf or ReplyBytesOf returns.
	Kept() (token int64)
	// Sent says that a reply that was kept is with the kernel, all of it.
	Sent(token int64)
	// Returned gives the content of a reply that was kept back: its connection has ended. data is that
	// of ReplyBytesOf, nil for ReplyOf, and is used only until Returned returns.
	Returned(token int64, data []byte)
	// Refused gives the content back before ReplyOf or ReplyBytesOf returns.
	Refused(data []byte)
}

// unsent is a reply that has been queued.
type unsent struct {
	origin Origin
	token  int64
	data   []byte // part of the chunk in the queue, or a copy if part of it has been written
	end    int64  // where the frame ends, in the bytes that were ever queued
}

// unsentList has the replies in the queue whose content must not be lost, the oldest first. It is
// guarded by outbox.mu.
type unsentList struct {
	replies []unsent
	queued  int64 // bytes that were ever queued
	flushed int64 // of these, how many are with the kernel
}

// add notes the frame that was queued last.
func (l *unsentList) add(origin Origin, data []byte) {
	if origin == nil {
		return
	}
	l.replies = append(l.replies, unsent{origin, origin.Kept(), data, l.queued})
}

// front notes a frame that was queued before all others, of which rest bytes have not been written.
func (l *unsentList) front(origin Origin, data []byte, rest int64) {
	l.queued += rest
	for i := range l.replies {
		l.replies[i].end += rest
	}
	if origin != nil {
		l.replies = slices.Insert(l.replies, 0, unsent{origin, origin.Kept(), slices.Clone(data), l.flushed + rest})
	}
}

// wrote notes that n bytes more are with the kernel, and returns the replies that are.
func (l *unsentList) wrote(n int) (sent []unsent) {
	l.flushed += int64(n)
	i := 0
	for i < len(l.replies) && l.replies[i].end <= l.flushed {
		i++
	}
	sent = l.replies[:i:i]
	if l.replies = l.replies[i:]; len(l.replies) == 0 {
		l.replies = nil
	}
	return sent
}
