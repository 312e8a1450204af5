// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Trend is how a figure of the agent has moved over the second half of a run: the median of that
// half's first quarter, and that of its last.
type Trend struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit,omitempty"`
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	Percent float64 `json:"percent"` // by which it has grown
}

// String is the trend in words.
func (t Trend) String() string {
	return fmt.Sprintf("%s %.6g to %.6g%s (%+.1f %%)", t.Name, t.Before, t.After, t.Unit, t.Percent)
}

// figures are what trends are looked for in. One that was never seen has none.
var figures = []struct {
	name, unit string
	of         func(Sample) float64
}{
	{"memory", " MiB", func(s Sample) float64 { return float64(s.MemoryKiB()) / 1024 }},
	{"descriptors", "", func(s Sample) float64 { return float64(s.Descriptors) }},
	{"goroutines", "", func(s Sample) float64 { return float64(s.Goroutines) }},
	{"threads", "", func(s Sample) float64 { return float64(s.Threads) }},
}

// trends of the samples up to a moment, in seconds.
func trends(samples []Sample, end float64) []Trend {
	const quarter = 1.0 / 8 // of the second half
	var out []Trend
	for _, f := range figures {
		var before, after []float64
		for _, s := range samples {
			switch at := s.T / end; {
			case at >= 0.5 && at < 0.5+quarter:
				before = append(before, f.of(s))
			case at >= 1-quarter && at <= 1:
				after = append(after, f.of(s))
			}
		}
		if a, b := median(before), median(after); a > 0 {
			out = append(out, Trend{f.name, f.unit, a, b, (b - a) / a * 100})
		}
	}
	return out
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// judge notes the trends, where the scenario asks for them, and those that are failures: what grows by more
// than its level and by more than one, which is the least that a number of things can grow by.
func (r *Result) judge() {
	if r.Scenario.Level <= 0 {
		return
	}
	r.Trends = trends(r.Samples, r.Seconds)
	for _, t := range r.Trends {
		if t.Percent > r.Scenario.Level && (t.Unit != "" || t.After-t.Before > 1) {
			r.Failed++
			r.Failures = append(r.Failures, fmt.Sprintf("agent: %s, more than %g %%", t, r.Scenario.Level))
		}
	}
}

// total is in what the agent says of its goroutines.
var total = regexp.MustCompile(`total (\d+)`)

// goroutines is how many the agent has; 0 if it does not tell.
func (e *env) goroutines() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(e.scenario.Timeout))
	defer cancel()
	text, err := e.client(0).Diagnostic(ctx, "goroutines")
	if err != nil {
		e.fail("goroutines", err)
		return 0
	}
	m := total.FindStringSubmatch(text)
	if m == nil {
		e.fail("goroutines", fmt.Errorf("no total in %.200q", text))
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits
	return n
}
