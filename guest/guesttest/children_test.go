// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

// TestChildren finds a child by its parent, and no other's.
func TestChildren(t *testing.T) {
	cmd := exec.Command("sleep", "10000")
	Must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if slices.ContainsFunc(Children(os.Getpid()), func(c Child) bool { return c.Pid == cmd.Process.Pid }) {
			t.Error("a child that was reaped is still there, want it gone")
		}
	}()
	ours := func(c Child) bool { return c.Pid == cmd.Process.Pid }
	if all := Children(os.Getpid()); !slices.ContainsFunc(all, ours) {
		t.Errorf("children %v, want one with pid %d", all, cmd.Process.Pid)
	}
	if all := Children(1); slices.ContainsFunc(all, ours) {
		t.Errorf("children of process 1 are %v, want no child of this one", all)
	}
}
