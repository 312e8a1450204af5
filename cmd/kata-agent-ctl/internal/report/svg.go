// SPDX-License-Identifier: Apache-2.0

package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

//go:embed plots.svg
var plotsText string

// A picture is the plots of one run below one another.
type picture struct {
	Title         string
	Width, Height float64
	Plots         []plot
}

// A plot is a figure with its place.
type plot struct {
	figure
	Y float64
}

// Room for a plot with its title and its legend, and for the head of a picture.
const (
	plotRoom = height + 56
	headRoom = 36.0
)

// SVG writes the plots of one run as a picture.
func SVG(w io.Writer, r *load.Result) error {
	p := page{Runs: []*load.Result{r}, Names: []string{""}}
	d := picture{Title: r.Scenario.Name, Width: width}
	for i, f := range p.charts() {
		d.Plots = append(d.Plots, plot{f, headRoom + float64(i)*plotRoom})
	}
	d.Height = headRoom + float64(len(d.Plots))*plotRoom
	t, err := template.New("plots").Parse(plotsText)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, d); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// A key is one line's name in a legend.
type key struct {
	Colour int
	Class  string
	X      float64
	Name   string
}

// Keys are the legend, side by side: a letter is some seven units wide.
func (c *chart) Keys() []key {
	var out []key
	x := left
	for _, s := range c.series {
		out = append(out, key{s.colour, s.dashed(), x, s.name})
		x += 30 + 7*float64(len(s.name))
	}
	return out
}
