// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

// A row of a comparison: one figure of both runs.
type row struct {
	Name, Figure string
	A, B         float64
	// More says that more is better.
	More bool
}

// Factor is B by A; NaN if there is none.
func (r row) Factor() float64 {
	if r.A == 0 {
		return math.NaN()
	}
	return r.B / r.A
}

// Verdict is empty for a difference within the noise of such a measurement, a tenth.
func (r row) Verdict() string {
	f := r.Factor()
	switch {
	case math.IsNaN(f) || math.Abs(f-1) < 0.1:
		return ""
	case f > 1 == r.More:
		return "better"
	}
	return "worse"
}

// rows are the figures that both runs have, load by load and then call by call.
func rows(a, b *load.Result) []row {
	var out []row
	pair := func(as, bs []load.Outcome) {
		for _, x := range as {
			for _, y := range bs {
				if x.Name == y.Name && x.Operations > 0 && y.Operations > 0 {
					out = append(out, figures(x, y)...)
				}
			}
		}
	}
	pair(a.Loads, b.Loads)
	pair(a.Calls, b.Calls)
	if a.Usage != nil && b.Usage != nil {
		kib := func(name string, x, y int64) {
			out = append(out, row{Name: "agent", Figure: name, A: float64(x) / 1024, B: float64(y) / 1024})
		}
		kib("memory before, MiB", a.Usage.BeforeKiB, b.Usage.BeforeKiB)
		kib("memory peak, MiB", a.Usage.PeakKiB, b.Usage.PeakKiB)
		kib("memory after, MiB", a.Usage.AfterKiB, b.Usage.AfterKiB)
		count := func(name string, x, y float64) {
			out = append(out, row{Name: "agent", Figure: name, A: x, B: y})
		}
		if a.Usage.PerHeldKiB != 0 {
			count("each held, KiB", a.Usage.PerHeldKiB, b.Usage.PerHeldKiB)
		}
		count("processor, %", a.Usage.CPUPercent, b.Usage.CPUPercent)
		count("threads, peak", float64(a.Usage.PeakThreads), float64(b.Usage.PeakThreads))
		count("descriptors, peak", float64(a.Usage.PeakDescriptors), float64(b.Usage.PeakDescriptors))
		count("descriptors, after", float64(a.Usage.AfterDescriptors), float64(b.Usage.AfterDescriptors))
	}
	return append(out, row{Name: "run", Figure: "failures", A: float64(a.Failed), B: float64(b.Failed)})
}

func figures(x, y load.Outcome) []row {
	out := []row{{Name: x.Name, Figure: "per second", A: x.Rate, B: y.Rate, More: true}}
	if x.Bytes > 0 {
		out = append(out, row{Name: x.Name, Figure: "MiB/s", A: x.MiBPerS, B: y.MiBPerS, More: true})
	}
	for _, f := range []struct {
		name string
		a, b float64
	}{
		{"p50 ms", x.Latency.P50, y.Latency.P50}, {"p90 ms", x.Latency.P90, y.Latency.P90},
		{"p99 ms", x.Latency.P99, y.Latency.P99}, {"max ms", x.Latency.Max, y.Latency.Max},
	} {
		out = append(out, row{Name: x.Name, Figure: f.name, A: f.a, B: f.b})
	}
	return out
}

// Compare writes two runs side by side. Names are those of the files.
func Compare(w io.Writer, a, b *load.Result, nameA, nameB string) error {
	fmt.Fprintf(w, "%s\n  %s: agent %s at %s\n  %s: agent %s at %s\n\n", title(a, b),
		nameA, a.Agent, a.Start.Format("2006-01-02 15:04:05"), nameB, b.Agent, b.Start.Format("2006-01-02 15:04:05"))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "what\tfigure\t%s\t%s\tfactor\t\n", nameA, nameB)
	last := ""
	for _, r := range rows(a, b) {
		name := r.Name
		if name == last {
			name = ""
		}
		last = r.Name
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", name, r.Figure, number(r.A), number(r.B), factor(r), r.Verdict())
	}
	return t.Flush()
}

// title warns of a comparison of different scenarios.
func title(a, b *load.Result) string {
	if a.Scenario.Name != b.Scenario.Name {
		return fmt.Sprintf("%s and %s (different scenarios)", a.Scenario.Name, b.Scenario.Name)
	}
	return a.Scenario.Name
}

func factor(r row) string {
	if f := r.Factor(); !math.IsNaN(f) {
		return fmt.Sprintf("x %.2f", f)
	}
	return ""
}

func number(v float64) string {
	if v == math.Trunc(v) {
		return fmt.Sprintf("%.0f", v)
	}
	return millis(v)
}
