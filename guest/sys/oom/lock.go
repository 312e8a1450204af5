// SPDX-License-Identifier: Apache-2.0

package oom

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LockProgram keeps those pages of the agent's program in memory that it has used or will
// use. In a guest whose memory is full of what cannot be written anywhere the kernel would
// drop them again and again, and each answer would wait for the disk. Nothing is read that
// is not used; heap and stacks have no file and stay without this, as there is no swap or
// the host has asked for it. proc is where procfs is mounted.
func LockProgram(proc string) error {
	maps, err := os.ReadFile(filepath.Join(proc, "self/maps"))
	if err != nil {
		return err
	}
	exe, err := os.Readlink(filepath.Join(proc, "self/exe"))
	if err != nil {
		return err
	}
	for _, m := range programMaps(string(maps), exe) {
		_, _, errno := unix.Syscall(unix.SYS_MLOCK2, m.start, m.end-m.start, unix.MLOCK_ONFAULT)
		if errno != 0 {
			return fmt.Errorf("lock the agent's program in memory: %w", errno)
		}
	}
	return nil
}

type addresses struct{ start, end uintptr }

// programMaps finds the mappings of a file that cannot be written: proc_pid_maps(5).
func programMaps(maps, file string) []addresses {
	var out []addresses
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasSuffix(strings.TrimSpace(line), " "+file) || strings.Contains(f[1], "w") {
			continue
		}
		var a addresses
		if n, err := fmt.Sscanf(f[0], "%x-%x", &a.start, &a.end); n == 2 && err == nil {
			out = append(out, a)
		}
	}
	return out
}
