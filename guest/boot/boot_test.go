// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"slices"
	"testing"
)

func TestEnabledControllers(t *testing.T) {
	table := "#subsys_name\thierarchy\tnum_cgroups\tenabled\n" +
		"cpuset\t0\t1\t1\ncpu\t0\t1\t1\nmemory\t0\t1\t0\ndebug\t0\t1\t1\nbroken\npids\t3\n" +
		"devices\t0\t1\t1\n"
	got := enabledControllers(table)
	if want := []string{"cpu", "cpuset", "devices"}; !slices.Equal(got, want) {
		t.Errorf("enabled: %q, want %q", got, want)
	}
}
