// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/dependencies.txt anew")

const golden = "docs/dependencies.txt"

const goldenHeader = `# Packages of other modules that are linked into kata-agent. A test keeps the list; after a wanted change:
# go test ./test/architecture -run Dependencies -update
`

// TestDependencies makes a new package in the agent's binary, which every
// guest carries and every container start loads, visible in a review.
func TestDependencies(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, "cmd/kata-agent/main.go")); err != nil {
		t.Skip("there is no agent yet")
	}
	deps, err := goList("-deps", "./cmd/kata-agent")
	if err != nil {
		t.Fatal(err)
	}
	var linked []string
	for _, p := range deps {
		if !p.Standard && !within(p.ImportPath, module) {
			linked = append(linked, p.ImportPath)
		}
	}
	slices.Sort(linked)
	if *update {
		text := goldenHeader + strings.Join(linked, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(root, golden), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var known []string
	for line := range strings.Lines(read(t, golden)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			known = append(known, line)
		}
	}
	for _, p := range linked {
		if !slices.Contains(known, p) {
			t.Errorf("%s is linked and not in %s", p, golden)
		}
	}
	for _, p := range known {
		if !slices.Contains(linked, p) {
			t.Errorf("%s is in %s and no longer linked", p, golden)
		}
	}
}
