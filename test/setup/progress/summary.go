// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// result is how a test or, without Test, a package has ended.
type result struct {
	Package string
	Test    string `json:",omitempty"`
	Action  string
	Said    string `json:",omitempty"` // of one that failed or was skipped
}

// tally is what the summary says.
type tally struct {
	passed, failed, skipped int
	failures                []result
	packages                []string            // that failed without a failing test
	reasons                 map[string][]string // of what was skipped, to the tests
	checks                  string              // that were skipped, a line each
}

// summarize says how tests have ended that are recorded in in, and what make check has skipped: a line
// of name, tab and reason for each.
func summarize(in io.Reader, checks string, out io.Writer) error {
	t := tally{checks: strings.TrimSpace(checks), reasons: map[string][]string{}}
	for d := json.NewDecoder(in); ; {
		var r result
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		t.add(r)
	}
	t.print(out)
	return nil
}

func (t *tally) add(r result) {
	switch {
	case r.Test == "" && r.Action == "fail":
		t.packages = append(t.packages, r.Package)
	case r.Test == "":
	case r.Action == "fail":
		t.failed++
		t.failures = append(t.failures, r)
	case r.Action == "skip":
		t.skipped++
		why := reason(r.Said)
		t.reasons[why] = append(t.reasons[why], r.Package+" "+r.Test)
	default:
		t.passed++
	}
}

var place = regexp.MustCompile(`^\s*[A-Za-z0-9_]+\.go:[0-9]+: `)

// reason is the first line that a skipped test has said.
func reason(said string) string {
	for line := range strings.Lines(said) {
		if place.MatchString(line) {
			return cut(strings.TrimSpace(place.ReplaceAllString(line, "")), 150)
		}
	}
	return "no reason given"
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " ..."
}

func (t *tally) print(out io.Writer) {
	if len(t.reasons) > 0 {
		fmt.Fprintf(out, "== skipped: %d tests\n", t.skipped)
		for _, why := range t.mostFirst() {
			fmt.Fprintf(out, "%4d  %s\n      %s\n", len(t.reasons[why]), why, some(t.reasons[why]))
		}
	}
	if t.checks != "" {
		fmt.Fprintf(out, "== skipped in make check:\n      %s\n", strings.NewReplacer("\t", ": ", "\n", "\n      ").Replace(t.checks))
	}
	if t.failed > 0 || len(t.packages) > 0 {
		fmt.Fprintf(out, "== failed: %d tests; packages: %s\n", t.failed, strings.Join(t.packages, " "))
		for _, r := range t.failures {
			fmt.Fprintf(out, "%s %s\n", r.Package, r.Test)
			for line := range strings.Lines(r.Said) {
				if place.MatchString(line) {
					fmt.Fprintf(out, "    %s\n", cut(strings.TrimSpace(line), 400))
				}
			}
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}

// mostFirst is the reasons, those of the most tests first.
func (t *tally) mostFirst() []string {
	var all []string
	for why := range t.reasons {
		all = append(all, why)
	}
	slices.SortFunc(all, func(a, b string) int {
		if d := len(t.reasons[b]) - len(t.reasons[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return all
}

// some names a few tests.
func some(tests []string) string {
	const few = 4
	if len(tests) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(tests[:few], ", "), len(tests)-few)
	}
	return strings.Join(tests, ", ")
}
