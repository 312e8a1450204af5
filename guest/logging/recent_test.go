// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// TestRecent: the last warnings and errors are kept, bounded in number and length.
func TestRecent(t *testing.T) {
	q := NewQueue(1<<20, io.Discard)
	defer q.Close(t.Context())
	recent := &Recent{}
	log := New(q, zap.NewAtomicLevelAt(zap.InfoLevel), 1, recent)
	if got := recent.Text(); got != "" {
		t.Errorf("at first %q, want nothing", got)
	}
	for i := range 3 * recentLines / 2 {
		log.Info("fine")
		log.With(zap.Int("a", 1)).Warn(fmt.Sprintf("fault %d", i))
	}
	log.Error(strings.Repeat("long ", recentBytes))
	lines := strings.Split(strings.TrimSuffix(recent.Text(), "\n"), "\n")
	if len(lines) != recentLines {
		t.Fatalf("%d lines, want %d", len(lines), recentLines)
	}
	first, last := lines[0], lines[recentLines-1]
	if want := fmt.Sprintf("fault %d", recentLines/2+1); !strings.Contains(first, `"`+want+`"`) {
		t.Errorf("the oldest is %q, want %q", first, want)
	}
	if len(last) != recentBytes || !strings.Contains(last, "long long") {
		t.Errorf("the newest has %d bytes, want the first %d of a long line", len(last), recentBytes)
	}
}
