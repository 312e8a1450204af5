// SPDX-License-Identifier: Apache-2.0

package random

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DefaultDevice is the kernel's generator.
const DefaultDevice = "/dev/random"

// maxSeed bounds one reseed; a host sends some hundred bytes, and an RPC has no more.
const maxSeed = 4 << 20

// ErrNoData is a reseed without bytes; hosts know the text.
var ErrNoData = errors.New("missing entropy data")

// Device is a random device.
type Device struct {
	// Path is DefaultDevice if empty.
	Path string
	// ioctl stands for ioctl(2) in tests; arg may be nil.
	ioctl func(fd uintptr, req uint, arg []byte) error
}

// Reseed mixes data into the pool, crediting 8 bits a byte, and makes the generator
// draw a new key at once. data must be from a good source and used nowhere else.
//
// warning is why the key was not drawn; the bytes are in the pool then, and the kernel
// draws a key by itself within minutes. err is why nothing was mixed in.
func (d Device) Reseed(data []byte) (warning, err error) {
	if len(data) == 0 {
		return nil, ErrNoData
	}
	if len(data) > maxSeed {
		return nil, fmt.Errorf("reseed: %d bytes are more than %d", len(data), maxSeed)
	}
	name := d.path()
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reseed: %w", err)
	}
	defer f.Close()
	ioctl := d.control()
	if err := ioctl(f.Fd(), unix.RNDADDENTROPY, poolInfo(data)); err != nil {
		return nil, fmt.Errorf("add entropy to %s: %w", name, err)
	}
	if err := ioctl(f.Fd(), unix.RNDRESEEDCRNG, nil); err != nil {
		warning = fmt.Errorf("draw a new key from %s: %w", name, err)
	}
	return warning, nil
}

func (d Device) path() string {
	if d.Path == "" {
		return DefaultDevice
	}
	return d.Path
}

func (d Device) control() func(fd uintptr, req uint, arg []byte) error {
	if d.ioctl == nil {
		return sysIoctl
	}
	return d.ioctl
}

// poolInfo is struct rand_pool_info of random(4): the credit in bits, the size in
// bytes, the bytes.
func poolInfo(data []byte) []byte {
	b := make([]byte, 8, 8+len(data))
	binary.NativeEndian.PutUint32(b, uint32(8*len(data)))
	binary.NativeEndian.PutUint32(b[4:], uint32(len(data)))
	return append(b, data...)
}

func sysIoctl(fd uintptr, req uint, arg []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(req), uintptr(unsafe.Pointer(unsafe.SliceData(arg))))
	runtime.KeepAlive(arg)
	if errno != 0 {
		return errno
	}
	return nil
}
