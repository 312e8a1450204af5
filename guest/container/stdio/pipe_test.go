// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func capacity(t *testing.T, f *os.File) int {
	t.Helper()
	n, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenPipes(t *testing.T) {
	p, warning, err := OpenPipes(PipeOptions{Size: 200 << 10})
	if err != nil || warning != nil {
		t.Fatal(warning, err)
	}
	defer p.Close()
	if got := capacity(t, p.Agent[1]); got != 256<<10 {
		t.Errorf("stdout holds %d", got)
	}
	if got := capacity(t, p.Child[2]); got != 256<<10 {
		t.Errorf("stderr holds %d", got)
	}
	for _, f := range append(p.Child[:], p.Agent[:]...) {
		fd, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		fl, _ := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		if fd&unix.FD_CLOEXEC == 0 || fl&unix.O_NONBLOCK != 0 {
			t.Errorf("flags %#x %#x", fd, fl)
		}
	}
}

func TestChildsEndStaysBlocking(t *testing.T) {
	poller := newPoller(t)
	p, _, err := OpenPipes(PipeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := poller.NewReader(p.Agent[1])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if fl, _ := unix.FcntlInt(p.Child[1].Fd(), unix.F_GETFL, 0); fl&unix.O_NONBLOCK != 0 {
		t.Error("the process's end is nonblocking")
	}
}

// With CAP_SYS_RESOURCE the kernel has no limit; without it the limit is used.
func TestPipeSizeAboveTheLimit(t *testing.T) {
	p, warning, err := OpenPipes(PipeOptions{Size: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got := capacity(t, p.Agent[1])
	switch {
	case got == 8<<20 && warning == nil:
	case got == 1<<20 && warning != nil && strings.Contains(warning.Error(), "1048576"):
	default:
		t.Errorf("size %d, warning %v", got, warning)
	}
}

func TestPipeSizeLimitIsNotReadable(t *testing.T) {
	p, warning, err := OpenPipes(PipeOptions{Proc: t.TempDir(), Size: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if capacity(t, p.Agent[1]) != 8<<20 && warning == nil {
		t.Error("no warning")
	}
}

func TestPipeSizeLimitComesFromProc(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "sys/fs"), 0o755)
	os.WriteFile(filepath.Join(dir, "sys/fs/pipe-max-size"), []byte("131072\n"), 0o644)
	p, warning, err := OpenPipes(PipeOptions{Proc: dir, Size: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got := capacity(t, p.Agent[1]); got != 8<<20 && (got != 128<<10 || warning == nil) {
		t.Errorf("size %d, warning %v", got, warning)
	}
}
