// SPDX-License-Identifier: Apache-2.0

package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

// colours is how many the style sheet has.
const colours = 8

//go:embed page.html
var pageText string

// A page is one run, or two.
type page struct {
	Title  string
	About  string
	Runs   []*load.Result
	Names  []string
	Rows   []row    // of a comparison
	Unlike []string // why the two runs cannot be compared
	Charts []figure

	colourOf map[string]int
}

// A figure is a plot and what it shows.
type figure struct {
	Title, About string
	*chart
}

var functions = template.FuncMap{
	"ms": millis, "rate": rate, "mib": mib, "number": number, "factor": factor,
	"outcomes": func(r *load.Result) []load.Outcome { return append(append([]load.Outcome{}, r.Loads...), r.Calls...) },
}

// HTML writes one run as a page.
func HTML(w io.Writer, r *load.Result) error {
	return write(w, page{Title: r.Scenario.Name, About: r.Scenario.About, Runs: []*load.Result{r}, Names: []string{""}})
}

// CompareHTML writes two runs as a page.
func CompareHTML(w io.Writer, a, b *load.Result, nameA, nameB string) error {
	return write(w, page{
		Title: title(a, b), About: a.Scenario.About, Rows: rows(a, b), Unlike: unlike(a, b),
		Runs: []*load.Result{a, b}, Names: []string{nameA, nameB},
	})
}

func write(w io.Writer, p page) error {
	t, err := template.New("page").Funcs(functions).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	p.Charts = p.charts()
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// charts of all runs; those of two runs share a plot, so that they can be compared.
func (p *page) charts() []figure {
	var out []figure
	add := func(f figure) {
		for _, s := range f.series {
			if len(s.points) > 1 {
				out = append(out, f)
				return
			}
		}
	}
	p.colourOperations()
	add(figure{"Latency by percentile", "Each step to the right is ten times rarer.",
		&chart{unit: "ms", unitX: "%", percentile: true, log: true, series: p.curves()}})
	add(figure{"Latency over time", "The 99th percentile of each " + p.every() + ".",
		&chart{unit: "ms", log: true, series: p.points(func(_ *load.Result, x load.Point) float64 { return x.P99 }), marks: p.marks()}})
	add(figure{"Operations over time", "In each second.",
		&chart{unit: "1/s", series: p.points(perSecond), marks: p.marks()}})
	add(figure{"Memory of the agent", "Anonymous and shared memory of all its processes.",
		&chart{unit: "MiB", marks: p.marks(), series: p.samples("memory", func(s load.Sample) float64 { return float64(s.MemoryKiB()) / 1024 })}})
	add(figure{"Descriptors of the agent", "",
		&chart{unit: "open", marks: p.marks(), series: p.samples("descriptors", func(s load.Sample) float64 { return float64(s.Descriptors) })}})
	add(figure{"Goroutines of the agent", "", &chart{unit: "goroutines", marks: p.marks(), series: p.goroutines()}})
	add(figure{"Threads of the agent", "",
		&chart{unit: "threads", marks: p.marks(), series: p.samples("threads", func(s load.Sample) float64 { return float64(s.Threads) })}})
	add(figure{"Processor time of the agent", "100 is one processor.", &chart{unit: "%", marks: p.marks(), series: p.processor()}})
	return out
}

// colourOperations gives each operation its colour, whatever plots and runs it is in.
func (p *page) colourOperations() {
	p.colourOf = map[string]int{}
	for _, r := range p.Runs {
		for _, o := range r.Loads {
			p.colour(o.Name)
		}
	}
}

// colour of what a line shows: an operation, or a figure of the agent.
func (p *page) colour(what string) int {
	if _, ok := p.colourOf[what]; !ok {
		p.colourOf[what] = len(p.colourOf) % colours
	}
	return p.colourOf[what]
}

// line is an empty line of run i.
func (p *page) line(i int, what string) series {
	return series{name: p.name(i, what), colour: p.colour(what), run: i}
}

// name of a line: what it is, and of which run.
func (p *page) name(i int, what string) string {
	if p.Names[i] == "" {
		return what
	}
	return p.Names[i] + ": " + what
}

func (p *page) curves() []series {
	var out []series
	for i, r := range p.Runs {
		for _, o := range r.Loads {
			// How long a reader stalls is no latency of the agent.
			if len(o.Curve) > 0 && o.Kind != "stall" {
				line := p.line(i, o.Name)
				line.points = o.Curve
				out = append(out, line)
			}
		}
	}
	return out
}

// every is how long a point of a plot is.
func (p *page) every() string {
	if d := p.Runs[0].Scenario.Interval(); d != time.Second/2 {
		return d.String()
	}
	return "half second"
}

// perSecond is how many operations a point has in each second.
func perSecond(r *load.Result, x load.Point) float64 {
	return float64(x.Count) / r.Scenario.Interval().Seconds()
}

func (p *page) points(value func(*load.Result, load.Point) float64) []series {
	var out []series
	for i, r := range p.Runs {
		for _, o := range r.Loads {
			s := p.line(i, o.Name)
			for _, x := range o.Points {
				if x.Count > 0 {
					s.points = append(s.points, [2]float64{x.T, value(r, x)})
				}
			}
			if len(s.points) > 0 {
				out = append(out, s)
			}
		}
	}
	return out
}

func (p *page) samples(what string, value func(load.Sample) float64) []series {
	var out []series
	for i, r := range p.Runs {
		s := p.line(i, what)
		for _, x := range r.Samples {
			s.points = append(s.points, [2]float64{x.T, value(x)})
		}
		out = append(out, s)
	}
	return out
}

// goroutines are in the runs that have asked for them.
func (p *page) goroutines() []series {
	if !slices.ContainsFunc(p.Runs, func(r *load.Result) bool { return r.Scenario.Goroutines }) {
		return nil
	}
	return p.samples("goroutines", func(s load.Sample) float64 { return float64(s.Goroutines) })
}

func (p *page) processor() []series {
	var out []series
	for i, r := range p.Runs {
		s := p.line(i, "processor")
		for j := 1; j < len(r.Samples); j++ {
			a, b := r.Samples[j-1], r.Samples[j]
			// Two samples close together say nothing at a resolution of 10 ms.
			if took := b.T - a.T; took > 0.1 {
				s.points = append(s.points, [2]float64{b.T, (b.CPUSeconds - a.CPUSeconds) / took * 100})
			}
		}
		out = append(out, s)
	}
	return out
}

func (p *page) marks() []load.Mark {
	if len(p.Runs) == 1 {
		return p.Runs[0].Marks
	}
	return nil // those of two runs would be mistaken for one another
}
