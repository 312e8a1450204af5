// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// TestLateReader gets what a descendant writes after the end: one that reads again, and one
// that comes first when the stream has been silent for long.
func TestLateReader(t *testing.T) {
	for name, early := range map[string]bool{"reads again": true, "comes late": false} {
		t.Run(name, func(t *testing.T) {
			r, w := newReader(t, newPoller(t))
			r.Exited()
			if early {
				c, _ := read(r, 100)
				if got := await(t, c); !errors.Is(got.err, io.EOF) {
					t.Fatalf("a silent stream: %+v, want its end", got)
				}
			}
			r.mu.Lock()
			r.until = time.Now().Add(-time.Second) // long ago
			r.mu.Unlock()
			for _, want := range []string{"late", "later"} {
				c, _ := read(r, 100)
				if len(c) > 0 {
					t.Fatalf("got %+v, want it to wait", <-c)
				}
				w.WriteString(want)
				if got := await(t, c); string(got.data) != want || got.err != nil {
					t.Fatalf("got %+v, want %q", got, want)
				}
			}
			c, _ := read(r, 100)
			w.Close()
			if got := await(t, c); !errors.Is(got.err, io.EOF) {
				t.Errorf("without a writer: %+v, want the end", got)
			}
		})
	}
}

// TestLateReaderIsToldTheEnd although a descendant holds the stream for ever.
func TestLateReaderIsToldTheEnd(t *testing.T) {
	r, _ := newReader(t, newPoller(t))
	r.Exited()
	r.mu.Lock()
	r.until = time.Now()
	r.mu.Unlock()
	start := time.Now()
	c, _ := read(r, 100)
	if got := await(t, c); !errors.Is(got.err, io.EOF) {
		t.Errorf("got %+v, want the end", got)
	}
	// clock: a shorter wait is what would be wrong
	if took := time.Since(start); took < lateTime*9/10 {
		t.Errorf("ended after %v, want %v", took, lateTime)
	}
}

// TestContinuedReader comes back long after the exit: it is told the end at once.
func TestContinuedReader(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	w.WriteString("x")
	c, _ := read(r, 100)
	await(t, c)
	r.Exited()
	r.mu.Lock()
	r.until = time.Now()
	r.mu.Unlock()
	answered := false
	r.Read(100, func(_ []byte, err error) { answered = errors.Is(err, io.EOF) })
	if !answered {
		t.Error("want the end at once")
	}
}

func TestDrainEndsReadsAndKeepsWritersAlive(t *testing.T) {
	p := newPoller(t)
	for name, open := range map[string]func() (*Reader, *os.File){
		"pipe": func() (*Reader, *os.File) { return newReader(t, p) },
		"terminal": func() (*Reader, *os.File) {
			master, slave := openPTY(t)
			r, w, err := p.NewTerminal(master)
			if err != nil {
				t.Fatal(err)
			}
			w.Close()
			master.Close()
			t.Cleanup(func() { r.Close() })
			return r, slave
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := open()
			r.Exited()
			waiting, _ := read(r, 100)
			second, _ := read(r, 100)
			over := make(chan struct{}, 2)
			r.Drain(func() { over <- struct{}{} })
			for _, c := range []<-chan result{waiting, second} {
				if got := await(t, c); !errors.Is(got.err, io.EOF) || got.data != nil {
					t.Errorf("a waiting read: %+v, want the end", got)
				}
			}
			if n, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil || n != 1<<20 {
				t.Errorf("wrote %d, %v; want 1 MiB", n, err)
			}
			late, _ := read(r, 100)
			if got := await(t, late); !errors.Is(got.err, io.EOF) || got.data != nil {
				t.Errorf("a read of a drained stream: %+v, want the end", got)
			}
			if len(over) != 0 {
				t.Fatal("over while there is a writer")
			}
			w.Close()
			await(t, over)
		})
	}
}

func TestCloseEndsADrain(t *testing.T) {
	r, _ := newReader(t, newPoller(t))
	over := make(chan struct{}, 2)
	r.Drain(func() { over <- struct{}{} })
	r.Close()
	await(t, over)
	if len(over) != 0 {
		t.Error("told twice")
	}
}

func TestDrainOfAnEndedStream(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	w.WriteString("nobody wants this")
	w.Close()
	over := false
	r.Drain(func() { over = true })
	if !over {
		t.Error("not over at once")
	}
}

func TestLeft(t *testing.T) {
	p := newPoller(t)
	r, w := newReader(t, p)
	has := func(want Left) {
		t.Helper()
		if got := r.Left(); got != want {
			t.Errorf("left: %+v, want %+v", got, want)
		}
	}
	has(Left{Held: true})
	w.WriteString("abc")
	has(Left{Unread: 3, Held: true})
	w.Write(make([]byte, 40000))
	has(Left{Unread: 40003, Held: true, Half: true})
	w.Close()
	has(Left{Unread: 40003, Half: true})
	readAll(t, r, 65536)
	has(Left{})
	r.Close()
	has(Left{})

	master, slave := openPTY(t)
	r, in, err := p.NewTerminal(master)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in.Close()
	master.Close()
	has(Left{Held: true})
	slave.WriteString("abc")
	guard.Until(t, "the terminal has passed the bytes on", func() bool { return r.Left() == Left{Unread: 3, Held: true} })
	if err := unix.SetNonblock(int(slave.Fd()), false); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	has(Left{Unread: 3})
}
