// SPDX-License-Identifier: Apache-2.0

package random

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReseed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "random")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var calls []uint
	var pool []byte
	refuse := map[uint]error{}
	d := Device{Path: path, ioctl: func(_ uintptr, req uint, arg []byte) error {
		calls = append(calls, req)
		if arg != nil {
			pool = arg
		}
		return refuse[req]
	}}
	if warning, err := d.Reseed([]byte("0123456789")); warning != nil || err != nil {
		t.Fatalf("warning %v, error %v, want neither", warning, err)
	}
	if len(calls) != 2 || calls[0] != unix.RNDADDENTROPY || calls[1] != unix.RNDRESEEDCRNG {
		t.Errorf("calls %#x", calls)
	}
	bits, size := binary.NativeEndian.Uint32(pool), binary.NativeEndian.Uint32(pool[4:])
	if bits != 80 || size != 10 || string(pool[8:]) != "0123456789" {
		t.Errorf("credit %d bits of %d bytes %q", bits, size, pool[8:])
	}

	refuse[unix.RNDRESEEDCRNG] = unix.ENODATA
	if warning, err := d.Reseed([]byte("x")); err != nil || !errors.Is(warning, unix.ENODATA) {
		t.Errorf("a key that was not drawn: warning %v, error %v, want the warning %v", warning, err, unix.ENODATA)
	}
	refuse[unix.RNDADDENTROPY] = unix.EPERM
	if _, err := d.Reseed([]byte("x")); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want %v", err, unix.EPERM)
	}
}

func TestReseedErrors(t *testing.T) {
	if _, err := (Device{}).Reseed(nil); !errors.Is(err, ErrNoData) {
		t.Errorf("got %v, want %v", err, ErrNoData)
	}
	if _, err := (Device{Path: "/no/such/device"}).Reseed([]byte("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Device{Path: file}).Reseed([]byte("x")); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a plain file: %v, want %v", err, unix.ENOTTY)
	}
}
