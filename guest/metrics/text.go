// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strconv"
	"strings"
)

// family is the samples of one name. labels are the label names in the order of the
// values of each sample.
type family struct {
	name, help string
	kind       string // "gauge" when empty
	labels     []string
	samples    []sample
}

// Gauge makes a family of values that go up and down, with the names of its labels. The names of
// families follow Prometheus' rules: base units, and "_total" behind counters.
func Gauge(name, help string, labels ...string) *Family {
	return &Family{family{name: name, help: help, labels: labels}, nil}
}

// Counter makes a family of values that only grow. Its name ends in "_total".
func Counter(name, help string, labels ...string) *Family {
	return &Family{family{name: name, help: help, kind: "counter", labels: labels}, nil}
}

// Histogram makes a family of histograms with the upper bounds of their buckets; the last bucket has
// none.
func Histogram(name, help string, bounds []float64, labels ...string) *Family {
	return &Family{family{name: name, help: help, kind: "histogram", labels: labels}, bounds}
}

// Family is the samples of one name, for [Collector.Collect].
type Family struct {
	family
	bounds []float64 // of a histogram
}

// Add adds a sample with the values of the labels.
func (f *Family) Add(value float64, labels ...string) { f.add(value, labels...) }

// AddHistogram adds a histogram: how many values each bucket has, those of smaller ones not counted, and the
// sum of all.
func (f *Family) AddHistogram(buckets []uint64, sum float64, labels ...string) {
	n := uint64(0)
	for i, b := range buckets {
		n += b
		le := "+Inf"
		if i < len(f.bounds) {
			le = strconv.FormatFloat(f.bounds[i], 'f', -1, 64)
		}
		f.samples = append(f.samples, sample{slices.Concat(labels, []string{le}), float64(n), "_bucket"})
	}
	f.samples = append(f.samples, sample{labels, sum, "_sum"}, sample{labels, float64(n), "_count"})
}

type sample struct {
	labels []string
	value  float64
	suffix string // of the name; "" but for histograms
}

func (f *family) add(value float64, labels ...string) {
	f.samples = append(f.samples, sample{labels, value, ""})
}

type textWriter struct {
	b strings.Builder
}

// escapeLabel is for label values, where the format wants these three escaped.
var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (w *textWriter) write(f family) {
	if len(f.samples) == 0 {
		return
	}
	kind := f.kind
	if kind == "" {
		kind = "gauge"
	}
	w.line("# HELP ", f.name, " ", f.help)
	w.line("# TYPE ", f.name, " ", kind)
	for _, s := range f.samples {
		w.b.WriteString(f.name)
		w.b.WriteString(s.suffix)
		for i, value := range s.labels {
			w.b.WriteByte("{,"[min(i, 1)])
			if i < len(f.labels) {
				w.b.WriteString(f.labels[i])
			} else {
				w.b.WriteString("le") // of a histogram's bucket
			}
			w.b.WriteString(`="`)
			_, _ = escapeLabel.WriteString(&w.b, value)
			w.b.WriteByte('"')
		}
		if len(s.labels) > 0 {
			w.b.WriteByte('}')
		}
		w.line(" ", strconv.FormatFloat(s.value, 'f', -1, 64))
	}
}

func (w *textWriter) line(parts ...string) {
	for _, p := range parts {
		w.b.WriteString(p)
	}
	w.b.WriteByte('\n')
}
