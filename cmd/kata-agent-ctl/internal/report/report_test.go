// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
)

// result is a run with everything in it; slow makes it that many times slower.
func result(slow float64) *load.Result {
	return &load.Result{
		Scenario: &load.Scenario{Name: "many <sessions>", About: "a & b"}, Agent: "1.0", Address: "unix:///a", Start: time.Unix(0, 0),
		Loads: []load.Outcome{
			{
				Name: "exec", Kind: "exec", Operations: 2000, Rate: 50 / slow, Bytes: 1 << 20, MiBPerS: 3,
				Latency: load.Latency{P50: 1 * slow, P90: 2 * slow, P99: 3 * slow, Max: 10 * slow},
				Curve:   [][2]float64{{0, 0.5}, {50, slow}, {99, 3 * slow}, {100, 10 * slow}},
				Points:  points(slow),
			},
			{Name: "stall", Kind: "stall", Operations: 1, Curve: [][2]float64{{0, 20000}, {100, 20000}}},
		},
		Calls: []load.Outcome{{Name: "Check", Operations: 5, Latency: load.Latency{P50: 1}}},
		Usage: &load.Usage{BeforeKiB: 1024, PeakKiB: int64(4096 * slow), AfterKiB: 2048, PerHeldKiB: 5, PeakThreads: 9, PeakDescriptors: 40},
		Samples: []load.Sample{
			{T: 0, AnonKiB: 1000, CPUSeconds: 1}, {T: 0.5, AnonKiB: 3000, CPUSeconds: 1.4}, {T: 1, AnonKiB: 2000, CPUSeconds: 1.5},
		},
		Marks: []load.Mark{{T: 0.7, Name: "hold: <5> held"}},
	}
}

// points are those of a steady run, and an interval in which nothing happened.
func points(slow float64) []load.Point {
	var out []load.Point
	for i := range 10 {
		out = append(out, load.Point{T: float64(i+1) / 10, Count: 100, P50: slow, P99: 3 * slow})
	}
	return append(out, load.Point{T: 1.2})
}

var drawing = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// checkDrawings parses the plots of a page and looks whether all they draw is inside of them.
func checkDrawings(t *testing.T, page string, want int) {
	t.Helper()
	all := drawing.FindAllString(page, -1)
	if len(all) != want {
		t.Errorf("%d plots, not %d", len(all), want)
	}
	coordinate := regexp.MustCompile(`[ML]([-0-9.]+) ([-0-9.]+)`)
	for _, svg := range all {
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
		points := coordinate.FindAllStringSubmatch(svg, -1)
		if len(points) < 2 {
			t.Errorf("nothing is drawn in %s", svg)
		}
		for _, p := range points {
			x, err1 := strconv.ParseFloat(p[1], 64)
			y, err2 := strconv.ParseFloat(p[2], 64)
			if err := errors.Join(err1, err2); err != nil || x < left-1 || x > width-right+1 || y < top-1 || y > height-bottom+1 {
				t.Errorf("point %s is outside: %v", p[0], err)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("no number in %s", svg)
		}
	}
}

func TestHTML(t *testing.T) {
	var out bytes.Buffer
	r := result(1)
	r.Failed, r.Failures = 1, []string{"exec: <lost>"}
	if err := HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	checkDrawings(t, page, 7)
	for _, text := range []string{"many &lt;sessions&gt;", "a &amp; b", "exec: &lt;lost&gt;", "hold: &lt;5&gt; held", "4.0 MiB", "5.0 KiB"} {
		if !strings.Contains(page, text) {
			t.Errorf("no %q in the page", text)
		}
	}
	if strings.Contains(page, "http") || strings.Contains(page, "<script") {
		t.Error("the page needs something else")
	}
}

// The picture is XML by itself, with every plot and every line's name.
func TestSVG(t *testing.T) {
	for plots, r := range map[int]*load.Result{7: result(1), 0: {Scenario: new(load.Scenario)}} {
		var out bytes.Buffer
		if err := SVG(&out, r); err != nil {
			t.Fatal(err)
		}
		found, text := 0, ""
		for d := xml.NewDecoder(&out); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				for _, a := range token.Attr {
					if a.Name.Local == "class" && a.Value == "title" {
						found++
					}
				}
			case xml.CharData:
				text += string(token)
			}
		}
		if found != plots || plots > 0 && !strings.Contains(text, "many <sessions>") {
			t.Errorf("%d plots, want %d:\n%s", found, plots, text)
		}
	}
}

// An agent that is not watched, and a run of which nothing is known, have pages too.
func TestHTMLOfLittle(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, &load.Result{Scenario: new(load.Scenario)}); err != nil {
		t.Fatal(err)
	}
	checkDrawings(t, out.String(), 0)
}

func TestCompare(t *testing.T) {
	a, b := result(1), result(2)
	b.Loads[0].MiBPerS = 3.1 // within the noise
	var out bytes.Buffer
	if err := Compare(&out, a, b, "old", "new"); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"exec per second 50 25 x 0.50 worse", "p50 ms 1 2 x 2.00 worse", "MiB/s 3 3.1 x 1.03 p50", "max ms 10 20 x 2.00 stall",
		"memory peak, MiB 4 8 x 2.00 worse", "memory before, MiB 1 1 x 1.00 memory", "failures 0 0", "load average 0.0 on 0 processors",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := CompareHTML(&out, b, a, "new", "old"); err != nil {
		t.Fatal(err)
	}
	checkDrawings(t, out.String(), 7)
	if !strings.Contains(out.String(), `class="better"`) {
		t.Error("nothing is better")
	}
}

// Other work, or a machine that had other things to do, makes no verdict.
func TestUnlikeRunsGetNoVerdict(t *testing.T) {
	for want, change := range map[string]func(*load.Result){
		"not comparable: the scenarios differ":                              func(r *load.Result) { r.Scenario = &load.Scenario{Name: r.Scenario.Name, Connections: 7} },
		"not comparable: the load averages before them were 0.0 and 3.5 on": func(r *load.Result) { r.Machine.Load = 3.5 },
		"not comparable: 0 processors and Linux":                            func(r *load.Result) { r.Machine.CPUs = 64 },
	} {
		a, b := result(1), result(2)
		change(b)
		var out, html bytes.Buffer
		if err := Compare(&out, a, b, "old", "new"); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, want) || strings.Contains(text, "worse") {
			t.Errorf("want %q and no verdict in\n%s", want, text)
		}
		if err := CompareHTML(&html, a, b, "old", "new"); err != nil || !strings.Contains(html.String(), "Not comparable") {
			t.Errorf("the page, %v, does not say %q", err, want)
		}
	}
}

// A single event makes a maximum, and a run that goes up and down an uncertain mean.
func TestNoiseOfARun(t *testing.T) {
	steady, rough := make([]load.Point, 20), make([]load.Point, 20)
	for i := range steady {
		steady[i] = load.Point{Count: 100, P50: 1, P99: 2}
		rough[i] = load.Point{Count: int64(50 + 100*(i%2)), P50: 1, P99: 2}
	}
	verdict := func(points []load.Point, factor float64) string {
		x := load.Outcome{Name: "x", Operations: 2000, Rate: 200, Points: points}
		y := load.Outcome{Name: "x", Operations: 2000, Rate: 200 * factor, Points: points}
		return figures(x, y)[0].Verdict()
	}
	for _, c := range []struct {
		points []load.Point
		factor float64
		want   string
	}{{steady, 1.05, ""}, {steady, 1.2, "better"}, {steady, 0.8, "worse"}, {rough, 1.2, ""}, {rough, 2, "better"}} {
		if got := verdict(c.points, c.factor); got != c.want {
			t.Errorf("counts of %d and %d, x %.2f: %q, want %q", c.points[1].Count, c.points[2].Count, c.factor, got, c.want)
		}
	}
}

// Three runs of one agent, recorded one after another on a machine that ran other tests too, come out as equal.
func TestRunsOfOneAgentAreEqual(t *testing.T) {
	var runs []*load.Result
	for _, name := range []string{"first", "second", "third"} {
		r, err := load.ReadResult("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	for i, a := range runs {
		for _, b := range append(runs[:i:i], runs[i+1:]...) {
			if why := unlike(a, b); len(why) > 0 {
				t.Errorf("not comparable: %v", why)
			}
			for _, r := range rows(a, b) {
				if v := r.Verdict(); v != "" {
					t.Errorf("%s, %s: %g and %g are called %s, want no word", r.Name, r.Figure, r.A, r.B, v)
				}
			}
		}
	}
}

// An operation has one colour in all plots and both runs; the second run is dashed. Moments and units are in
// the picture.
func TestOneColourForOneOperation(t *testing.T) {
	a, b := result(1), result(1)
	b.Loads = append([]load.Outcome{{Name: "first", Curve: [][2]float64{{0, 1}, {50, 2}}}}, b.Loads...)
	p := page{Runs: []*load.Result{a, b}, Names: []string{"old", "new"}}
	colour := map[string]int{}
	for _, f := range p.charts() {
		if f.unit == "" {
			t.Errorf("%s has no unit", f.Title)
		}
		for _, s := range f.series {
			run, what, _ := strings.Cut(s.name, ": ")
			if seen, ok := colour[what]; ok && seen != s.colour {
				t.Errorf("%s in %s has colour %d, elsewhere %d", s.name, f.Title, s.colour, seen)
			}
			colour[what] = s.colour
			if got := s.dashed() != ""; got != (run == "new") {
				t.Errorf("%s in %s: dashed is %v", s.name, f.Title, got)
			}
		}
	}
	if len(colour) < 5 || colour["exec"] == colour["first"] {
		t.Errorf("colours %v, want different ones for different things", colour)
	}
	var out bytes.Buffer
	if err := SVG(&out, result(1)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">hold: &lt;5&gt; held</text>", ">s</text>", ">MiB</text>", ">threads</text>"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the picture", want)
		}
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	r := result(1)
	r.Failed, r.Failures = 1, []string{"exec: lost"}
	if err := Text(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exec", "1.0 MiB before, 4.0 MiB at most, 2.0 MiB after; 5.0 KiB for each held", "failure: exec: lost", "failures: 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestNice(t *testing.T) {
	for v, want := range map[float64]float64{0.9: 1, 1: 1, 1.1: 2, 3: 5, 7: 10, 0.0003: 0.0005, 1234: 2000} {
		if got := nice(v); math.Abs(got-want) > want*1e-9 {
			t.Errorf("nice(%g) = %g, not %g", v, got, want)
		}
	}
}
