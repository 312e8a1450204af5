// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	ledgerSize = 16 // struct ledger
	idOffset   = 60 // of id in struct request
)

// ledger is where the kernel enters each process that a helper makes, before anybody can
// be told of it. When helper and process are killed together, nothing else is left to say
// that there is a process to be reaped.
type ledger struct{ file *os.File }

func newLedger() (ledger, error) {
	file, err := memfd("ledger")
	if err != nil {
		return ledger{}, fmt.Errorf("create memfd for the ledger: %w", err)
	}
	if err := file.Truncate(ledgerSize); err != nil {
		file.Close()
		return ledger{}, fmt.Errorf("size of the ledger: %w", err)
	}
	return ledger{file}, nil
}

// entry is the last request that a dead helper has made a process for, or tried to.
type entry struct {
	id  uint32
	pid int // 0 is none
}

// last reads the entry and closes the ledger.
func (l ledger) last() entry {
	defer l.file.Close()
	var b [ledgerSize]byte
	if _, err := l.file.ReadAt(b[:], 0); err != nil {
		return entry{}
	}
	return entry{id: order.Uint32(b[8:]), pid: int(int32(order.Uint32(b[12:])))}
}

// memfd makes one that nobody can execute, where the kernel knows that (Linux 6.3).
func memfd(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
