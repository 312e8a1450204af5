// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

// Size of a plot and of the space around it for numbers, in SVG units.
const (
	width, height  = 720.0, 240.0
	left, right    = 56.0, 28.0
	top, bottom    = 12.0, 28.0
	plotWidth      = width - left - right
	plotHeight     = height - top - bottom
	ticksX, ticksY = 8, 5
	nines          = 5 // of a percentile axis: up to 99.999
	smallest       = 1e-3
)

// A series is one line of a plot.
type series struct {
	name   string
	colour int // of what it shows, the same in all plots of a page
	run    int // 0, or 1 for the second of two: dashed
	points [][2]float64
}

// A chart is a plot with linear axes from zero, or with an axis of percentiles on which 90, 99 and
// 99.9 are equally far from one another.
type chart struct {
	unit       string // of the values
	unitX      string // of the horizontal axis; "" is seconds
	series     []series
	marks      []load.Mark
	percentile bool
	log        bool // values by their logarithm
}

// x is the place of a value on the horizontal axis, 0 to 1.
func (c *chart) x(v, limit float64) float64 {
	if c.percentile {
		return min(-math.Log10(max(1-v/100, math.Pow10(-nines)))/nines, 1)
	}
	return v / limit
}

// y is the place on the vertical axis, 0 to 1.
func (c *chart) y(v, low, limit float64) float64 {
	if c.log {
		return (math.Log10(max(v, low)) - math.Log10(low)) / max(math.Log10(limit)-math.Log10(low), 1e-9)
	}
	return v / limit
}

// bounds are the ends of the axes.
func (c *chart) bounds() (limitX, low, limitY float64) {
	limitX, low, limitY = smallest, math.Inf(1), smallest
	for _, s := range c.series {
		for _, p := range s.points {
			limitX, limitY = max(limitX, p[0]), max(limitY, p[1])
			if p[1] > 0 {
				low = min(low, p[1])
			}
		}
	}
	if c.log {
		low = math.Pow10(int(math.Floor(math.Log10(max(min(low, limitY), smallest)))))
		return limitX, low, math.Pow10(int(math.Ceil(math.Log10(limitY * 1.0001))))
	}
	return limitX, 0, nice(limitY)
}

// nice is the next number of the form 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v))))
	for _, f := range []float64{1, 2, 5} {
		if v <= f*power {
			return f * power
		}
	}
	return 10 * power
}

// SVG draws the plot as a part of a page.
func (c *chart) SVG() template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g" role="img">`, width, height)) + c.Content() + "</svg>"
}

// Content is the plot at the origin of whatever it becomes a part of.
func (c *chart) Content() template.HTML {
	limitX, low, limitY := c.bounds()
	var b strings.Builder
	px := func(v float64) float64 { return left + c.x(v, limitX)*plotWidth }
	py := func(v float64) float64 { return top + plotHeight - c.y(v, low, limitY)*plotHeight }
	for _, v := range c.valuesY(low, limitY) {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, width-right, py(v), py(v))
		fmt.Fprintf(&b, `<text x="%g" y="%.1f" text-anchor="end">%s</text>`, left-6, py(v)+4, label(v))
	}
	for _, v := range c.valuesX(limitX) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, px(v), height-bottom+16, label(v))
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%s</text>`, width-2, height-bottom+16, c.UnitX())
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%s</text>`, left-6, top-2, template.HTMLEscapeString(c.unit))
	c.drawMarks(&b, px, limitX)
	for _, s := range c.series {
		var path strings.Builder
		for j, p := range s.points {
			command := 'L'
			if j == 0 {
				command = 'M'
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", command, px(p[0]), py(p[1]))
		}
		fmt.Fprintf(&b, `<path class="s%d%s" d="%s"><title>%s</title></path>`, s.colour, s.dashed(), path.String(), template.HTMLEscapeString(s.name))
	}
	return template.HTML(b.String()) // numbers, and names that were escaped
}

func (c *chart) valuesX(limit float64) []float64 {
	if c.percentile {
		return []float64{0, 50, 90, 99, 99.9, 99.99, 99.999}
	}
	step := nice(limit / ticksX)
	var out []float64
	for v := 0.0; v <= limit*1.001; v += step {
		out = append(out, v)
	}
	return out
}

func (c *chart) valuesY(low, limit float64) []float64 {
	var out []float64
	if c.log {
		for v := low; v <= limit*1.001; v *= 10 {
			out = append(out, v)
		}
		return out
	}
	for i := range ticksY + 1 {
		out = append(out, limit*float64(i)/ticksY)
	}
	return out
}

// label is a number on an axis.
func label(v float64) string { return fmt.Sprintf("%.6g", v) }

// drawMarks draws the moments of a run, each with its name beside its line. Names of moments that
// are close together stand below one another.
func (c *chart) drawMarks(b *strings.Builder, px func(float64) float64, limitX float64) {
	const line, near = 12.0, 130.0
	lastX, y := math.Inf(-1), top
	for _, m := range c.marks {
		if m.T < 0 || m.T > limitX {
			continue
		}
		x := px(m.T)
		if x-lastX > near {
			y = top
		}
		lastX, y = x, min(y+line, top+plotHeight)
		anchor, at := "start", x+3
		if x > left+plotWidth*0.75 {
			anchor, at = "end", x-3
		}
		fmt.Fprintf(b, `<line class="mark" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, x, x, top, top+plotHeight)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, at, y, anchor, template.HTMLEscapeString(m.Name))
	}
}

// Legend names the lines with their colours.
func (c *chart) Legend() template.HTML {
	var b strings.Builder
	for _, s := range c.series {
		fmt.Fprintf(&b, `<span class="key"><i class="k%d%s"></i>%s</span> `, s.colour, s.dashed(), template.HTMLEscapeString(s.name))
	}
	return template.HTML(b.String()) // names were escaped
}

// dashed is the class of a line of the second run.
func (s series) dashed() string {
	if s.run > 0 {
		return " dashed"
	}
	return ""
}

// UnitX is what the horizontal axis counts.
func (c *chart) UnitX() string {
	if c.unitX == "" {
		return "s"
	}
	return c.unitX
}

// Unit is what the vertical axis counts.
func (c *chart) Unit() string { return c.unit }
