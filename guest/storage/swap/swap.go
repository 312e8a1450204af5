// SPDX-License-Identifier: Apache-2.0

package swap

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// On starts swapping to path, with the default priority. EBUSY means that it is in use
// already. See swapon(2).
func On(path string) error {
	return call("swapon", unix.SYS_SWAPON, path)
}

func call(name string, number uintptr, path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return fmt.Errorf("%s %q: %w", name, path, err)
	}
	if _, _, errno := unix.Syscall(number, uintptr(unsafe.Pointer(p)), 0, 0); errno != 0 {
		return fmt.Errorf("%s %s: %w", name, path, errno)
	}
	return nil
}
