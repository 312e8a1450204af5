// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
)

// realUnifiedGroup makes a group with memory, cpu and pids controllers in the machine's
// unified tree, or skips the test.
func realUnifiedGroup(t *testing.T) string {
	t.Helper()
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil || !slices.Contains(strings.Fields(string(text)), "memory") || os.Geteuid() != 0 {
		t.Skip("needs root and the memory controller of cgroup v2")
	}
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory +cpu +pids"), 0); err != nil {
		t.Skipf("cannot enable controllers: %v", err)
	}
	dir, err := os.MkdirTemp(root, "agent-test-")
	if err != nil {
		t.Skipf("cannot make a cgroup: %v", err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	return dir
}

func TestOOMRealUnified(t *testing.T) {
	dir := realUnifiedGroup(t)
	for file, value := range map[string]string{"memory.max": "33554432", "memory.swap.max": "0"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil && file == "memory.max" {
			t.Fatal(err)
		}
	}
	w := newWatcher(t)
	reports := make(chan uint64, 16)
	watch, err := w.Watch(dir, func(n uint64) { reports <- n })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runVictim(t, dir)
		kills(t, reports, 1)
	}
	watch.Close()
	if len(reports) != 0 {
		t.Error("a kill was reported twice")
	}
}

func TestReadRealUnified(t *testing.T) {
	dir := realUnifiedGroup(t)
	if err := os.WriteFile(filepath.Join(dir, "pids.max"), []byte("77"), 0); err != nil {
		t.Fatal(err)
	}
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	if got.CPU == nil || got.CPU.Usage == nil || got.CPU.Throttling == nil || got.Memory == nil || got.Pids == nil {
		t.Fatalf("a controller is missing: %+v", got)
	}
	if got.Pids.Limit != 77 || !got.Memory.UseHierarchy || len(got.Memory.Raw) < 10 {
		t.Errorf("got %+v, %+v", got.Pids, got.Memory)
	}
}
