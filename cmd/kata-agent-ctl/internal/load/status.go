// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"strings"
	"time"
)

// Status is how far a run is.
type Status struct {
	Elapsed time.Duration
	Loads   []LoadStatus
	Latest  *Sample // of the agent; nil if it is not watched
	Failed  int64
}

// LoadStatus is how far one load is.
type LoadStatus struct {
	Name  string
	Done  int64
	Of    int // 0 if there is no count
	Open  int64
	Rate  float64 // operations in a second, of late
	P99   float64 // milliseconds, of late
	Bytes int64
}

func (e *env) status() Status {
	s := Status{Elapsed: time.Since(e.start), Failed: e.failed.Load()}
	for _, l := range e.loads {
		l.main.mu.Lock()
		ls := LoadStatus{
			Name: l.Name, Done: l.main.all.TotalCount(), Of: l.Count, Open: l.active.Load(), Bytes: l.main.bytes,
		}
		if n := len(l.main.points); n > 0 {
			ls.Rate = float64(l.main.points[n-1].Count) / e.scenario.Interval().Seconds()
			ls.P99 = l.main.points[n-1].P99
		}
		l.main.mu.Unlock()
		s.Loads = append(s.Loads, ls)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.samples); n > 0 {
		latest := e.samples[n-1]
		s.Latest = &latest
	}
	return s
}

// String is the status on one line.
func (s Status) String() string {
	var parts []string
	for _, l := range s.Loads {
		text := fmt.Sprintf("%s %d", l.Name, l.Done)
		if l.Of > 0 {
			text += fmt.Sprintf("/%d", l.Of)
		}
		if l.Rate > 0 {
			text += fmt.Sprintf(" %.0f/s p99 %.1f ms", l.Rate, l.P99)
		}
		if l.Open > 0 {
			text += fmt.Sprintf(" (%d open)", l.Open)
		}
		if l.Bytes > 1<<20 {
			text += " " + Size(l.Bytes).String()
		}
		parts = append(parts, text)
	}
	if a := s.Latest; a != nil {
		parts = append(parts, fmt.Sprintf("agent %s, %d fds, %d threads",
			Size(a.MemoryKiB()<<10), a.Descriptors, a.Threads))
	}
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d FAILED", s.Failed))
	}
	return fmt.Sprintf("%5.1f s  %s", s.Elapsed.Seconds(), strings.Join(parts, " | "))
}
