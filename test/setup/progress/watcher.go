// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// watcher follows the packages and tests of one go test.
type watcher struct {
	out      io.Writer
	results  *json.Encoder
	module   string // with a slash at its end
	packages map[string]*running
	begun    time.Time // when go test began
	spoke    time.Time // when something was printed last
}

// running is a package with tests that have not ended.
type running struct {
	begun time.Time
	tests map[string]*test
	said  strings.Builder // what belongs to no test: of TestMain, a panic's rest
}

type test struct {
	begun  time.Time
	output strings.Builder
}

func newWatcher(out, results io.Writer, module string, now time.Time) *watcher {
	return &watcher{out: out, results: json.NewEncoder(results), module: module + "/", packages: map[string]*running{}, begun: now, spoke: now}
}

// line takes one line of go test -json. What is no event, such as a download, is passed on.
func (w *watcher) line(line []byte, now time.Time) {
	e, ok := parse(line)
	if !ok {
		w.print(now, string(line))
		return
	}
	switch {
	case e.Action == "build-output":
		w.print(now, e.Output)
	case e.Package == "":
	case e.Test == "":
		w.ofPackage(e, now)
	default:
		w.ofTest(e, now)
	}
}

func (w *watcher) ofPackage(e event, now time.Time) {
	p := w.of(e.Package, now)
	switch e.Action {
	case "output":
		w.packageSaid(p, e.Output, now)
	case "pass", "fail", "skip":
		if e.Action == "fail" {
			w.print(now, w.unfinished(p)+p.said.String())
			if e.FailedBuild != "" {
				w.print(now, fmt.Sprintf("FAIL\t%s [build failed]\n", e.Package))
			}
		}
		w.record(result{Package: w.short(e.Package), Action: e.Action})
		delete(w.packages, e.Package)
	}
}

var resultLine = regexp.MustCompile(`^(ok  |FAIL|---)\t`)

// packageSaid prints the line with a package's result, and keeps the rest in case of a failure.
func (w *watcher) packageSaid(p *running, output string, now time.Time) {
	switch {
	case resultLine.MatchString(output):
		w.print(now, output)
	case output == "PASS\n" || output == "FAIL\n" || strings.Contains(output, "[no test files]"):
	default:
		p.said.WriteString(output)
	}
}

// unfinished is what those tests have said that had not ended when their package did.
func (w *watcher) unfinished(p *running) string {
	var b strings.Builder
	for _, name := range p.inOrder() {
		fmt.Fprintf(&b, "--- not ended: %s\n%s", name, p.tests[name].output.String())
	}
	return b.String()
}

func (w *watcher) ofTest(e event, now time.Time) {
	p := w.of(e.Package, now)
	t := p.tests[e.Test]
	if t == nil {
		t = &test{begun: now}
		p.tests[e.Test] = t
	}
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case "fail":
		w.print(now, fmt.Sprintf("== %s %s failed\n%s", w.short(e.Package), e.Test, said(t.output.String())))
		fallthrough
	case "pass", "skip", "bench":
		r := result{Package: w.short(e.Package), Test: e.Test, Action: e.Action}
		if e.Action != "pass" {
			r.Said = said(t.output.String())
		}
		w.record(r)
		delete(p.tests, e.Test)
	}
}

// said is a test's output without the lines with which the test framework frames it.
func said(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "=== ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// heartbeat names the test that has run longest in each package, if nothing was printed for a while.
func (w *watcher) heartbeat(now time.Time) {
	if now.Sub(w.spoke) < quiet {
		return
	}
	var names []string
	for name, p := range w.packages {
		if tests := p.inOrder(); len(tests) > 0 {
			name += " " + tests[0]
			names = append(names, fmt.Sprintf("%s (%v)", strings.TrimPrefix(name, w.module), whole(now.Sub(p.tests[tests[0]].begun))))
		} else {
			names = append(names, fmt.Sprintf("%s (%v)", w.short(name), whole(now.Sub(p.begun))))
		}
	}
	slices.Sort(names)
	what := "building"
	if len(names) > 0 {
		what = "running: " + strings.Join(names, ", ")
	}
	w.print(now, fmt.Sprintf("... %v: %s\n", whole(now.Sub(w.begun)), what))
}

func whole(d time.Duration) time.Duration { return d.Round(time.Second) }

// inOrder is the tests of p, the one that began first first, and of those that began together the
// innermost.
func (p *running) inOrder() []string {
	names := make([]string, 0, len(p.tests))
	for name := range p.tests {
		if !p.hasInner(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if c := p.tests[a].begun.Compare(p.tests[b].begun); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return names
}

// hasInner is whether a test within this one runs.
func (p *running) hasInner(name string) bool {
	for other := range p.tests {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

func (w *watcher) of(name string, now time.Time) *running {
	p := w.packages[name]
	if p == nil {
		p = &running{begun: now, tests: map[string]*test{}}
		w.packages[name] = p
	}
	return p
}

func (w *watcher) short(pkg string) string { return strings.TrimPrefix(pkg, w.module) }

func (w *watcher) print(now time.Time, text string) {
	if text == "" {
		return
	}
	w.spoke = now
	_, _ = io.WriteString(w.out, text)
}

// record keeps a result for the summary. A record that cannot be written shows in the summary.
func (w *watcher) record(r result) { _ = w.results.Encode(r) }
