// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func killChild(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
