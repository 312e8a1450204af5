// SPDX-License-Identifier: Apache-2.0

package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrTaken says that another agent lives with the same directory.
var ErrTaken = errors.New("another agent has it")

// Claim is held from Take until the process ends.
type Claim struct {
	file   *os.File // holds the lock. It is not open for writing, so that /run can be made read-only
	record record
	died   bool
}

// record is the content of the file.
type record struct {
	Boot   string   `json:"boot"`   // of the kernel: /proc/sys/kernel/random/boot_id
	Mounts []string `json:"mounts"` // what was mounted before the first agent
}

// Take claims the file at path, which is made if it does not exist. procRoot is "/proc". roots are the
// directories in which the agent mounts. What is mounted there now is recorded as not the agent's; if
// an agent has died, its record counts instead.
func Take(path, procRoot string, roots ...string) (_ *Claim, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	c := &Claim{file: f}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("claim %s: %w", path, ErrTaken)
	} else if err != nil {
		return nil, fmt.Errorf("claim %s: %w", path, err)
	}
	boot, err := os.ReadFile(filepath.Join(procRoot, "sys/kernel/random/boot_id"))
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	if old := c.read(); old != nil {
		c.died, c.record.Mounts = true, old.Mounts
		if old.Boot != string(boot) { // the guest was booted since: nothing of that agent is mounted or runs, only files remain
			c.record.Mounts = nil
		}
	} else if c.record.Mounts, err = mountPoints(roots); err != nil {
		return nil, err
	}
	c.record.Boot = string(boot)
	return c, c.write()
}

// read returns what an agent has left in the file; nil if it has ended in order, or there was none.
func (c *Claim) read() *record {
	var r record
	if err := json.NewDecoder(c.file).Decode(&r); err != nil {
		return nil // empty, or half written by an agent that died before it did anything
	}
	return &r
}

// write puts the record over the one before and cuts off the rest then: an agent that dies in
// between leaves a whole record, and read stops at its end.
func (c *Claim) write() error {
	data, err := json.Marshal(c.record)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	f, err := os.OpenFile(c.file.Name(), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

// Died tells whether an agent before has not ended in order.
func (c *Claim) Died() bool { return c.died }

// Release notes that nothing is left for the next agent to clear, and gives the claim up.
func (c *Claim) Release() error {
	return errors.Join(os.Truncate(c.file.Name(), 0), c.file.Close())
}
