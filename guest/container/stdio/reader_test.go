// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

func TestReadAnswersAtOnceWhenThereAreBytes(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	w.WriteString("hello")
	answered := false
	cancel := r.Read(3, func(data []byte, err error) {
		answered = string(data) == "hel" && err == nil
	})
	if !answered {
		t.Fatal("not answered before Read returned")
	}
	if cancel() {
		t.Error("an answered read was canceled")
	}
	c, _ := read(r, 100)
	if got := await(t, c); string(got.data) != "lo" {
		t.Errorf("rest is %q", got.data)
	}
}

func TestReadOfNothing(t *testing.T) {
	r, _ := newReader(t, newPoller(t))
	c, cancel := read(r, 0)
	if got := await(t, c); len(got.data) != 0 || got.err != nil {
		t.Errorf("got %+v", got)
	}
	if cancel() {
		t.Error("canceled after the answer")
	}
}

func TestReadsAreAnsweredInOrder(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	const n = 200
	var mu sync.Mutex
	var order []int
	var all []byte
	done := make(chan struct{}, n)
	for i := range n {
		r.Read(2, func(data []byte, err error) {
			mu.Lock()
			order = append(order, i)
			all = append(all, data...)
			mu.Unlock()
			done <- struct{}{}
		})
	}
	want := pattern(2 * n)
	w.Write(want)
	for range n {
		await(t, done)
	}
	for i, v := range order {
		if i != v {
			t.Fatalf("read %d was answered as number %d", v, i)
		}
	}
	if !bytes.Equal(all, want) {
		t.Error("bytes differ")
	}
}

// A chain of reads, each made by the answer to the last, must not grow the stack, and
// must leave the poller's goroutine to other streams.
func TestReadFromAnswer(t *testing.T) {
	p := newPoller(t)
	r, w := newReader(t, p)
	other, otherEnd := newReader(t, p)
	want := pattern(1 << 20)
	go func() { w.Write(want); w.Close() }()
	var got []byte
	end := make(chan struct{})
	depth := 0
	var next func([]byte, error)
	next = func(data []byte, err error) {
		depth++
		defer func() { depth-- }()
		if depth > 1 {
			t.Error("answers are nested")
		}
		got = append(got, data...)
		if err != nil {
			close(end)
			return
		}
		r.Read(16, next)
	}
	c, _ := read(other, 10)
	r.Read(16, next)
	otherEnd.WriteString("x")
	await(t, c)
	await(t, end)
	if !bytes.Equal(got, want) {
		t.Error("bytes differ")
	}
}

func TestEndOfPipe(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	c, _ := read(r, 10)
	w.Close()
	for range 3 {
		if got := await(t, c); !errors.Is(got.err, io.EOF) || got.data != nil {
			t.Fatalf("got %+v, want %v", got, io.EOF)
		}
		c, _ = read(r, 10)
	}
}

func TestCloseEndsPendingReads(t *testing.T) {
	r, _ := newReader(t, newPoller(t))
	a, cancel := read(r, 10)
	b, _ := read(r, 10)
	r.Close()
	for _, c := range []<-chan result{a, b} {
		if got := await(t, c); !errors.Is(got.err, io.EOF) {
			t.Errorf("got %+v, want %v", got, io.EOF)
		}
	}
	if cancel() {
		t.Error("canceled after the answer")
	}
	late, _ := read(r, 10)
	if got := await(t, late); !errors.Is(got.err, io.EOF) {
		t.Errorf("read of a closed reader: %+v, want %v", got, io.EOF)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestClosingThePollerEndsReads(t *testing.T) {
	p := newPoller(t)
	r, _ := newReader(t, p)
	c, _ := read(r, 10)
	p.Close()
	if got := await(t, c); !errors.Is(got.err, io.EOF) {
		t.Errorf("got %+v, want %v", got, io.EOF)
	}
}

func TestCancelConsumesNothing(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	a, cancel := read(r, 10)
	if !cancel() || cancel() {
		t.Fatal("a waiting read is canceled once")
	}
	w.WriteString("kept")
	b, _ := read(r, 10)
	if got := await(t, b); string(got.data) != "kept" {
		t.Errorf("got %+v", got)
	}
	if len(a) != 0 {
		t.Error("a canceled read was answered")
	}
}

// Cancel races with arrival: each byte goes to exactly one answered read, and a canceled
// read is never answered.
func TestCancelRace(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	const n = 3000
	want := pattern(n)
	go func() {
		for i := range want {
			w.Write(want[i : i+1])
		}
	}()
	var got []byte
	canceled := 0
	for len(got) < n {
		c, cancel := read(r, 1)
		if cancel() {
			canceled++
			if len(c) != 0 {
				t.Fatal("answered although canceled")
			}
			continue
		}
		res := await(t, c)
		if res.err != nil && !errors.Is(res.err, ErrCanceled) {
			t.Fatal(res.err)
		}
		got = append(got, res.data...)
	}
	if !bytes.Equal(got, want) {
		t.Error("bytes differ")
	}
	t.Logf("%d canceled", canceled)
}

func TestNothingIsReadAhead(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	c, _ := read(r, 1)
	w.WriteString("ab")
	await(t, c)
	if r.poller.armed(t, r) {
		t.Error("a reader without reads is armed")
	}
}

func TestLateAndSlowReaderGetsEverything(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	child := exec.Command("/bin/sh", "-c", "head -c 1048576 /dev/zero | tr '\\0' x; echo end")
	child.Stdout = w
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	exited := make(chan struct{})
	go func() { child.Wait(); r.Exited(); close(exited) }()
	total, last := 0, []byte(nil)
	for {
		c, _ := read(r, 5000)
		got := await(t, c)
		if got.err != nil {
			break
		}
		total, last = total+len(got.data), append(last, got.data...)
		last = last[max(0, len(last)-4):]
		if total > 1000<<10 {
			// What is left fits into the pipe: read it after the exit.
			await(t, exited)
		}
	}
	if total != 1<<20+4 || string(last) != "end\n" {
		t.Errorf("%d bytes, ending in %q", total, last)
	}
}

func TestGraceEndsASilentStream(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	w.WriteString("before")
	r.Exited()
	start := time.Now()
	c, _ := read(r, 100)
	if got := await(t, c); string(got.data) != "before" {
		t.Fatalf("got %+v", got)
	}
	a, _ := read(r, 100)
	b, _ := read(r, 100)
	if got := await(t, a); !errors.Is(got.err, io.EOF) {
		t.Fatalf("got %+v, want %v", got, io.EOF)
	}
	await(t, b)
	if took := time.Since(start); took < graceTime*9/10 { // clock: a slow machine takes longer only
		t.Errorf("ended after %v", took)
	}
}

// TestBytesProlongTheGrace: a descendant still writes now and then. Its bytes come, and the grace time begins anew.
func TestBytesProlongTheGrace(t *testing.T) {
	r, w := newReader(t, newPoller(t))
	w.WriteString("before")
	c, _ := read(r, 100)
	await(t, c)
	r.Exited()
	for range 3 {
		r.mu.Lock()
		r.until = time.Now().Add(time.Hour) // however slow the machine is
		r.mu.Unlock()
		c, _ := read(r, 100)
		start := time.Now()
		w.WriteString("x")
		if got := await(t, c); string(got.data) != "x" {
			t.Fatalf("got %+v", got)
		}
		guard.Until(t, "the grace time begins with the bytes", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			left := time.Until(r.until) // an hour if it did not begin anew
			return left <= graceTime && !r.until.Before(start.Add(graceTime))
		})
	}
}

func TestExitedWhileReadWaits(t *testing.T) {
	r, _ := newReader(t, newPoller(t))
	c, _ := read(r, 100)
	r.Exited()
	r.Exited()
	if got := await(t, c); !errors.Is(got.err, io.EOF) {
		t.Errorf("got %+v, want %v", got, io.EOF)
	}
}

func TestTerminalHangsUpWithEOF(t *testing.T) {
	p := newPoller(t)
	master, slave := openPTY(t)
	r, w, err := p.NewTerminal(master)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := Resize(master, 24, 80); err != nil {
		t.Error(err)
	}
	wrote := make(chan error, 1)
	w.Write([]byte("in"), nil, func(err error) { wrote <- err })
	if err := await(t, wrote); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	n, _ := slave.Read(b)
	if string(b[:n]) != "in" {
		t.Errorf("slave read %q", b[:n])
	}
	w.CloseAfterWrites()
	want := pattern(3000)
	slave.Write(want)
	slave.Close()
	if got := readAll(t, r, 700); !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d", len(got), len(want))
	}
}

// A reader that keeps up meets the moment in which the slave is closed.
func TestTerminalLosesNothingAtTheEnd(t *testing.T) {
	p := newPoller(t)
	want := pattern(12000)
	for range 300 {
		master, slave := openPTY(t)
		r, w, err := p.NewTerminal(master)
		if err != nil {
			t.Fatal(err)
		}
		master.Close()
		w.Close()
		go func() { slave.Write(want); slave.Close() }()
		got := readAll(t, r, 32<<10)
		r.Close()
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes of %d", len(got), len(want))
		}
	}
}
