// SPDX-License-Identifier: Apache-2.0

package stdio

import "slices"

// Bytes that were read for somebody who then was not there any more come back, and are read again, in
// their places, before all others. Whoever passes the bytes of a read on calls, for each read that has
// had some, Refused or Kept before the read's done returns, and after Kept later Sent or Returned.

// back is what came back, and what may.
type back struct {
	parts []part // in the order of the stream
	kept  int    // reads whose bytes wait to be passed on
	fresh int64  // where in the stream the next bytes of the descriptor are
	now   int64  // where the bytes are that are being passed on
	// passed is where the last bytes begin that somebody has got. What comes back from before them is
	// dropped: in its place again it would be out of order.
	passed  int64
	open    bool // the bytes at now are being passed on
	refused bool // or kept, which is not the same as passed
}

// settle notes what has become of the bytes at now. The reader's lock is held.
func (b *back) settle() {
	if b.open && !b.refused {
		b.passed = max(b.passed, b.now)
	}
	b.open, b.refused = false, false
}

// part is a piece of the stream.
type part struct {
	at   int64 // of its first byte
	data []byte
}

// Kept says that the bytes of the read have not been passed on yet. Until they are the stream has
// something left.
func (r *Reader) Kept() (token int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.back.kept++
	r.back.refused = true
	return r.back.now
}

// Sent says that the bytes of a read that were kept have been passed on.
func (r *Reader) Sent(token int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.back.kept--
	r.back.passed = max(r.back.passed, token)
}

// Returned gives the bytes of a read that were kept back; token is Kept's. The next read, which may be
// waiting, gets them. It copies them and does not block. Those of a stream that is closed or drained
// are dropped, as all others there.
func (r *Reader) Returned(token int64, data []byte) {
	r.mu.Lock()
	r.back.kept--
	r.put(token, data)
}

// Refused is Returned for a read whose done has not returned yet.
func (r *Reader) Refused(data []byte) {
	r.mu.Lock()
	r.back.refused = true
	r.put(r.back.now, data)
}

// put enters a piece and has a read that waits get it. The lock is held, and released.
func (r *Reader) put(at int64, data []byte) {
	if r.closed || r.drained || len(data) == 0 || at < r.back.passed {
		r.mu.Unlock()
		return
	}
	r.back.insert(part{at, slices.Clone(data)})
	wanted := !r.busy && len(r.queue) > 0
	r.busy = r.busy || wanted
	r.mu.Unlock()
	if wanted {
		r.serve(nil)
	}
}

func (b *back) insert(p part) {
	i := len(b.parts)
	for i > 0 && b.parts[i-1].at > p.at {
		i--
	}
	b.parts = slices.Insert(b.parts, i, p)
}

// take returns what came back first, at most most bytes, and where it is; nil if there is nothing.
func (b *back) take(most int) (at int64, data []byte) {
	if len(b.parts) == 0 {
		return 0, nil
	}
	p := &b.parts[0]
	n := min(most, len(p.data))
	at, data = p.at, p.data[:n:n]
	p.at, p.data = p.at+int64(n), p.data[n:]
	if len(p.data) == 0 {
		b.parts = slices.Delete(b.parts, 0, 1)
	}
	if len(b.parts) == 0 {
		b.parts = nil
	}
	return at, data
}

// left is how many bytes will be read again, at least.
func (b *back) left() (n int) {
	for _, p := range b.parts {
		n += len(p.data)
	}
	return n + b.kept
}
