// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"
	"unsafe"
)

// TestSizes: an agent holds thousands of sessions.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(IO{}); n > 112 {
		t.Errorf("an IO takes %d bytes, want at most 112", n)
	}
	if n := unsafe.Sizeof(Handle{}); n > 80 {
		t.Errorf("a Handle takes %d bytes, want at most 80", n)
	}
}
