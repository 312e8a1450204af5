// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/test/guard"
)

// Lines are those of the log so far that have all of the words.
func (a *Agent) Lines(words ...string) (lines []string) {
line:
	for line := range strings.Lines(a.log.whole()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue line
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// UntilLogged waits until so many lines of the log have all of the words. The log has a writer of its
// own: what an answered call has logged may come after the answer.
func (a *Agent) UntilLogged(count int, words ...string) {
	a.tb.Helper()
	ok := guard.Holds(func() bool { return len(a.Lines(words...)) >= count })
	if n := len(a.Lines(words...)); !ok || n > count {
		a.tb.Errorf("%d lines of the log have %s, want %d:\n%s", n, fmt.Sprintf("%q", words), count, a.Log())
	}
}

// Warnings are the lines of the log so far that warn, and worse. That a turn was slow is not among
// them: it is said of a machine that others keep busy.
func (a *Agent) Warnings() (lines []string) {
	for _, level := range []string{"WARN", "ERRO", "CRIT"} {
		for _, line := range a.Lines(`"level":"` + level + `"`) {
			if !strings.Contains(line, `"msg":"slow turn"`) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
