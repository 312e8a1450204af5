// SPDX-License-Identifier: Apache-2.0

package devicemapper

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is the open device-mapper control node; see linux/dm-ioctl.h.
type control struct{ f *os.File }

// target is one row of a table. One row is all the mappings here have.
type target struct {
	sectors    uint64
	kind       string
	parameters string
}

// call makes one request about the mapping of this name and returns the header that the
// kernel has filled in.
func (c control) call(request uintptr, name string, flags uint32, row *target) (unix.DmIoctl, error) {
	size := unix.SizeofDmIoctl
	if row != nil {
		size += unix.SizeofDmTargetSpec + align8(len(row.parameters)+1)
	}
	// Of words, so that the kernel's structures in it lie where they must.
	buffer := make([]uint64, (size+7)/8)
	header := (*unix.DmIoctl)(unsafe.Pointer(&buffer[0]))
	header.Version = [3]uint32{unix.DM_VERSION_MAJOR, 0, 0}
	header.Data_size = uint32(len(buffer) * 8)
	header.Data_start = unix.SizeofDmIoctl
	header.Flags = flags
	if copy(header.Name[:len(header.Name)-1], name) != len(name) {
		return unix.DmIoctl{}, fmt.Errorf("device-mapper name %q: %w", name, unix.ENAMETOOLONG)
	}
	if row != nil {
		header.Target_count = 1
		row.put(unsafe.Slice((*byte)(unsafe.Pointer(&buffer[0])), len(buffer)*8)[unix.SizeofDmIoctl:])
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, c.f.Fd(), request, uintptr(unsafe.Pointer(header)))
	runtime.KeepAlive(buffer)
	if errno != 0 {
		return unix.DmIoctl{}, errno
	}
	return *header, nil
}

// put writes the row: its specification, then the parameters with a zero byte.
func (t *target) put(at []byte) {
	spec := (*unix.DmTargetSpec)(unsafe.Pointer(&at[0]))
	spec.Length = t.sectors
	spec.Next = uint32(len(at))
	copy(spec.Target_type[:len(spec.Target_type)-1], t.kind)
	copy(at[unix.SizeofDmTargetSpec:], t.parameters)
}

func align8(n int) int { return (n + 7) &^ 7 }
