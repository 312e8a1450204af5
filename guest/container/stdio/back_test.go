// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestReturned: bytes that come back are read again in their places and before all others, by a read that
// waits already or the next one, and before the end of the stream.
func TestReturned(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make(chan string, 8)
	read := func(n int) { r.Read(n, func(b []byte, err error) { got <- string(b) + errorText(err) }) }
	want := func(what, text string) {
		t.Helper()
		if s := guard.Receive(t, what, got); s != text {
			t.Errorf("%s: %q, want %q", what, s, text)
		}
	}

	come := func(at int64, text string) {
		r.Kept()
		r.Returned(at, []byte(text))
	}
	come(6, "second")
	come(0, "first ")
	if left := r.Left(); left.Unread != 12 {
		t.Errorf("%d bytes are left, want 12", left.Unread)
	}
	read(4)
	want("a short read", "firs")
	read(100)
	want("the rest", "t ")
	read(100)
	want("what came back after it", "second")

	read(100) // waits
	come(12, "again")
	want("a read that has waited", "again")

	r.Kept()
	if left := r.Left(); left.Unread == 0 {
		t.Error("nothing is left while a reply may come back, want something")
	}
	w.Close()
	read(100)
	want("the end", "end")
	r.Returned(17, []byte("late"))
	if left := r.Left(); left.Unread != 4 {
		t.Errorf("%d bytes are left after the end, want 4", left.Unread)
	}
	read(100)
	want("what came back after the end", "late")
	read(100)
	want("the end again", "end")

	r.Drain(func() {})
	come(0, "nobody's")
	if left := r.Left(); left.Unread != 0 {
		t.Errorf("%d bytes of a drained stream are left, want none", left.Unread)
	}
}

// TestRefused: who is called with bytes gives them back at once, and the next read in the queue
// gets them.
func TestRefused(t *testing.T) {
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
	got := make(chan string, 3)
	var kept int64
	r.Read(2, func([]byte, error) { kept = r.Kept() })
	r.Read(2, func(b []byte, _ error) {
		r.Refused(b)
		r.Returned(kept, []byte("ab")) // later, and in front
	})
	r.Read(2, func(b []byte, _ error) { got <- string(b) })
	r.Read(2, func(b []byte, _ error) { got <- string(b) })
	r.Read(2, func(b []byte, _ error) { got <- string(b) })
	if _, err := w.WriteString("abcdef"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ab", "cd", "ef"} {
		if s := guard.Receive(t, "the bytes", got); s != want {
			t.Errorf("the next read got %q, want %q", s, want)
		}
	}
}

func errorText(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF):
		return "end"
	default:
		return err.Error()
	}
}

// TestReturnedTooLate: what comes back when somebody has got what follows it is dropped, as it would be
// out of order. What somebody may still not get does not count.
func TestReturnedTooLate(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("abcdefgh"); err != nil {
		t.Fatal(err)
	}
	tokens := make(chan int64, 2)
	kept := func([]byte, error) { tokens <- r.Kept() }
	r.Read(2, kept)
	first := guard.Receive(t, "the first read", tokens)
	r.Read(2, kept)
	second := guard.Receive(t, "the second read", tokens)
	got := make(chan string, 1)
	next := func() string {
		r.Read(2, func(b []byte, err error) { got <- string(b) + errorText(err) })
		return guard.Receive(t, "a read", got)
	}
	r.Returned(first, []byte("ab"))
	if s := next(); s != "ab" {
		t.Errorf("%q, want what came back, as nobody has what follows", s)
	}
	r.Sent(second)
	r.Kept()
	r.Returned(first, []byte("ab"))
	if s := next(); s != "ef" {
		t.Errorf("%q, want what is next: \"cd\" has been passed on", s)
	}
	w.Close()
}
