// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestDiscard: a writer that nobody reads does not wait, and what comes after Keep arrives.
func TestDiscard(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	var dropped atomic.Int64
	first, _ := read(r, 3)
	r.Discard(func(n int) { dropped.Add(int64(n)) })
	r.Discard(func(int) { t.Error("a second Discard has its own reads") })
	w.WriteString("abc")
	if got := await(t, first); string(got.data) != "abc" {
		t.Errorf("the read before Discard: %q, want abc", got.data)
	}
	const size = 1 << 20 // many times what the pipe holds
	chunk := make([]byte, 4096)
	for range size / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	guard.Until(t, "the bytes to be dropped", func() bool { return dropped.Load() == size })
	r.Keep()
	r.Keep()
	w.WriteString("kept")
	c, _ := read(r, 100)
	if got := await(t, c); string(got.data) != "kept" {
		t.Errorf("after Keep: %q, want kept", got.data)
	}
	r.Discard(func(n int) { dropped.Add(int64(n)) })
	w.WriteString("gone")
	guard.Until(t, "the bytes to be dropped", func() bool { return dropped.Load() == size+4 })
	w.Close()
	c, _ = read(r, 100)
	if got := await(t, c); !errors.Is(got.err, io.EOF) {
		t.Errorf("the end after Discard: %+v, want EOF", got)
	}
}
