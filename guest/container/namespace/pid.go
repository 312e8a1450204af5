// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// PID is the pid namespace of a process, held open so that it is never taken for that of a later
// process with the same number. Its holders share one descriptor, which the last one closes. A nil
// PID is none.
type PID struct {
	file    *os.File
	holders atomic.Int32
}

// OpenPID opens the pid namespace of a process that has not been reaped, for one holder. proc is the
// mount point of procfs.
func OpenPID(proc string, pid int) (*PID, error) {
	file, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "ns/pid"))
	if err != nil {
		return nil, fmt.Errorf("open pid namespace: %w", err)
	}
	p := &PID{file: file}
	p.holders.Store(1)
	return p, nil
}

// Hold keeps the namespace open until one more Release. Only a holder may call it.
func (p *PID) Hold() *PID {
	if p != nil {
		p.holders.Add(1)
	}
	return p
}

// Release is called once by each holder.
func (p *PID) Release() {
	if p != nil && p.holders.Add(-1) == 0 {
		p.file.Close()
	}
}

// Path leads to the namespace, from other processes too, as long as it is held: what an OCI spec's
// namespace entry names. That of a nil PID is "".
func (p *PID) Path() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.file.Fd())
}
