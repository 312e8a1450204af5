// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// HandlesSignal tells whether a process blocks, ignores or catches a signal (SigBlk,
// SigIgn, SigCgt in proc(5) status). One whose status cannot be read does not.
func HandlesSignal(proc string, pid int, sig unix.Signal) bool {
	b, err := os.ReadFile(fmt.Sprintf("%s/%d/status", proc, pid))
	if err != nil {
		return false
	}
	for _, line := range bytes.Split(b, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "SigBlk", "SigIgn", "SigCgt":
			mask, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			if err == nil && mask>>(uint(sig)-1)&1 == 1 {
				return true
			}
		}
	}
	return false
}
