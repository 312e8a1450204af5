// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Of struct vmclock_abi (linux/vmclock-abi.h): what is used of it and where. Numbers are little-endian.
const (
	vmclockMagic      = 0x4b4c4356 // "VCLK"
	vmclockSize       = 112        // with the generation
	vmclockDisruption = 16         // changes when the clock cannot be relied on: paused, moved, restored
	vmclockFlags      = 24
	vmclockGeneration = 104 // changes with each restore; since 2026

	vmclockHasGeneration = 1 << 8
)

// vmclock is a page that the hypervisor keeps. Kernels before 2026 cannot tell of its changes, and
// refuse to have it watched: then a look at it is all there is.
type vmclock struct {
	fd         int
	disruption uint64
	generation uint64
}

func openVMClock(p Places) (source, error) {
	if p.VMClock == "" {
		return nil, nil
	}
	fd, err := unix.Open(p.VMClock, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vmclock: %w", err)
	}
	v := &vmclock{fd: fd}
	var ok bool
	if v.disruption, v.generation, ok = v.read(); !ok {
		unix.Close(fd)
		return nil, fmt.Errorf("vmclock: %s is none", p.VMClock)
	}
	return v, nil
}

func (v *vmclock) name() string    { return "vmclock" }
func (v *vmclock) descriptor() int { return v.fd }
func (v *vmclock) close()          { unix.Close(v.fd) }

func (v *vmclock) look() Seen {
	disruption, generation, ok := v.read()
	if !ok {
		return Nothing
	}
	seen := Nothing
	if disruption != v.disruption {
		seen = StoodStill
	}
	if generation != v.generation {
		seen = Restored
	}
	v.disruption, v.generation = disruption, generation
	return seen
}

// read returns the two counters; a generation that the hypervisor does not have is 0.
func (v *vmclock) read() (disruption, generation uint64, ok bool) {
	var b [vmclockSize]byte
	n, _ := unix.Pread(v.fd, b[:], 0)
	if n < vmclockGeneration || binary.LittleEndian.Uint32(b[:]) != vmclockMagic {
		return 0, 0, false
	}
	disruption = binary.LittleEndian.Uint64(b[vmclockDisruption:])
	if n == vmclockSize && binary.LittleEndian.Uint64(b[vmclockFlags:])&vmclockHasGeneration != 0 {
		generation = binary.LittleEndian.Uint64(b[vmclockGeneration:])
	}
	return disruption, generation, true
}
