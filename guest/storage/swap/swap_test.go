// SPDX-License-Identifier: Apache-2.0

package swap

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

// swapFile writes a file with a swap header of version 1, see union swap_header in the
// kernel's include/linux/swap.h.
func swapFile(t *testing.T) string {
	t.Helper()
	const pages = 16
	size := os.Getpagesize()
	data := make([]byte, pages*size)
	binary.NativeEndian.PutUint32(data[1024:], 1)
	binary.NativeEndian.PutUint32(data[1028:], pages-1)
	copy(data[size-10:], "SWAPSPACE2")
	path := filepath.Join(t.TempDir(), "swap")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// off stops swapping to path. The agent never does: a swap device stays for the life of the VM.
func off(path string) error { return call("swapoff", unix.SYS_SWAPOFF, path) }

func TestOn(t *testing.T) {
	guesttest.NeedRoot(t, "for swapon")
	path := swapFile(t)
	if err := On(path); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		t.Skipf("no swapping to a file here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := off(path); err != nil {
			t.Error(err)
		}
	}()
	swaps, err := os.ReadFile("/proc/swaps")
	if err != nil || !strings.Contains(string(swaps), path) {
		t.Errorf("%s is not in use: %s, %v", path, swaps, err)
	}
	if err := On(path); !errors.Is(err, unix.EBUSY) {
		t.Errorf("twice: got %v, want %v", err, unix.EBUSY)
	}
}

func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	if err := On(path); err == nil || !strings.Contains(err.Error(), "swapon "+path) {
		t.Errorf("got %v, want an error with %q", err, "swapon "+path)
	}
	if err := On("a\x00b"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want %v", err, unix.EINVAL)
	}
	if err := off(path); err == nil {
		t.Error("swapoff of nothing is no error")
	}
}
