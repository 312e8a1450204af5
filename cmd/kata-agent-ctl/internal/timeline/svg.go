// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Sizes in pixels.
const (
	width     = 1200
	margin    = 16
	labels    = 340 // width of the column with the names
	rowHeight = 20
	barHeight = 12
	charWidth = 6.5 // of the font at its size, on average
	lanes     = 8   // of the overview at most
)

const (
	barsLeft  = margin + labels
	barsWidth = width - margin - barsLeft - 70 // the rest is for the last time
)

const style = "text{font:11px sans-serif;fill:#222}.h{font-weight:bold;font-size:13px}.t{font-size:15px;font-weight:bold}" +
	".s{fill:#777}.e{fill:#b3261e}.g{stroke:#e4e4e4}.request{fill:#3f6fb5}.queue{fill:#e0a030}.step{fill:#4a9c6d}.failed{fill:#c5392f}"

// ErrEmpty says that there is no request to draw.
var ErrEmpty = errors.New("no span of a request")

// picture is the SVG that grows downwards.
type picture struct {
	bytes.Buffer
	y float64
}

// Draw writes the spans as an SVG.
func Draw(w io.Writer, spans []Span) error {
	tops := requests(spans)
	if len(tops) == 0 {
		return ErrEmpty
	}
	from, to := extent(tops)
	p := &picture{y: margin}
	p.title(tops, from, to)
	p.overview(tops, from, to)
	for _, top := range tops {
		p.panel(top, from)
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f">`+"\n"+
		`<style>%s</style>`+"\n"+`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n",
		width, p.y+margin, width, p.y+margin, style, p.Bytes())
	return err
}

// text writes words at x; class may be "".
func (p *picture) text(x float64, class, words string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" class="%s">%s</text>`+"\n", x, p.y+barHeight-1, class, escape(words))
}

func (p *picture) bar(x, w float64, n *node) {
	fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" class="%s"><title>%s</title></rect>`+"\n",
		x, p.y+1, max(w, 1.5), barHeight, class(n), escape(tip(n)))
}

func class(n *node) string {
	switch {
	case n.Failed:
		return "failed"
	case n.Request:
		return "request"
	case n.Name == "queue":
		return "queue"
	}
	return "step"
}

// tip is all that is known of a span, for those who point at it.
func tip(n *node) string {
	words := []string{n.Name + ", " + duration(n.End.Sub(n.Start))}
	for _, key := range slices.Sorted(maps.Keys(n.Attributes)) {
		words = append(words, key+": "+n.Attributes[key])
	}
	if n.Message != "" {
		words = append(words, n.Message)
	}
	return strings.Join(words, "\n")
}

func (p *picture) title(tops []*node, from, to time.Time) {
	p.text(margin, "t", fmt.Sprintf("%d requests in %s", len(tops), duration(to.Sub(from))))
	x := float64(barsLeft)
	for _, c := range []struct{ class, name string }{
		{"request", "request"}, {"queue", "waits for an actor"}, {"step", "step"}, {"failed", "failed"},
	} {
		fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="12" height="%d" rx="2" class="%s"/>`+"\n", x, p.y+1, barHeight, c.class)
		p.text(x+17, "", c.name)
		x += 40 + charWidth*float64(len(c.name))
	}
	p.y += 1.5 * rowHeight
}

// overview shows all requests on the time of the pod, those at the same time below one another.
func (p *picture) overview(tops []*node, from, to time.Time) {
	var until [lanes]time.Time
	used := 1
	s := scale{from, to.Sub(from)}
	lane := make([]int, len(tops))
	for i, n := range tops {
		for lane[i] < lanes-1 && until[lane[i]].After(n.Start) {
			lane[i]++
		}
		until[lane[i]] = n.End
		used = max(used, lane[i]+1)
	}
	p.axis(s, used)
	p.text(margin, "h", "all requests")
	top := p.y
	for i, n := range tops {
		p.y = top + float64(lane[i]*rowHeight)
		p.bar(s.x(n.Start), s.width(n), n)
	}
	p.y = top + float64(used*rowHeight) + rowHeight
}

// panel shows a request with its steps.
func (p *picture) panel(top *node, from time.Time) {
	rows := 0
	top.walk(0, func(n *node, _ int) {
		if rows++; n.Failed && n.Message != "" {
			rows++
		}
	})
	start, end := extent([]*node{top})
	s := scale{start, end.Sub(start)}
	p.text(margin, "h", clip(strings.TrimSpace(top.Name+" "+top.what()), labels/charWidth))
	p.text(barsLeft, "s", "at +"+duration(top.Start.Sub(from)))
	p.y += rowHeight
	p.axis(s, rows)
	top.walk(0, func(n *node, depth int) { p.row(s, n, depth) })
	p.y += rowHeight
}

func (p *picture) row(s scale, n *node, depth int) {
	indent := float64(depth * 14)
	p.text(margin+indent, "", clip(n.label(), (labels-indent-8)/charWidth))
	x, w := s.x(n.Start), s.width(n)
	p.bar(x, w, n)
	p.text(x+w+6, "", duration(n.End.Sub(n.Start)))
	p.y += rowHeight
	if n.Failed && n.Message != "" {
		p.text(barsLeft, "e", clip(n.Message, (width-margin-barsLeft)/charWidth))
		p.y += rowHeight
	}
}

// scale maps times to places.
type scale struct {
	from   time.Time
	length time.Duration
}

func (s scale) at(d time.Duration) float64 {
	if s.length <= 0 {
		return barsLeft
	}
	return barsLeft + barsWidth*float64(d)/float64(s.length)
}

func (s scale) x(t time.Time) float64       { return s.at(t.Sub(s.from)) }
func (s scale) width(n *node) float64       { return max(s.x(n.End)-s.x(n.Start), 0) }
func (s scale) every() (step time.Duration) { return roundStep(s.length / 6) }

// axis writes times, and lines through the rows below them.
func (p *picture) axis(s scale, rows int) {
	for d := time.Duration(0); d <= s.length; d += s.every() {
		x := s.at(d)
		fmt.Fprintf(p, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="g"/>`+"\n", x, p.y+barHeight+2, x, p.y+float64((rows+1)*rowHeight))
		p.text(x+2, "s", duration(d))
	}
	p.y += rowHeight
}

// roundStep is the next of 1, 2, 5, 10, 20... above d.
func roundStep(d time.Duration) time.Duration {
	for base := time.Duration(1); ; base *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*base >= d {
				return n * base
			}
		}
	}
}

// duration has three digits.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d >= time.Microsecond:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%d ns", d.Nanoseconds())
}

// clip shortens words to n characters.
func clip(words string, n float64) string {
	r := []rune(strings.ReplaceAll(words, "\n", " "))
	if len(r) <= int(n) {
		return string(r)
	}
	return string(r[:max(int(n)-1, 0)]) + "…"
}

func escape(words string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(words)) // a Builder takes everything
	return b.String()
}
