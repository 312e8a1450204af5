// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wall is what takes the monotonic reading off a time, or names a clock that hosts set.
var wall = regexp.MustCompile(`\btime\.Unix(Milli|Micro)?\(|\.Unix(Nano|Milli|Micro)?\(\)|\.Round\(0\)|CLOCK_REALTIME\b|\btime\(NULL\)|\bgettimeofday\(`)

// TestTimeIsMonotonic: the host sets the guest's clock after every resume, so the agent measures by
// the monotonic one. Where a time of the wall clock is meant, a comment "wall: " says what for.
func TestTimeIsMonotonic(t *testing.T) {
	files(t, func(name string) {
		c := strings.HasSuffix(name, ".c") || strings.HasSuffix(name, ".h")
		if !c && (filepath.Ext(name) != ".go" || ofTests(name)) {
			return
		}
		if !within(name, "actors") && !within(name, "rpc") && !within(name, "guest") && !within(name, "cmd/kata-agent") {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if wall.MatchString(line) && !strings.Contains(line, "wall: ") {
				t.Errorf("%s:%d: a time of the wall clock: %s", name, n+1, strings.TrimSpace(line))
			}
		}
	})
}
