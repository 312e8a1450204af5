// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPidsBudget(t *testing.T) {
	for _, c := range []struct{ numbers, threads, pod, container int64 }{
		{32768, 15000, 15000 - 512, 15000 - 512 - 256}, // a guest of 2 GiB
		{32768, 1700, 1700 - 425, 1700 - 425 - 212},    // of 256 MiB
		{1324, 1 << 20, 1024 - 256, 1024 - 256 - 128},  // the numbers are what lacks
		{4194304, 4000000, 4000000 - 512, 4000000 - 768},
	} {
		proc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(proc, "sys/kernel"), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, filepath.Join(proc, "sys/kernel"), map[string]string{
			"pid_max": fmt.Sprintln(c.numbers), "threads-max": fmt.Sprintln(c.threads),
		})
		got, known := ReadPidsBudget(proc)
		if want := (PidsBudget{c.pod, c.container}); !known || got != want {
			t.Errorf("pid_max %d, threads-max %d: %+v, want %+v", c.numbers, c.threads, got, want)
		}
	}
	if _, known := ReadPidsBudget(t.TempDir()); known {
		t.Error("a budget without the kernel's limits")
	}
}

func TestPidsLimit(t *testing.T) {
	b := PidsBudget{Pod: 1000, Container: 900}
	n := func(v int64) *int64 { return &v }
	for _, c := range []struct {
		asked *int64
		want  int64
	}{{nil, 900}, {n(-1), 900}, {n(4096), 900}, {n(900), 900}, {n(20), 20}, {n(0), 0}} {
		if got := b.Limit(c.asked); *got != c.want {
			t.Errorf("limit %d, want %d", *got, c.want)
		}
	}
}

// TestPodGroup finds the group below the mount point in a real hierarchy, which need not
// have the container's group yet.
func TestPodGroup(t *testing.T) {
	root := filepath.Dir(v1Group(t, "pids"))
	for path, want := range map[string]string{
		root + "/kubepods/pod1/c1": root + "/kubepods",
		root + "/kubepods/c1/":     root + "/kubepods",
		root + "/c1":               "",
		root:                       "",
	} {
		if got := PodGroup(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestLimitPids(t *testing.T) {
	group := v1Group(t, "pids")
	limit := func() string {
		b, err := os.ReadFile(filepath.Join(group, pidsFile))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	for range 2 { // the second one leaves what the first has set
		if err := LimitPids(group, 777); err != nil {
			t.Fatal(err)
		}
		if got := limit(); got != "777" {
			t.Errorf("limit %s, want 777", got)
		}
	}
	if err := LimitPids(group, 888); err != nil || limit() != "777" {
		t.Errorf("limit %s, error %v, want the 777 that was there", limit(), err)
	}
	if !HasPids("/sys/fs/cgroup") || HasPids(t.TempDir()) {
		t.Error("the controller is not seen, or seen in an empty directory")
	}
}
