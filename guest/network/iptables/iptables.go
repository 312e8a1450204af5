// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// MaxOutput is the size of the rules that can be read. A reply to the host must stay
	// below 4 MiB.
	MaxOutput = 3 << 20

	// limit ends a program for a caller without a deadline.
	limit = 30 * time.Second

	// lockWait is how many seconds restore waits for another program to let go of the
	// kernel's tables.
	lockWait = "5"
)

// ErrTooLarge is returned when a program writes more than [MaxOutput] bytes.
var ErrTooLarge = errors.New("output is too large")

// Family selects the program.
type Family bool

// The families.
const (
	IPv4 Family = false
	IPv6 Family = true
)

func (f Family) program(action string) string {
	if f == IPv6 {
		return "ip6tables-" + action
	}
	return "iptables-" + action
}

// Tables runs the programs that it finds in Dirs, the first directory first.
type Tables struct {
	Dirs []string
}

// New returns the tables of the guest.
func New() *Tables {
	return &Tables{Dirs: []string{"/usr/sbin", "/sbin"}}
}

// Get returns the rules in the form of iptables-save.
func (t *Tables) Get(ctx context.Context, family Family) ([]byte, error) {
	return t.run(ctx, family.program("save"), nil)
}

// Set replaces the rules of every table in data, which has the form of iptables-save, and
// returns what the program wrote.
func (t *Tables) Set(ctx context.Context, family Family, data []byte) ([]byte, error) {
	return t.run(ctx, family.program("restore"), data, "--wait", lockWait)
}

func (t *Tables) find(program string) (string, error) {
	for _, dir := range t.Dirs {
		path := filepath.Join(dir, program)
		if fi, err := os.Stat(path); err == nil && !fi.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s in %v: %w", program, t.Dirs, fs.ErrNotExist)
}
