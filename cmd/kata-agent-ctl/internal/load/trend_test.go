// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"
	"strings"
	"testing"
)

// grown are samples of a run of 800 s: figures that go up in the first half, and by the given numbers in the second.
func grown(memory int64, descriptors, goroutines int) []Sample {
	var out []Sample
	for at := range 41 {
		t := float64(at) * 20
		up := 0.0
		if t > 400 {
			up = (t - 400) / 400
		}
		s := Sample{T: t, AnonKiB: 1000, Descriptors: 100, Goroutines: 20, Threads: 8}
		if t < 400 {
			s.AnonKiB = int64(t) // how it comes to where it stays is no matter
		}
		s.AnonKiB += int64(up * float64(memory))
		s.Descriptors += int(up * float64(descriptors))
		s.Goroutines += int(up * float64(goroutines))
		out = append(out, s)
	}
	return append(out, Sample{T: 805, AnonKiB: 1 << 20}) // after the loads
}

func TestTrends(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []Sample
		level   float64
		want    []string
	}{
		{"level", grown(0, 0, 0), 2, nil},
		{"nobody asks", grown(500, 50, 50), 0, nil},
		{"a little", grown(15, 2, 0), 2, nil},
		{"one goroutine, which is more than 2 %", grown(0, 0, 1), 2, nil},
		{"memory", grown(100, 0, 0), 2, []string{"memory"}},
		{"descriptors and goroutines", grown(0, 5, 3), 2, []string{"descriptors", "goroutines"}},
		{"less is no fault", grown(-100, -20, -5), 2, nil},
	} {
		r := &Result{Scenario: &Scenario{Level: c.level}, Samples: c.samples, Seconds: 800}
		r.judge()
		var got []string
		for _, f := range r.Failures {
			got = append(got, strings.Fields(f)[1])
		}
		if !slices.Equal(got, c.want) || r.Failed != int64(len(c.want)) {
			t.Errorf("%s: %q, %d failed; want those of %q", c.name, r.Failures, r.Failed, c.want)
		}
		if (c.level > 0) != (len(r.Trends) == 4) {
			t.Errorf("%s: trends %v", c.name, r.Trends)
		}
	}
	if got := trends(nil, 10); got != nil {
		t.Errorf("without samples: %v", got)
	}
}
