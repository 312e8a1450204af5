// SPDX-License-Identifier: Apache-2.0

package share

import (
	"path"
	"strings"
	"testing"
)

// Whatever the path, what is accepted is clean, relative and does not climb.
func FuzzRelative(f *testing.F) {
	for _, p := range []string{"/root/a", "/root/a/../b", "/root//a/./b/", "/root", "/root/..", "/rootx", "", "/root/a\x00"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		rel, err := (&Request{Path: p}).relative("/root")
		if err != nil {
			return
		}
		if rel == "" || rel == "." || path.IsAbs(rel) || path.Clean(rel) != rel ||
			rel == ".." || strings.HasPrefix(rel, "../") || !strings.HasPrefix(p, "/root/") {
			t.Errorf("%q became %q", p, rel)
		}
	})
}
