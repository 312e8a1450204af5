// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// links of /dev that programs rely on; devtmpfs has none of them.
var links = [...]struct{ name, to string }{
	{"/dev/ptmx", "/dev/pts/ptmx"},
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
}

// Links makes the links of /dev, in place of a node of the same name.
func Links() error {
	var errs []error
	for _, l := range links {
		if err := os.Remove(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.Symlink(l.to, l.name))
	}
	return errors.Join(errs...)
}

// Session makes the agent the leader of a session with the console as its terminal. A
// guest without a console has none.
func Session() error {
	if _, err := unix.Setsid(); err != nil {
		return fmt.Errorf("setsid: %w", err)
	}
	_ = unix.IoctlSetInt(0, unix.TIOCSCTTY, 1)
	return nil
}

// SearchPath is what the agent's helpers are found by.
const SearchPath = "/bin:/sbin:/usr/bin:/usr/sbin"

// Hostname sets the name that /etc/hostname gives, else "localhost".
func Hostname() error {
	name := "localhost"
	if b, err := os.ReadFile("/etc/hostname"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 0 {
			name = f[0]
		}
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set host name %q: %w", name, err)
	}
	return nil
}
