// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
)

// newPoller also checks that the test leaves no descriptor and no goroutine behind.
func newPoller(t testing.TB) *stdio.Poller {
	t.Helper()
	goroutines, descriptors := runtime.NumGoroutine(), guesttest.Descriptors(t)
	p, err := stdio.NewPoller()
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

// connection returns the two sides of a socket: the host's, and the agent's.
func connection(t testing.TB) (*net.UnixConn, *os.File) {
	t.Helper()
	fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd[0]), "host")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(guard.Hang))
	return conn.(*net.UnixConn), os.NewFile(uintptr(fd[1]), "agent")
}

// pipeEnds returns a blocking pipe.
func pipeEnds(t testing.TB) (r, w *os.File) {
	t.Helper()
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fd[0]), "pipe"), os.NewFile(uintptr(fd[1]), "pipe")
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// passedOutput is a process's stdout on its way to the host.
func passedOutput(t testing.TB, p *stdio.Poller) (r *Relay, process *os.File, host *net.UnixConn) {
	t.Helper()
	out, process := pipeEnds(t)
	host, conn := connection(t)
	r, err := ToHost(p, out, conn, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, process, host
}

func passedInput(t testing.TB, p *stdio.Poller) (r *Relay, process *os.File, host *net.UnixConn) {
	t.Helper()
	process, in := pipeEnds(t)
	host, conn := connection(t)
	r, err := FromHost(p, conn, in, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, process, host
}

// over waits for the end of a relay.
func over(t testing.TB, r *Relay) {
	t.Helper()
	done := make(chan struct{})
	if r.Over(func() { close(done) }) {
		return
	}
	await(t, done, "the relay is over")
}

func await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(guard.Hang):
		t.Fatalf("waited %v: %s", guard.Hang, what)
	}
}

// pattern is n bytes no two neighbours of which are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// TestOutput passes more than pipe and socket hold, by splice and by read and write.
func TestOutput(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) {
			r, process, host := passedOutput(t, newPoller(t))
			r.plain = plain
			want := pattern(3 << 20)
			go func() { _, _ = process.Write(want); process.Close() }()
			got, err := io.ReadAll(host)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the host reads %d bytes, %v; want the %d that were written, and the end", len(got), err, len(want))
			}
			over(t, r)
			if r.plain != plain {
				t.Errorf("plain is %t at the end, want %t: splice has failed", r.plain, plain)
			}
		})
	}
}

func TestInput(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) {
			r, process, host := passedInput(t, newPoller(t))
			r.plain = plain
			want := pattern(3 << 20)
			go func() { _, _ = host.Write(want); host.CloseWrite() }()
			got, err := io.ReadAll(process)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the process reads %d bytes, %v; want the %d that the host has sent, and the end", len(got), err, len(want))
			}
			over(t, r)
			if r.plain != plain {
				t.Errorf("plain is %t at the end, want %t: splice has failed", r.plain, plain)
			}
		})
	}
}

// TestInputEndsByReset: a host that has died is the end of input.
func TestInputEndsByReset(t *testing.T) {
	r, process, host := passedInput(t, newPoller(t))
	host.Close()
	if got, err := io.ReadAll(process); err != nil || len(got) > 0 {
		t.Errorf("the process reads %q, %v; want the end", got, err)
	}
	over(t, r)
}

// TestHostStopsReading: the process is told as if the host had its pipe.
func TestHostStopsReading(t *testing.T) {
	r, process, host := passedOutput(t, newPoller(t))
	host.Close()
	over(t, r)
	if _, err := process.WriteString("x"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the process writes: %v; want %v", err, syscall.EPIPE)
	}
}

// TestHostEndsItsSending: it sends nothing on stdout anyway, and reads on.
func TestHostEndsItsSending(t *testing.T) {
	r, process, host := passedOutput(t, newPoller(t))
	host.CloseWrite()
	guard.Until(t, "the relay has seen it", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.busy && r.to.half // in this order: it belongs to who is busy
	})
	_, _ = process.WriteString("still there")
	process.Close()
	if got, err := io.ReadAll(host); err != nil || string(got) != "still there" {
		t.Errorf("the host reads %q, %v; want what was written", got, err)
	}
}

func TestProcessClosesItsStdin(t *testing.T) {
	r, process, host := passedInput(t, newPoller(t))
	process.Close()
	over(t, r)
	if _, err := host.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the host writes: %v; want %v", err, syscall.EPIPE)
	}
}

func TestCloseWhenEmpty(t *testing.T) {
	r, process, host := passedInput(t, newPoller(t))
	want := pattern(200 << 10) // more than the pipe holds
	if _, err := host.Write(want[:100<<10]); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = host.Write(want[100<<10:]); r.CloseWhenEmpty() }()
	got, err := io.ReadAll(process)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the process reads %d bytes, %v; want the %d that came before, and the end", len(got), err, len(want))
	}
}

// TestStreamsDoNotHoldUpEachOther: a host that does not read one stream reads others.
func TestStreamsDoNotHoldUpEachOther(t *testing.T) {
	p := newPoller(t)
	stuck, process, _ := passedOutput(t, p)
	wrote := make(chan struct{})
	go func() { _, _ = process.Write(make([]byte, 8<<20)); close(wrote) }()
	guard.Until(t, "the host's socket is full", func() bool {
		stuck.mu.Lock()
		defer stuck.mu.Unlock()
		return stuck.full
	})
	_, writer, host := passedOutput(t, p)
	for i := range 100 {
		line := fmt.Sprintf("line %d\n", i)
		_, _ = writer.WriteString(line)
		b := make([]byte, len(line))
		if _, err := io.ReadFull(host, b); err != nil || string(b) != line {
			t.Fatalf("the host reads %q, %v; want %q", b, err, line)
		}
	}
	stuck.Close()
	await(t, wrote, "the process is told that the stream is closed")
}

// TestFlushed: it comes when what was written before is in the socket, though the pipe is held
// by somebody who goes on to write.
func TestFlushed(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) {
			r, process, host := passedOutput(t, newPoller(t))
			r.plain = plain
			guard.Until(t, "an idle stream is flushed", func() bool { return r.Flushed(func() {}) })
			// As much as the socket takes, and what fills the pipe.
			written := make(chan int, 1)
			go func() {
				unix.SetNonblock(int(process.Fd()), true)
				total := 0
				for {
					n, err := unix.Write(int(process.Fd()), make([]byte, 4096))
					total += max(n, 0)
					if err != nil && stuckFull(r) {
						written <- total
						return
					}
				}
			}()
			total := <-written
			flushed := make(chan struct{})
			if r.Flushed(func() { close(flushed) }) {
				t.Fatal("a stream whose pipe is full is said to be flushed")
			}
			select {
			case <-flushed:
				t.Fatal("flushed while nobody reads the socket")
			default:
			}
			if _, err := io.CopyN(io.Discard, host, int64(total)); err != nil {
				t.Fatal(err)
			}
			await(t, flushed, "flushed: the host has read it all")
		})
	}
}

func stuckFull(r *Relay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full && !r.busy
}

func TestFlushedByTheEnd(t *testing.T) {
	r, process, _ := passedOutput(t, newPoller(t))
	go func() { _, _ = process.Write(make([]byte, 8<<20)) }()
	guard.Until(t, "the socket is full", func() bool { return stuckFull(r) })
	flushed := make(chan struct{})
	if r.Flushed(func() { close(flushed) }) {
		t.Fatal("a stream whose pipe is full is said to be flushed")
	}
	r.Close()
	await(t, flushed, "a closed relay is flushed")
	if !r.Flushed(func() {}) || !r.Over(func() {}) {
		t.Error("a closed relay is not said to be over")
	}
}

// openTerminal returns the two sides of a raw terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	var conn syscall.RawConn
	if conn, err = slave.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	_ = conn.Control(func(fd uintptr) {
		attr, e := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if e != nil {
			err = e
			return
		}
		attr.Oflag &^= unix.OPOST
		attr.Lflag &^= unix.ECHO | unix.ICANON
		err = unix.IoctlSetTermios(int(fd), unix.TCSETS, attr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func TestTerminal(t *testing.T) {
	p := newPoller(t)
	master, slave := openTerminal(t)
	hostIn, in := connection(t)
	hostOut, out := connection(t)
	input, err := FromHost(p, in, master, true)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := ToHost(p, master, out, true)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()

	_, _ = hostIn.Write([]byte("typed"))
	b := make([]byte, 5)
	if _, err := io.ReadFull(slave, b); err != nil || string(b) != "typed" {
		t.Errorf("the process reads %q, %v; want what was typed", b, err)
	}
	want := strings.Repeat("a line of output\n", 20000)
	go func() {
		_, _ = slave.WriteString(want)
		slave.Close()
	}()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(hostOut, got); err != nil || string(got) != want {
		t.Errorf("the host reads %d bytes, %v; want the %d of the output", len(got), err, len(want))
	}
	over(t, output) // the last slave was closed
	if n, err := hostOut.Read(b); !errors.Is(err, io.EOF) {
		t.Errorf("the host reads %d, %v; want the end", n, err)
	}
}

// TestTerminalFlushed: what is on its way within the terminal counts.
func TestTerminalFlushed(t *testing.T) {
	p := newPoller(t)
	for i := range 50 {
		master, slave := openTerminal(t)
		host, out := connection(t)
		r, err := ToHost(p, master, out, true)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("output %d", i)
		if _, err := slave.WriteString(want); err != nil {
			t.Fatal(err)
		}
		flushed := make(chan struct{})
		if !r.Flushed(func() { close(flushed) }) {
			await(t, flushed, "the terminal is flushed")
		}
		got := make([]byte, 100)
		n, err := unix.Read(descriptor(t, host), got)
		if err != nil || string(got[:n]) != want {
			t.Fatalf("the host's socket has %q, %v when the stream is said to be flushed; want %q", got[:max(n, 0)], err, want)
		}
		r.Close()
		master.Close()
		slave.Close()
		host.Close()
	}
}

func descriptor(t *testing.T, c syscall.Conn) (fd int) {
	t.Helper()
	conn, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Control(func(n uintptr) { fd = int(n) })
	return fd
}

// TestIdleStreamsCostNoGoroutine: many streams, each used once.
func TestIdleStreamsCostNoGoroutine(t *testing.T) {
	p := newPoller(t)
	before := runtime.NumGoroutine()
	for range 200 {
		_, process, host := passedOutput(t, p)
		_, _ = process.WriteString("x")
		if _, err := io.ReadFull(host, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	// A timer's function is a goroutine for a moment.
	guard.Until(t, "no more goroutines with 200 streams than without", func() bool { return runtime.NumGoroutine() <= before })
}

// TestPollerCloses: the streams end with the poller.
func TestPollerCloses(t *testing.T) {
	p := newPoller(t)
	r, process, host := passedOutput(t, p)
	_, _ = process.WriteString("x")
	if _, err := io.ReadFull(host, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	over(t, r)
	wantClosed(t, host)
}
