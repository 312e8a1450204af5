// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"os"
	"testing"
)

// TestPIDIsOpenUntilTheLastRelease, also when the one that has opened it goes first.
func TestPIDIsOpenUntilTheLastRelease(t *testing.T) {
	p, err := OpenPID("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	second := p.Hold()
	path, own := p.Path(), "/proc/self/ns/pid"
	p.Release()
	want, err := os.Readlink(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(second.Path()); err != nil || got != want {
		t.Errorf("%s leads to %q, %v; want %q", path, got, err, want)
	}
	second.Release()
	if got, _ := os.Readlink(path); got == want {
		t.Errorf("%s still leads to %s, want that the last release has closed it", path, got)
	}
}

// TestNoPID is what a container gets that has a pid namespace of its own.
func TestNoPID(t *testing.T) {
	var none *PID
	none.Hold().Release()
	if got := none.Path(); got != "" {
		t.Errorf("path %q, want none", got)
	}
	if _, err := OpenPID(t.TempDir(), 1); err == nil {
		t.Error("no error for a process that is not there")
	}
}
