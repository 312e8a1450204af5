// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// armed tells whether the kernel would wake the poller for r now.
func (p *Poller) armed(t *testing.T, r *Reader) bool {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var e [8]unix.EpollEvent
	n, err := unix.EpollWait(p.epfd, e[:], 0)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestOnReadablePidfd(t *testing.T) {
	p := newPoller(t)
	child := exec.Command("/bin/cat")
	in, _ := child.StdinPipe()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(child.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	exited := make(chan struct{}, 2)
	cancel, err := p.OnReadable(fd, func() { exited <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.OnReadable(fd, func() {}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("watched twice: %v, want %v", err, unix.EEXIST)
	}
	in.Close()
	await(t, exited)
	child.Wait()
	if cancel() {
		t.Error("canceled after the call")
	}
}

func TestOnReadableCancel(t *testing.T) {
	p := newPoller(t)
	r, w, _ := pipe()
	defer r.Close()
	defer w.Close()
	for range 1000 {
		var ran atomic.Int32
		done := make(chan struct{}, 1)
		cancel, err := p.OnReadable(int(r.Fd()), func() { ran.Add(1); done <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString("x")
		if !cancel() {
			await(t, done)
		} else if ran.Load() != 0 {
			t.Fatal("ran although canceled")
		}
		var b [1]byte
		r.Read(b[:])
	}
}

// One answer that blocks must not hold up other streams.
func TestBlockedAnswerHoldsUpNobody(t *testing.T) {
	p := newPoller(t)
	stuck, stuckEnd := newReader(t, p)
	other, otherEnd := newReader(t, p)
	release, blocked := make(chan struct{}), make(chan struct{})
	stuck.Read(1, func([]byte, error) { close(blocked); <-release })
	stuckEnd.WriteString("x")
	await(t, blocked)
	for range 3 {
		c, _ := read(other, 1)
		otherEnd.WriteString("y")
		await(t, c)
	}
	// Calls on the stuck stream itself return; they are answered when it goes on.
	c, _ := read(stuck, 1)
	_, cancel := read(stuck, 1)
	if !cancel() {
		t.Error("not canceled")
	}
	stuck.Exited()
	stuck.Close()
	close(release)
	if got := await(t, c); !errors.Is(got.err, io.EOF) {
		t.Errorf("got %+v, want %v", got, io.EOF)
	}
}

func TestManyStreams(t *testing.T) {
	p := newPoller(t)
	const n = 400
	var got atomic.Int64
	readers := make([]*Reader, n)
	ends := make([]*os.File, n)
	for i := range readers {
		readers[i], ends[i] = newReader(t, p)
		readers[i].Read(10, func(data []byte, err error) {
			if string(data) == "x" {
				got.Add(1)
			}
		})
	}
	for _, w := range ends {
		go w.WriteString("x")
	}
	guard.Until(t, "all streams are answered", func() bool { return got.Load() == n })
}

// An event that is on its way when its stream is closed must not reach the next stream
// with the same descriptor.
func TestReusedDescriptors(t *testing.T) {
	p := newPoller(t)
	for i := range 2000 {
		r, w, _ := pipe()
		reader, err := p.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := read(reader, 1)
		w.WriteString("x")
		if i%2 == 0 {
			await(t, c)
		}
		reader.Close()
		w.Close()
	}
}

func TestTableForgetsABurst(t *testing.T) {
	var tab table
	var keys []key
	for range 3000 {
		keys = append(keys, tab.put(&once{}))
	}
	for _, k := range keys {
		if !tab.remove(k) || tab.remove(k) {
			t.Fatal("removed once")
		}
	}
	if len(tab.entries) != 0 {
		t.Errorf("%d entries kept", len(tab.entries))
	}
	fresh := tab.put(&once{})
	for _, k := range keys {
		if k == fresh || tab.get(k) != nil {
			t.Fatal("an old key names a new entry")
		}
	}
}

func TestPollerForgetsABurst(t *testing.T) {
	p := newPoller(t)
	var fds []int
	var cancels []func() bool
	for range 1500 {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		cancel, err := p.OnReadable(fd, func() {})
		if err != nil {
			t.Fatal(err)
		}
		cancels = append(cancels, cancel)
	}
	for i, cancel := range cancels {
		if !cancel() {
			t.Error("not canceled")
		}
		unix.Close(fds[i])
	}
	if n := len(p.table.entries); n != 1 {
		t.Errorf("%d entries kept", n)
	}
	// The timer is still watched.
	reader, _ := newReader(t, p)
	c, _ := read(reader, 1)
	reader.Exited()
	await(t, c)
}

func TestReaderOfARegularFile(t *testing.T) {
	p := newPoller(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("text")
	f.Seek(0, io.SeekStart)
	r, err := p.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := readAll(t, r, 3); string(got) != "text" {
		t.Errorf("got %q", got)
	}
}
