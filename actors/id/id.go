// SPDX-License-Identifier: Apache-2.0

package id

import (
	"errors"
	"fmt"
)

// Container names a container of the pod, as the host chose it.
type Container string

// Exec names a process of a container. The container's init has the container's id;
// hosts say either that or "".
type Exec string

// ErrInvalid is wrapped by the error for an id that breaks the rules.
var ErrInvalid = errors.New("invalid container ID")

// maxLength is the longest id, in bytes: the id is a file name (NAME_MAX is 255), and
// systemd unit names and cgroup directories put something before and after it.
const maxLength = 200

// Check tells whether a new container may have this id: two characters or more, the
// first a letter or digit, then letters, digits, '.', '_' and '-' (the rule of all Kata agents).
func (c Container) Check() error {
	if len(c) < 2 || len(c) > maxLength {
		return fmt.Errorf("%w %q: it has %d characters, allowed are 2 to %d", ErrInvalid, short(string(c)), len(c), maxLength)
	}
	switch c {
	case "shared", "sandbox", "image", "virtual-volumes":
		// Containers have their directories beside these.
		return fmt.Errorf("%w %q: it is the name of a directory of the pod", ErrInvalid, c)
	}
	for i := range len(c) {
		b := c[i]
		alnum := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if !alnum && (i == 0 || b != '.' && b != '_' && b != '-') {
			return fmt.Errorf("%w %q: character %d is %q", ErrInvalid, short(string(c)), i+1, b)
		}
	}
	return nil
}

// maxExec is the longest exec id, in bytes: hosts send UUIDs or containerd's exec ids.
const maxExec = 1024

// Check tells whether a new exec session may have this id. It is free text and never
// becomes a file name.
func (e Exec) Check() error {
	if e == "" || len(e) > maxExec {
		return fmt.Errorf("invalid exec id %q: it has %d characters, allowed are 1 to %d", short(string(e)), len(e), maxExec)
	}
	return nil
}

// short keeps error texts and logs small whatever a caller sends.
func short(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
