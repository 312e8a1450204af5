// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"strings"
	"sync"
)

const (
	// recentLines is how many warnings and errors are remembered, and recentBytes how much of each.
	recentLines = 128
	recentBytes = 2 << 10
)

// Recent remembers the last lines of the level warning and above. The zero value is ready.
type Recent struct {
	mu    sync.Mutex
	lines []string // the oldest is at next once there are recentLines of them
	next  int
}

func (r *Recent) add(line []byte) {
	text := strings.TrimSuffix(string(line[:min(len(line), recentBytes)]), "\n")
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < recentLines {
		r.lines = append(r.lines, text)
		return
	}
	r.lines[r.next] = text
	r.next = (r.next + 1) % recentLines
}

// Text is the lines, the oldest first. One that was too long has lost its end.
func (r *Recent) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text strings.Builder
	for i := range r.lines {
		text.WriteString(r.lines[(r.next+i)%len(r.lines)])
		text.WriteByte('\n')
	}
	return text.String()
}
