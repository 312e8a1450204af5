// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// newPoller also checks that the test leaves no descriptor and no goroutine behind.
func newPoller(t testing.TB) *Poller {
	t.Helper()
	goroutines, descriptors := runtime.NumGoroutine(), guesttest.Descriptors(t)
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		guard.Until(t, "descriptors are closed", func() bool { return guesttest.Descriptors(t) <= descriptors })
		guard.Until(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	})
	return p
}

type result struct {
	data []byte
	err  error
}

// read starts a read; the channel gets its result.
func read(r *Reader, max int) (<-chan result, func() bool) {
	c := make(chan result, 2)
	cancel := r.Read(max, func(data []byte, err error) { c <- result{bytes.Clone(data), err} })
	return c, cancel
}

func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(guard.Hang):
		buf := make([]byte, 1<<16)
		t.Fatalf("no answer; goroutines:\n%s", buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// readAll reads to the end of the stream.
func readAll(t testing.TB, r *Reader, max int) []byte {
	t.Helper()
	var all []byte
	for {
		c, _ := read(r, max)
		got := await(t, c)
		all = append(all, got.data...)
		if errors.Is(got.err, io.EOF) {
			return all
		}
		if got.err != nil {
			t.Fatal(got.err)
		}
		if len(got.data) == 0 || len(got.data) > max {
			t.Fatalf("%d bytes of %d without an error", len(got.data), max)
		}
	}
}

func newReader(t testing.TB, p *Poller) (*Reader, *os.File) {
	t.Helper()
	r, w, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := p.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); w.Close() })
	return reader, w
}

func newWriter(t testing.TB, p *Poller) (*Writer, *os.File) {
	t.Helper()
	r, w, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	writer, err := p.NewWriter(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close(); r.Close() })
	return writer, r
}

// pattern has no short period, so that a lost or doubled byte shows.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func openPTY(t testing.TB) (master, slave *os.File) {
	t.Helper()
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	s, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(m), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	termios, err := unix.IoctlGetTermios(int(s), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	// No echo and no translation: bytes arrive as they were sent.
	termios.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	termios.Oflag &^= unix.OPOST
	termios.Iflag &^= unix.ICRNL | unix.IXON
	if err := unix.IoctlSetTermios(int(s), unix.TCSETS, termios); err != nil {
		t.Fatal(err)
	}
	master, slave = os.NewFile(uintptr(m), "master"), os.NewFile(s, "slave")
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}
