// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
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
	// Noise is by how much two runs of one agent may differ, as a part of the figure; 0 is a tenth.
	// anyNoise is a figure that says nothing of the agent by a single run.
	Noise float64
	// Unlike runs get no verdict.
	Unlike bool
}

// anyNoise is that of a figure that a single event can change, such as a maximum.
const anyNoise = -1

// leastNoise is that of any figure: a tenth.
const leastNoise = 0.1

// Factor is B by A; NaN if there is none.
func (r row) Factor() float64 {
	if r.A == 0 {
		return math.NaN()
	}
	return r.B / r.A
}

// Verdict is empty for a difference within the noise of the measurement.
func (r row) Verdict() string {
	f := r.Factor()
	noise := max(r.Noise, leastNoise)
	switch {
	case r.Unlike, r.Noise == anyNoise, math.IsNaN(f), f > 1/(1+noise) && f < 1+noise:
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
			out = append(out, row{Name: "agent", Figure: name, A: float64(x) / 1024, B: float64(y) / 1024, Noise: max(roughly, part(0.5, float64(x)/1024))})
		}
		kib("memory before, MiB", a.Usage.BeforeKiB, b.Usage.BeforeKiB)
		kib("memory peak, MiB", a.Usage.PeakKiB, b.Usage.PeakKiB)
		kib("memory after, MiB", a.Usage.AfterKiB, b.Usage.AfterKiB)
		count := func(name string, x, y float64) {
			out = append(out, row{Name: "agent", Figure: name, A: x, B: y, Noise: max(roughly, part(2, x))})
		}
		if a.Usage.PerHeldKiB != 0 {
			out = append(out, row{Name: "agent", Figure: "each held, KiB", A: a.Usage.PerHeldKiB, B: b.Usage.PerHeldKiB, Noise: roughly})
		}
		count("processor, %", a.Usage.CPUPercent, b.Usage.CPUPercent)
		count("threads, peak", float64(a.Usage.PeakThreads), float64(b.Usage.PeakThreads))
		count("descriptors, peak", float64(a.Usage.PeakDescriptors), float64(b.Usage.PeakDescriptors))
		count("descriptors, after", float64(a.Usage.AfterDescriptors), float64(b.Usage.AfterDescriptors))
	}
	out = append(out, row{Name: "run", Figure: "failures", A: float64(a.Failed), B: float64(b.Failed)})
	for i, reasons := 0, unlike(a, b); i < len(out) && len(reasons) > 0; i++ {
		out[i].Unlike = true
	}
	return out
}

// roughly is the noise of figures of the agent as a whole: each is of some moments of the run, between two
// collections of garbage or beside whatever else the machine did.
const roughly = 0.4

// part is a difference as a part of a figure: some tenths of a MiB or a thread more say nothing.
func part(difference, figure float64) float64 {
	if figure <= 0 {
		return math.Inf(1)
	}
	return difference / figure
}

// unlike says why two runs cannot be compared: other work, another machine, or one that had other
// things to do.
func unlike(a, b *load.Result) []string {
	var why []string
	if x, y := scenario(a), scenario(b); x != y {
		why = append(why, "the scenarios differ")
	}
	if a.Machine.CPUs != b.Machine.CPUs || a.Machine.Kernel != b.Machine.Kernel {
		why = append(why, fmt.Sprintf("%d processors and Linux %s, then %d and %s", a.Machine.CPUs, a.Machine.Kernel, b.Machine.CPUs, b.Machine.Kernel))
	}
	cpus := float64(max(a.Machine.CPUs, 1))
	if x, y := a.Machine.Load, b.Machine.Load; math.Abs(x-y) > cpus || max(x, y) > busy*cpus {
		why = append(why, fmt.Sprintf("the load averages before them were %.1f and %.1f on %d processors", x, y, a.Machine.CPUs))
	}
	return why
}

// busy is the load average for each processor from which on a machine has too much else to do. The run
// before leaves up to one.
const busy = 2

func scenario(r *load.Result) string {
	text, _ := json.Marshal(r.Scenario) // was read from JSON: cannot fail
	return string(text)
}

// Fewer intervals or operations than these say nothing of the next run; a tail needs more.
const (
	fewPoints     = 6
	fewForRate    = 20
	fewOperations = 100
	fewForTail    = 1000
)

// spread is by how much a figure's mean over a run is uncertain, as a part of it: five standard errors
// of its values in the intervals of the run, of which the first and the last are not whole. Five and not three, since
// what disturbs a machine lasts longer than one interval.
func spread(o load.Outcome, value func(load.Point) float64) float64 {
	var sum, squares float64
	points := o.Points[1 : len(o.Points)-1]
	for _, p := range points {
		sum += value(p)
		squares += value(p) * value(p)
	}
	n := float64(len(points))
	mean := sum / n
	if mean <= 0 {
		return math.Inf(1) // all of it in an interval that is left out
	}
	return 5 * math.Sqrt(max(squares/n-mean*mean, 0)/n) / mean
}

// noise is the spread of two runs' difference; anyNoise if there are fewer operations than least.
func noise(x, y load.Outcome, least int64, value func(load.Point) float64) float64 {
	if min(x.Operations, y.Operations) < least || min(len(x.Points), len(y.Points)) < fewPoints {
		return anyNoise
	}
	return math.Hypot(spread(x, value), spread(y, value))
}

func figures(x, y load.Outcome) []row {
	rates := noise(x, y, fewForRate, func(p load.Point) float64 { return float64(p.Count) })
	medians := noise(x, y, fewOperations, func(p load.Point) float64 { return p.P50 })
	tails := noise(x, y, fewForTail, func(p load.Point) float64 { return p.P99 })
	out := []row{{Name: x.Name, Figure: "per second", A: x.Rate, B: y.Rate, More: true, Noise: rates}}
	if x.Bytes > 0 {
		out = append(out, row{Name: x.Name, Figure: "MiB/s", A: x.MiBPerS, B: y.MiBPerS, More: true, Noise: rates})
	}
	for _, f := range []struct {
		name        string
		a, b, noise float64
	}{
		{"p50 ms", x.Latency.P50, y.Latency.P50, medians}, {"p90 ms", x.Latency.P90, y.Latency.P90, tails},
		{"p99 ms", x.Latency.P99, y.Latency.P99, tails}, {"max ms", x.Latency.Max, y.Latency.Max, anyNoise},
	} {
		out = append(out, row{Name: x.Name, Figure: f.name, A: f.a, B: f.b, Noise: f.noise})
	}
	return out
}

// Compare writes two runs side by side. Names are those of the files.
func Compare(w io.Writer, a, b *load.Result, nameA, nameB string) error {
	fmt.Fprintln(w, title(a, b))
	for _, r := range []struct {
		name string
		*load.Result
	}{{nameA, a}, {nameB, b}} {
		fmt.Fprintf(w, "  %s: agent %s at %s, load average %.1f on %d processors\n", r.name, r.Agent,
			r.Start.Format("2006-01-02 15:04:05"), r.Machine.Load, r.Machine.CPUs)
	}
	for _, why := range unlike(a, b) {
		fmt.Fprintf(w, "  not comparable: %s\n", why)
	}
	fmt.Fprintln(w)
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
