// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// childIsDead waits until the process with the number in that file has ended.
func childIsDead(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !guard.Holds(func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") // whoever is its parent now may not reap it
	}) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Error("the program's child runs, want that it was killed with it")
	}
}
