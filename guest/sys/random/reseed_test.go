// SPDX-License-Identifier: Apache-2.0

package random

import (
	"context"
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

// TestStir mixes in what the machine has, and does without what it has not.
func TestStir(t *testing.T) {
	dir := t.TempDir()
	pool, hardware := filepath.Join(dir, "random"), filepath.Join(dir, "hwrng")
	var calls []uint
	d := Device{Path: pool, ioctl: func(_ uintptr, req uint, _ []byte) error {
		calls = append(calls, req)
		return nil
	}}
	stirred := func(wantMore int) {
		t.Helper()
		if err := os.WriteFile(pool, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		calls = nil
		if err := d.Stir(t.Context(), hardware, []byte("pod"), []byte("name")); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(pool)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 8+len("podname")+wantMore || string(got[8:15]) != "podname" {
			t.Errorf("mixed in %d bytes %q, want the time, the salt and %d of the machine's generator", len(got), got, wantMore)
		}
		if len(calls) != 1 || calls[0] != unix.RNDRESEEDCRNG {
			t.Errorf("calls %#x, want %#x: nothing is credited, a key is drawn", calls, unix.RNDRESEEDCRNG)
		}
	}
	stirred(0)
	if err := os.WriteFile(hardware, make([]byte, 600), 0o600); err != nil {
		t.Fatal(err)
	}
	stirred(hardwareBytes)
	if err := os.WriteFile(hardware, []byte("little"), 0o600); err != nil {
		t.Fatal(err)
	}
	stirred(len("little"))
}

// TestStirDoesNotWait: a generator that gives nothing is passed over when the time is up.
func TestStirDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	pool, silent := filepath.Join(dir, "random"), filepath.Join(dir, "hwrng")
	if err := os.WriteFile(pool, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(silent, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(silent, os.O_RDWR, 0) // so that the reader's open does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	drawn := false
	d := Device{Path: pool, ioctl: func(uintptr, uint, []byte) error { drawn = true; return nil }}
	if err := d.Stir(ctx, silent); err != nil || !drawn {
		t.Errorf("error %v, key drawn %v, want none and true", err, drawn)
	}
	if _, err := writer.Write(make([]byte, hardwareBytes)); err != nil { // ends the read that was given up
		t.Fatal(err)
	}
}

// TestStirErrors are those of the pool.
func TestStirErrors(t *testing.T) {
	if err := (Device{Path: "/no/such/device"}).Stir(t.Context(), "/no/such/generator"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	d := Device{Path: filepath.Join(t.TempDir(), "random"), ioctl: func(uintptr, uint, []byte) error { return unix.EPERM }}
	if err := os.WriteFile(d.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Stir(t.Context(), "/no/such/generator"); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want %v", err, unix.EPERM)
	}
}
