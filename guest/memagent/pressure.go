// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sample is how long tasks had waited at a time. The zero sample is none.
type sample struct {
	stalled time.Duration
	at      time.Time
}

// percentSince is the share of the time since an earlier sample that was waited: 0 without
// one. It may be above 100, since waits for memory and for input and output are added.
func (s sample) percentSince(before sample) uint64 {
	took := s.at.Sub(before.at)
	if before.at.IsZero() || took <= 0 || s.stalled <= before.stalled {
		return 0
	}
	return uint64(float64(s.stalled-before.stalled) * 100 / float64(took))
}

// pressure takes a sample of the cgroup at dir. A kernel that does not count by cgroup, as
// with cgroup v1 ("" then), gives that of the whole guest.
func (p Places) pressure(dir string, now func() time.Time) (sample, error) {
	if dir != "" {
		if stalled, err := stalls(filepath.Join(dir, "memory.pressure"), filepath.Join(dir, "io.pressure")); err == nil {
			return sample{stalled, now()}, nil
		}
	}
	stalled, err := stalls(filepath.Join(p.Proc, "pressure/memory"), filepath.Join(p.Proc, "pressure/io"))
	if err != nil {
		return sample{}, fmt.Errorf("%w: no pressure stall information (psi=1): %w", ErrMissing, err)
	}
	return sample{stalled, now()}, nil
}

// stalls adds up how long some task has waited, over files of pressure.
func stalls(files ...string) (sum time.Duration, _ error) {
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		_, total, found := strings.Cut(line, "total=")
		micros, err := strconv.ParseInt(total, 10, 64)
		if !found || err != nil || !strings.HasPrefix(line, "some ") {
			return 0, fmt.Errorf("%s begins with %q, no sum of waits", name, line)
		}
		sum += time.Duration(micros) * time.Microsecond
	}
	return sum, nil
}
