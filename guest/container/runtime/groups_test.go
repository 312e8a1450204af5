// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"maps"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
)

// TestManagerOfRememberedHierarchies: the second manager has the paths that the library would find.
func TestManagerOfRememberedHierarchies(t *testing.T) {
	var h hierarchies
	for _, path := range []string{"/kata-test/a", "/kata-test/b/../c", "//kata-test/d/", "/kata-test", "/", "kata-test/relative"} {
		cg := func() *cgroups.Cgroup { return &cgroups.Cgroup{Path: path, Resources: &cgroups.Resources{}} }
		got, err := h.manager(cg())
		if err != nil {
			t.Fatal(err)
		}
		want, err := manager.New(cg())
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got.GetPaths(), want.GetPaths()) {
			t.Errorf("%s: %v, want %v", path, got.GetPaths(), want.GetPaths())
		}
	}
	if !cgroups.IsCgroup2UnifiedMode() && h.roots == nil {
		t.Error("no hierarchy is remembered")
	}
}

// TestHierarchiesThatAreNot: paths that do not end with the cgroup's are not remembered.
func TestHierarchiesThatAreNot(t *testing.T) {
	for name, paths := range map[string]map[string]string{
		"none":         {},
		"another path": {"cpu": "/sys/fs/cgroup/cpu/elsewhere"},
		"one of two":   {"cpu": "/sys/fs/cgroup/cpu/a", "memory": "/sys/fs/cgroup/memory/b"},
	} {
		var h hierarchies
		if h.remember(paths, "/a"); h.roots != nil {
			t.Errorf("%s: %v is remembered, want nothing", name, h.roots)
		}
	}
}
