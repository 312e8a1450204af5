// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"os"
	"testing"
	"unsafe"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestSizes: an agent holds thousands of sessions, each with two readers and mostly two reads that wait.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Reader{}); n > 96 {
		t.Errorf("a Reader takes %d bytes, want at most 96", n)
	}
	if n := unsafe.Sizeof(readOp{}); n > 24 {
		t.Errorf("a read that waits takes %d bytes, want at most 24", n)
	}
}

// TestBackWhenWanted: a stream keeps no account of what came back until something does, and knows its
// place then: bytes read before have been passed on, those being passed on have not.
func TestBackWhenWanted(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := p.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("onetwo"); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	r.Read(3, func(b []byte, err error) { got <- string(b) + errorText(err) })
	if s := guard.Receive(t, "the first read", got); s != "one" {
		t.Fatalf("the first read got %q, want %q", s, "one")
	}
	if r.back != nil {
		t.Error("a stream to which nothing came back has an account of it, want none")
	}
	r.Read(3, func([]byte, error) {
		if at := r.Kept(); at != 3 {
			t.Errorf("the second read is at %d, want 3", at)
		}
		got <- ""
	})
	guard.Receive(t, "the second read", got)
	r.Returned(3, []byte("two"))
	r.Read(3, func(b []byte, err error) { got <- string(b) + errorText(err) })
	if s := guard.Receive(t, "a read after it", got); s != "two" {
		t.Errorf("after the second read came back %q is read, want %q", s, "two")
	}
	if n := r.Taken(); n != 6 {
		t.Errorf("%d bytes have been taken, want 6", n)
	}
}
