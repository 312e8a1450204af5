// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"errors"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/clock"
	"golang.org/x/sys/unix"
)

// Only times the kernel refuses: a test must not change the machine's clock.
func TestSetRefuses(t *testing.T) {
	for _, tv := range [][2]int64{{0, -1}, {0, 1_000_000}, {-1, 0}} {
		if err := clock.Set(tv[0], tv[1]); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
			t.Errorf("%v: %v", tv, err)
		}
	}
}
