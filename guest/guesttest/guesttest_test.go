// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// watched is a test whose failures are counted in place of failing this one.
type watched struct {
	testing.TB
	failed  int
	cleanup []func()
}

func (w *watched) Helper()               {}
func (w *watched) Errorf(string, ...any) { w.failed++ }
func (w *watched) Fatal(...any)          { w.failed++ }
func (w *watched) Cleanup(f func())      { w.cleanup = append(w.cleanup, f) }

// TestMust fails a test for an error, and for nothing else.
func TestMust(t *testing.T) {
	for _, err := range []error{nil, errors.New("no")} {
		w := &watched{TB: t}
		Must(w, err)
		if (w.failed > 0) != (err != nil) {
			t.Errorf("%v: the test has failed %d times", err, w.failed)
		}
	}
}

// TestNoLeak fails a test that leaves a descriptor open, and no other.
func TestNoLeak(t *testing.T) {
	for _, leaks := range []bool{false, true} {
		w := &watched{TB: t}
		NoLeak(w)
		f, err := os.Open("/dev/null")
		Must(t, err)
		if !leaks {
			f.Close()
		}
		for _, end := range w.cleanup {
			end()
		}
		f.Close()
		if (w.failed > 0) != leaks {
			t.Errorf("leaks: %t, the test has failed %d times", leaks, w.failed)
		}
	}
}

// TestTmpfs is mounted during a test and gone after it.
func TestTmpfs(t *testing.T) {
	var dir string
	t.Run("during", func(t *testing.T) {
		dir = Tmpfs(t)
		var st unix.Statfs_t
		Must(t, unix.Statfs(dir, &st))
		if st.Type != unix.TMPFS_MAGIC {
			t.Errorf("type %#x, want a tmpfs", st.Type)
		}
	})
	if _, err := os.Stat(dir); dir != "" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the test: %v, want that it is gone", err)
	}
}

// TestDescriptorsOfGosPoller: what Go opens for itself at the first file that can be waited for is no
// leak of the test that opens that file.
func TestDescriptorsOfGosPoller(t *testing.T) {
	if os.Getenv("GUESTTEST_ALONE") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "GUESTTEST_ALONE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("a test that is the first to wait for a file: %v\n%s", err, out)
		}
		return
	}
	before := Descriptors(t)
	r, w, err := os.Pipe()
	Must(t, err)
	r.Close()
	w.Close()
	if after := Descriptors(t); after != before {
		t.Errorf("%d descriptors open, want %d as before", after, before)
	}
}
