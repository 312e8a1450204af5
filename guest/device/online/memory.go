// SPDX-License-Identifier: Apache-2.0

package online

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

const memoryDir = "devices/system/memory"

// ErrBlockSize is returned when the kernel's block size is no number.
var ErrBlockSize = errors.New("Invalid block size") // known text

// Memory brings every block of memory online and says how many were not. A block that the
// kernel refuses does not keep it from the others.
func Memory(sysRoot string) (count int, err error) {
	dir := filepath.Join(sysRoot, memoryDir)
	names, err := sysfs.Names(dir)
	if err != nil {
		return 0, fmt.Errorf("online memory: %w", err)
	}
	for _, name := range names {
		if !numbered(name, "memory") {
			continue
		}
		changed, blockErr := memoryBlock(filepath.Join(dir, name))
		if changed {
			count++
		}
		err = errors.Join(err, blockErr)
	}
	return count, err
}

// MemoryBlock brings one block online, given its directory below sysfs as in the DEVPATH
// of its event.
func MemoryBlock(sysRoot, devPath string) error {
	_, err := memoryBlock(filepath.Join(sysRoot, devPath))
	return err
}

func memoryBlock(dir string) (changed bool, err error) {
	file := filepath.Join(dir, "online")
	state, err := sysfs.Read(file)
	if err != nil || state != "0" {
		return false, nil // gone, or online
	}
	if err := sysfs.Write(file, "1"); err != nil {
		return false, fmt.Errorf("online %s: %w", filepath.Base(dir), err)
	}
	return true, nil
}

// BlockSize returns the size of a memory block in bytes, 0 on a kernel without memory
// hotplug.
func BlockSize(sysRoot string) (uint64, error) {
	text, err := sysfs.Read(filepath.Join(sysRoot, memoryDir, "block_size_bytes"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read memory block size: %w", err)
	}
	size, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", ErrBlockSize, text)
	}
	return size, nil
}

const probeFile = "probe"

// CanProbe tells whether the kernel wants to be told of new memory, see [Probe].
func CanProbe(sysRoot string) (bool, error) {
	_, err := os.Stat(filepath.Join(sysRoot, memoryDir, probeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for memory probe: %w", err)
	}
	return true, nil
}

// Probe tells the kernel that there are memory blocks at physical addresses, on machines
// whose firmware does not. It stops at the first one that is refused.
func Probe(sysRoot string, addresses []uint64) error {
	for _, address := range addresses {
		text := fmt.Sprintf("0x%X", address)
		if err := sysfs.Write(filepath.Join(sysRoot, memoryDir, probeFile), text); err != nil {
			return fmt.Errorf("probe memory at %s: %w", text, err)
		}
	}
	return nil
}
