// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"

	"github.com/kata-containers/kata-agent/test/guard"
)

// victimEnv makes the test program, started again, join the group it names and use up
// memory until it is killed.
const victimEnv = "CGROUP_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(execsEnv) != "" {
		execs()
	}
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
	}
	// Lets the library read groups of plain files, for cgroup v2.
	cgroups.TestMode = true
	os.Exit(m.Run())
}

func victim(dir string) {
	pid := fmt.Sprint(os.Getpid())
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var hold [][]byte
	for range 256 {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		hold = append(hold, block)
	}
	time.Sleep(time.Duration(len(hold)) * time.Hour) // clock: until it is killed
}

// v1Group makes a group in the v1 hierarchy of one controller, or skips the test.
func v1Group(t *testing.T, controller string) string {
	t.Helper()
	root := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil || os.Geteuid() != 0 {
		t.Skipf("needs root and the cgroup v1 controller %s", controller)
	}
	dir, err := os.MkdirTemp(root, "agent-test-")
	if err != nil {
		t.Skipf("cannot make a cgroup: %v", err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	return dir
}

// removeGroup waits for the kernel to let go of processes that have just died.
func removeGroup(t *testing.T, dir string) {
	t.Helper()
	guard.Until(t, dir+" can be removed", func() bool {
		err := os.Remove(dir)
		return err == nil || os.IsNotExist(err)
	})
}

// writeFiles fills dir with files by name.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
