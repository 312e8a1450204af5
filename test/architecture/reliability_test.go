// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"regexp"
	"strings"
	"testing"
)

// named finds the names of tests in the last column of a table.
var named = regexp.MustCompile("`(Test[A-Za-z0-9_]+)")

// testHead is the head of a test.
var testHead = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)

// TestReliabilityNamesRealTests compares docs/reliability.md with the test
// functions of the tree: each row names at least one, and each exists.
func TestReliabilityNamesRealTests(t *testing.T) {
	known := testFunctions(t)
	rows := 0
	for line := range strings.Lines(read(t, "docs/reliability.md")) {
		columns := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.TrimSpace(columns[0]) == "fault" || len(columns) < 2 {
			continue
		}
		rows++
		if len(columns) != 4 {
			t.Errorf("docs/reliability.md: %d columns where fault, effect, rule and test are wanted: %s", len(columns), line)
			continue
		}
		names := named.FindAllStringSubmatch(columns[3], -1)
		if len(names) == 0 {
			t.Errorf("docs/reliability.md: the row %q names no test", columns[0])
		}
		for _, n := range names {
			if !known[n[1]] {
				t.Errorf("docs/reliability.md: %s, of the row %q, is no test of the tree", n[1], columns[0])
			}
		}
	}
	if rows == 0 {
		t.Error("docs/reliability.md has no row")
	}
}

// TestSecurityNamesRealTests does so with the promises of docs/security.md, and with every test that
// is named elsewhere in it.
func TestSecurityNamesRealTests(t *testing.T) {
	known := testFunctions(t)
	promises := false
	for line := range strings.Lines(read(t, "docs/security.md")) {
		promises = promises && strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| promise ")
		names := named.FindAllStringSubmatch(line, -1)
		if promises && len(names) == 0 && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| promise ") {
			t.Errorf("docs/security.md: a promise without a test: %s", line)
		}
		for _, n := range names {
			if !known[n[1]] {
				t.Errorf("docs/security.md: %s is no test of the tree", n[1])
			}
		}
	}
}

// testFunctions returns the names of all test functions, whatever their build tags.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	files(t, func(name string) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, m := range testHead.FindAllStringSubmatch(read(t, name), -1) {
			known[m[1]] = true
		}
	})
	return known
}
