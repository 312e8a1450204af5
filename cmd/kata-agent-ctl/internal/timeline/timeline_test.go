// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "draw docs/images/trace.svg anew")

const (
	sample = "../../../../docs/samples/trace.json"
	image  = "../../../../docs/images/trace.svg"
)

// TestExample draws the example of docs/tracing.md. go test -update draws it anew.
func TestExample(t *testing.T) {
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	got := draw(t, text)
	if *update {
		if err := os.WriteFile(image, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(image); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what is drawn of %s (%v): after a wanted change, go test -update", image, sample, err)
	}
	if framed := draw(t, frames(text)); !bytes.Equal(got, framed) {
		t.Error("the same spans in frames give another picture")
	}
	for _, words := range []string{"exec_process c1 e1", "spawn", "wait for block device", "libcontainer create", "8 requests"} {
		if !bytes.Contains(got, []byte(words)) {
			t.Errorf("the picture does not have %q", words)
		}
	}
}

// frames are lines of JSON as an agent sends them.
func frames(lines []byte) (out []byte) {
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSpace(line)
		out = append(binary.BigEndian.AppendUint64(out, uint64(len(line))), line...)
	}
	return out
}

// draw also sees to it that the picture is XML.
func draw(t *testing.T, file []byte) []byte {
	t.Helper()
	spans, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var svg bytes.Buffer
	if err := Draw(&svg, spans); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return svg.Bytes()
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg.Bytes())
		}
	}
}

// TestCutOff: of a file that ends anywhere the whole spans are read.
func TestCutOff(t *testing.T) {
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	head := append(append([]byte(nil), lines[0]...), lines[1]...)
	for name, file := range map[string][]byte{"frames": frames(head), "lines": head} {
		for _, n := range []int{len(file) - 2, len(file) - 100, len(file) - len(lines[1]) + 1} {
			spans, err := Read(bytes.NewReader(file[:n]))
			if err != nil || len(spans) != 1 {
				t.Errorf("%s cut at %d: %d spans, %v; want one", name, n, len(spans), err)
			}
		}
	}
}

// TestOTLP reads what the collector writes.
func TestOTLP(t *testing.T) {
	const text = `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"0a","spanId":"0b","parentSpanId":"0c",
		"name":"x","kind":2,"startTimeUnixNano":"1000000001","endTimeUnixNano":"2000000000",
		"attributes":[{"key":"req","value":{"stringValue":"R { .. }"}},{"key":"n","value":{"intValue":"3"}}],
		"status":{"message":"why","code":2}}]}]}]}`
	spans, err := Read(strings.NewReader(text + "\n" + text))
	want := Span{
		Trace: "0a", ID: "0b", Parent: "0c", Name: "x", Start: time.Unix(1, 1), End: time.Unix(2, 0), Request: true,
		Attributes: map[string]string{"req": "R { .. }", "n": "3"}, Failed: true, Message: "why",
	}
	if err != nil || len(spans) != 2 || !reflect.DeepEqual(spans[1], want) {
		t.Errorf("%+v, %v; want twice %+v", spans, err, want)
	}
}

// TestNoSpans: what is not a trace is told from one that is empty.
func TestNoSpans(t *testing.T) {
	for _, text := range []string{"", "hello", `{"a":1}`, "\x00\xff\xff\xff\xff\xff\xff\xffx", "[]", `{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	spans, err := Read(strings.NewReader(`{"resourceSpans":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := Draw(io.Discard, spans); !errors.Is(err, ErrEmpty) {
		t.Errorf("drawn: %v, want %v", err, ErrEmpty)
	}
}

// TestStrangeSpans: spans that no agent sends are drawn, too, and their texts stay texts.
func TestStrangeSpans(t *testing.T) {
	now := time.Unix(100, 0)
	spans := []Span{
		{Trace: "t", ID: "itself", Parent: "itself", Name: "own parent", Start: now, End: now},
		{Trace: "t", ID: "a", Parent: "b", Name: "circle", Start: now, End: now},
		{Trace: "t", ID: "b", Parent: "a", Name: "circle", Start: now, End: now},
		{Trace: "t", ID: "back", Name: "</text><script>alert(1)</script>\x00\n", Start: now, End: now.Add(-time.Hour), Request: true,
			Attributes: map[string]string{"req": "{ a: ]]>"}, Failed: true, Message: strings.Repeat("é<&", 500)},
	}
	var svg bytes.Buffer
	if err := Draw(&svg, spans); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(svg.String(), "<script") {
		t.Error("a name has become a script")
	}
	if err := xml.Unmarshal(svg.Bytes(), new(struct{})); err != nil {
		t.Error(err)
	}
}
