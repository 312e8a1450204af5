// SPDX-License-Identifier: Apache-2.0

package erofstest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Loop is a block device with this content, whose partition table the kernel reads. It
// goes with t, or with its last user after that. Without root or loop devices t is skipped.
func Loop(t testing.TB, content []byte) string {
	t.Helper()
	return loop(t, func(image *os.File) error {
		_, err := image.Write(content)
		return err
	})
}

// Blank is a block device of so many zero bytes, as Loop.
func Blank(t testing.TB, size int64) string {
	t.Helper()
	return loop(t, func(image *os.File) error { return image.Truncate(size) })
}

func loop(t testing.TB, fill func(*os.File) error) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a loop device")
	}
	fd, err := unix.MemfdCreate("disk", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	image := os.NewFile(uintptr(fd), "disk")
	defer image.Close()
	if err := fill(image); err != nil {
		t.Fatal(err)
	}
	for range 64 {
		loop, err := configure(image)
		if errors.Is(err, unix.EBUSY) { // somebody else took the free one
			continue
		}
		if err != nil {
			t.Skipf("no loop device: %v", err)
		}
		t.Cleanup(func() { loop.Close() })
		return loop.Name()
	}
	t.Fatal("every free loop device was taken by somebody else")
	return ""
}

func configure(image *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(image.Fd())}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_PARTSCAN
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
		loop.Close()
		return nil, err
	}
	return loop, nil
}
