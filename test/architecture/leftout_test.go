// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leftOut is a line of the table of package early: path, two dots, inittask.
var leftOut = regexp.MustCompile(`(?m)^DATA .*\$(\S+)··inittask\(SB\)$`)

// TestChildNeedsNothingLeftOut: a package whose initialisation a container's child is spared is none that
// the child's own packages import, directly or not.
func TestChildNeedsNothingLeftOut(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(root, "guest/boot/reexec/early/leftout.s"))
	if err != nil {
		t.Fatal(err)
	}
	needed, err := goList("-deps", "./guest/boot/reexec")
	if err != nil {
		t.Fatal(err)
	}
	if len(needed) < 100 {
		t.Fatalf("%d packages, want all that libcontainer imports", len(needed))
	}
	lines := leftOut.FindAllStringSubmatch(string(table), -1)
	if len(lines) == 0 {
		t.Fatal("no package in the table")
	}
	for _, m := range lines {
		path := strings.NewReplacer("·", ".", "∕", "/").Replace(m[1])
		if slices.ContainsFunc(needed, func(p pkg) bool { return p.ImportPath == path }) {
			t.Errorf("guest/boot/reexec/early leaves out %s, which a container's child needs", path)
		}
	}
}
