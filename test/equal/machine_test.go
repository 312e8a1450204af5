// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// machineState is what a container that is gone must not have left of itself.
type machineState struct {
	mounts, cgroups, children []string
	descriptors               int
}

func machine(t *testing.T) machineState {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	guesttest.Must(t, err)
	s := machineState{mounts: strings.Split(strings.TrimSpace(string(text)), "\n"), descriptors: guesttest.Descriptors(t)}
	for _, pattern := range []string{"/sys/fs/cgroup/equal-*", "/sys/fs/cgroup/*/equal-*"} {
		found, err := filepath.Glob(pattern)
		guesttest.Must(t, err)
		for _, dir := range found {
			if strings.HasSuffix(dir, fmt.Sprint("equal-", os.Getpid())) { // another run may be under way
				s.cgroups = append(s.cgroups, dir)
			}
		}
	}
	for _, child := range guesttest.Children(os.Getpid()) {
		s.children = append(s.children, child.Name)
	}
	slices.Sort(s.children)
	return s
}

func (s machineState) same(o machineState) bool {
	return slices.Equal(s.mounts, o.mounts) && slices.Equal(s.cgroups, o.cgroups) && slices.Equal(s.children, o.children) &&
		o.descriptors >= s.descriptors
}

// change is what has come and gone since s.
func (s machineState) change(now machineState) string {
	var out []string
	for _, list := range []struct {
		of            string
		before, after []string
	}{{"mount", s.mounts, now.mounts}, {"cgroup", s.cgroups, now.cgroups}, {"child", s.children, now.children}} {
		out = append(out, missing(list.of, "after", list.after, list.before)...)
		out = append(out, missing(list.of, "before", list.before, list.after)...)
	}
	return strings.Join(append(out, fmt.Sprintf("%d descriptors are open, %d before", now.descriptors, s.descriptors)), "; ")
}
