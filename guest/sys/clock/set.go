// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Set sets the wall clock to sec seconds and usec microseconds (0 to 999999) after the
// epoch. The time zone is left alone. Errors are those of settimeofday(2): EINVAL for
// a time the kernel does not take, EPERM without CAP_SYS_TIME.
func Set(sec, usec int64) error {
	tv := unix.Timeval{Sec: sec, Usec: usec}
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set the clock to %d.%06d: %w", sec, usec, err)
	}
	return nil
}
