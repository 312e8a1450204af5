// SPDX-License-Identifier: Apache-2.0

package metrics

import (
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

type sample struct {
	labels []string
	value  float64
}

func (f *family) add(value float64, labels ...string) {
	f.samples = append(f.samples, sample{labels, value})
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
		for i, value := range s.labels {
			w.b.WriteByte("{,"[min(i, 1)])
			w.b.WriteString(f.labels[i])
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
