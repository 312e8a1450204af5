// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestWriterWithoutItsPage has something write to a session's stdout from a page that does
// not come, as a file's does not on a dead file system. The kernel holds the pipe's lock
// meanwhile, and even a nonblocking read of the pipe waits for it: that one stream may
// wait, and nobody else.
func TestWriterWithoutItsPage(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	page := newLatePage(t)
	p.Idle("c1")
	p.Session("c1", "held", "sleep", "31337001")
	pipe := stdoutOf(t, "sleep", "31337001")
	defer pipe.Close()
	wrote := make(chan error, 1)
	go func() {
		_, err := pipe.Write(page.bytes)
		wrote <- err
	}()
	page.awaited(t)

	type answer struct {
		data []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		data, err := p.ReadStdout(p.Ctx, "c1", "held", 100)
		read <- answer{data, err}
	}()
	p.Until("the read waits for the pipe's lock", func() bool { return len(read) > 0 || blocked(p.Pid) })
	for range 3 {
		p.Must(p.Check(p.Ctx))
		if out := p.Output("c1", "beside", "echo", "hi"); out != "hi\n" {
			t.Errorf("another session: %q", out)
		}
	}
	select {
	case got := <-read:
		t.Errorf("the read was not held up: %q, %v", got.data, got.err)
	default:
	}
	page.come(t)
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if got := <-read; got.err != nil || !bytes.Equal(got.data, make([]byte, 100)) {
		t.Errorf("the stream in the end: %q, %v", got.data, got.err)
	}
	p.Delete("c1")
}

// stdoutOf opens the stdout of the one process with this command line.
func stdoutOf(t *testing.T, args ...string) *os.File {
	t.Helper()
	want := []byte{}
	for _, a := range args {
		want = append(append(want, a...), 0)
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		if line, err := os.ReadFile(dir + "/cmdline"); err == nil && bytes.Equal(line, want) {
			// Raw, and blocking: Go's poller would wait for room first.
			fd, err := unix.Open(dir+"/fd/1", unix.O_WRONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			return os.NewFile(uintptr(fd), "stdout")
		}
	}
	t.Fatalf("no process %q", want)
	return nil
}

// latePage is a page of memory that whoever touches it waits for, userfaultfd(2).
type latePage struct {
	bytes []byte
	fd    int
}

// From linux/userfaultfd.h.
const (
	uffdAPI             = 0xaa
	uffdioAPI           = 0xc018aa3f
	uffdioRegister      = 0xc020aa00
	uffdioZeropage      = 0xc020aa04
	uffdRegisterMissing = 1
)

func newLatePage(t *testing.T) *latePage {
	t.Helper()
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		t.Skip("no userfaultfd here:", errno)
	}
	t.Cleanup(func() { unix.Close(int(fd)) })
	mem, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	p := &latePage{bytes: mem, fd: int(fd)}
	p.ioctl(t, uffdioAPI, &[4]uint64{uffdAPI})
	p.ioctl(t, uffdioRegister, &[4]uint64{p.start(), uint64(len(mem)), uffdRegisterMissing})
	return p
}

func (p *latePage) start() uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p.bytes)))) }

// awaited waits until somebody waits for the page.
func (p *latePage) awaited(t *testing.T) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	for {
		switch n, err := unix.Poll(fds, int(guard.Hang.Milliseconds())); {
		case err == unix.EINTR:
		case err != nil || n == 0:
			t.Fatalf("nobody waits for the page: %v", err)
		default:
			return
		}
	}
}

// blocked is whether a thread of a process is in a sleep of the kernel that nothing interrupts.
func blocked(pid int) bool {
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range all {
		if stat, err := os.ReadFile(name); err == nil && bytes.Contains(stat, []byte(") D ")) {
			return true
		}
	}
	return false
}

// come makes the page be there, full of zeros.
func (p *latePage) come(t *testing.T) {
	t.Helper()
	p.ioctl(t, uffdioZeropage, &[4]uint64{p.start(), uint64(len(p.bytes))})
}

func (p *latePage) ioctl(t *testing.T, request uintptr, arg *[4]uint64) {
	t.Helper()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.fd), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
		t.Fatalf("ioctl %#x: %v", request, errno)
	}
}
