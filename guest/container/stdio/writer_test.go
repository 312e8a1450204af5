// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

func write(w *Writer, data []byte) (<-chan error, func() bool) {
	c := make(chan error, 2)
	return c, w.Write(data, nil, func(err error) { c <- err })
}

func TestWriteAtOnce(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	answered := false
	cancel := w.Write([]byte("hello"), nil, func(err error) { answered = err == nil })
	if !answered || cancel() {
		t.Fatal("not answered before Write returned")
	}
	b := make([]byte, 10)
	if n, _ := r.Read(b); string(b[:n]) != "hello" {
		t.Errorf("read %q", b[:n])
	}
}

func TestWritesKeepTheirOrder(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	want := pattern(1 << 20)
	var mu sync.Mutex
	var order []int
	const piece = 1 << 14
	for i := 0; i < len(want); i += piece {
		data := bytes.Clone(want[i : i+piece])
		w.Write(data, nil, func(err error) {
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
		})
		clear(data) // the writer must have copied what it could not write
	}
	w.CloseAfterWrites()
	w.CloseAfterWrites()
	late, _ := write(w, []byte("late"))
	if err := await(t, late); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v, want %v", err, os.ErrClosed)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
	}
	answered := func() int { mu.Lock(); defer mu.Unlock(); return len(order) }
	guard.Until(t, "all writes are answered", func() bool { return answered() == len(want)/piece })
	for i := range order {
		if order[i] != i*piece {
			t.Fatalf("write %d was answered as number %d", order[i]/piece, i)
		}
	}
}

func TestWriteToAReaderThatIsGone(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	a, _ := write(w, make([]byte, 1<<18))
	b, _ := write(w, []byte("x"))
	r.Close()
	for _, c := range []<-chan error{a, b} {
		if err := await(t, c); !errors.Is(err, unix.EPIPE) {
			t.Errorf("got %v, want %v", err, unix.EPIPE)
		}
	}
}

func TestCloseEndsPendingWrites(t *testing.T) {
	w, _ := newWriter(t, newPoller(t))
	a, _ := write(w, make([]byte, 1<<18))
	b, _ := write(w, []byte("x"))
	w.Close()
	w.Close()
	for _, c := range []<-chan error{a, b} {
		if err := await(t, c); !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v, want %v", err, os.ErrClosed)
		}
	}
}

func TestCanceledWriteLeavesTheOthers(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	first, cancelFirst := write(w, make([]byte, 1<<18))
	second, cancelSecond := write(w, []byte("second"))
	third, _ := write(w, []byte("third"))
	if !cancelFirst() || !cancelSecond() || cancelSecond() {
		t.Fatal("waiting writes are canceled once")
	}
	w.CloseAfterWrites()
	all, _ := io.ReadAll(r)
	if err := await(t, third); err != nil {
		t.Error(err)
	}
	if rest := bytes.TrimLeft(all, "\x00"); string(rest) != "third" {
		t.Errorf("after the first came %q", rest)
	}
	if len(first)+len(second) != 0 {
		t.Error("a canceled write was answered")
	}
}

// The last write is canceled after CloseAfterWrites: stdin closes all the same.
func TestCancelLetsStdinClose(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	_, cancel := write(w, make([]byte, 1<<18))
	w.CloseAfterWrites()
	if !cancel() {
		t.Fatal("not canceled")
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
}

func TestWriteFromAnswer(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	left := 1000
	end := make(chan struct{})
	var next func(error)
	next = func(err error) {
		if left--; left == 0 || err != nil {
			w.CloseAfterWrites()
			close(end)
			return
		}
		w.Write(make([]byte, 1000), nil, next)
	}
	go w.Write(make([]byte, 1000), nil, next)
	got, _ := io.ReadAll(r)
	await(t, end)
	if len(got) != 1000*1000 {
		t.Errorf("%d bytes", len(got))
	}
}

// room is a Holder with so many bytes left.
type room int

var errNoRoom = errors.New("no room")

func (r *room) Hold(n int, bounded bool) error {
	if !bounded {
		return nil
	}
	if n > int(*r) {
		return errNoRoom
	}
	*r -= room(n)
	return nil
}

// TestWriteWithoutRoom asks for the room of what has to wait, no more, and refuses what has none; the
// writes around it go on.
func TestWriteWithoutRoom(t *testing.T) {
	w, r := newWriter(t, newPoller(t))
	hold := room(100)
	size := 1 << 20
	answers := make(chan error, 4)
	done := func(err error) { answers <- err }
	w.Write(pattern(size), &hold, done) // more than a pipe takes
	if err := await(t, answers); !errors.Is(err, errNoRoom) {
		t.Fatalf("a write that must wait without room: %v, want %v", err, errNoRoom)
	}
	hold = room(size)
	w.Write(pattern(size), &hold, done)
	if int(hold) == size {
		t.Error("no room was asked for bytes that wait")
	}
	hold = 10
	w.Write(make([]byte, 11), &hold, done) // behind another
	if err := await(t, answers); !errors.Is(err, errNoRoom) {
		t.Errorf("a write behind another: %v, want %v", err, errNoRoom)
	}
	w.Write(make([]byte, 10), &hold, done)
	w.CloseAfterWrites()
	got, err := io.ReadAll(r)
	if err != nil || len(got) < size+10 || !bytes.Equal(got[len(got)-size-10:len(got)-10], pattern(size)) {
		t.Errorf("read %d bytes, %v; want those of the writes that had room", len(got), err)
	}
	for range 2 {
		if err := await(t, answers); err != nil {
			t.Errorf("a write with room: %v", err)
		}
	}
}

// TestWritesThatAlwaysHaveRoom: what others have taken does not refuse the little that a stream keeps,
// and no stream keeps so much that nothing is left for others.
func TestWritesThatAlwaysHaveRoom(t *testing.T) {
	p := newPoller(t)
	var none, plenty room = 0, 1 << 30
	w, r := newWriter(t, p)
	pipe := fill(t, w)
	answers := make(chan error, 4)
	done := func(err error) { answers <- err }
	w.Write(make([]byte, sureRoom/2), &none, done)
	w.Write(make([]byte, sureRoom/2), &none, done)
	w.Write(make([]byte, 1), &none, done)
	if err := await(t, answers); !errors.Is(err, errNoRoom) {
		t.Errorf("more than %d bytes that wait: %v, want %v", sureRoom, err, errNoRoom)
	}
	w.Write(make([]byte, mostRoom-sureRoom), &plenty, done)
	w.Write(make([]byte, 1), &plenty, done)
	if err := await(t, answers); !errors.Is(err, ErrFull) {
		t.Errorf("more than %d bytes that wait: %v, want %v", mostRoom, err, ErrFull)
	}
	if _, err := io.CopyN(io.Discard, r, int64(pipe+mostRoom)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := await(t, answers); err != nil {
			t.Errorf("a write with room: %v", err)
		}
	}
	fill(t, w)
	w.Write(make([]byte, sureRoom), &none, done)
	w.CloseAfterWrites()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if err := await(t, answers); err != nil {
		t.Errorf("what has been written is still counted: %v", err)
	}
}

// fill writes what the pipe takes without a reader.
func fill(t *testing.T, w *Writer) int {
	t.Helper()
	room, err := unix.FcntlInt(uintptr(w.fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	filled := make(chan error, 1)
	w.Write(make([]byte, room), nil, func(err error) { filled <- err })
	if err := await(t, filled); err != nil {
		t.Fatal(err)
	}
	return room
}
